"""How alerts are escalated and how long they may be muted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from staycalm.core.priority import Priority
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class AlertsSettings:
    """Section `alerts`."""

    escalate_p0_to: Literal["incident", "group", "none"] = setting(
        "incident", doc="What a P0 alert leads to: an incident that pages, a page for the alert group, or neither."
    )
    escalate_p1_to: Literal["incident", "group", "none"] = setting(
        "incident", doc="What a P1 alert leads to: an incident that pages, a page for the alert group, or neither."
    )
    longest_silence_s: float = setting(86400.0, unit="s", doc="The longest a silence may last from now.")
    longest_maintenance_s: float = setting(604800.0, unit="s", doc="The longest a maintenance may last from now.")
    flap_window_s: float = setting(
        3600.0, unit="s", doc="An alert that fires again within this time of its end counts as flapping."
    )
    keep_resolved_s: float = setting(
        180 * 86400.0, unit="s", doc="How long resolved alerts and ended silences are kept."
    )

    def escalates(self, priority: Priority) -> Literal["incident", "group", "none"]:
        """Return what an alert of this priority leads to; P2 and P3 page nobody (SOP §4.1)."""
        return {"P0": self.escalate_p0_to, "P1": self.escalate_p1_to}.get(priority, "none")
