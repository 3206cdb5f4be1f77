"""When an incident pages, what joins it, and when its post-mortem is due."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.priority import Priority
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class IncidentsSettings:
    """Section `incidents`."""

    rollback_priority: Priority | None = setting(
        None,
        doc="Priority of every incident opened by an automatic rollback; empty: P2 when stable is healthy "
        "afterwards, else P1.",
    )
    rollback_window_s: float = setting(
        600.0, unit="s", doc="How long after a rollback new signs on its placement join the rollback's incident."
    )
    post_mortem_within_s: float = setting(
        172800.0, unit="s", doc="Time after the end of a P0 or P1 until its post-mortem is due (SOP §5.3)."
    )
