"""What other domains may call. `tx` first, the actor second where something is written.

Writes: start_escalation, raise_priority, lower_priority, page_again, acknowledge, stop_escalation, notify,
record_server.
Reads: on_call_now, find_open_escalation, pages_for, find_overdue, pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from staycalm.core.priority import Priority
from staycalm.domains.oncall.contacts.service import record_channels
from staycalm.domains.oncall.escalations import queries as escalation_queries
from staycalm.domains.oncall.escalations.decisions import FrozenStep
from staycalm.domains.oncall.escalations.notices import notify
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.escalations.queries import find_open as find_open_escalation
from staycalm.domains.oncall.escalations.service import (
    acknowledge,
    lower_priority,
    page_again,
    raise_priority,
    start_escalation,
    stop_escalation,
)
from staycalm.domains.oncall.notifications import queries as notification_queries
from staycalm.domains.oncall.notifications.queries import Delivery
from staycalm.domains.oncall.notifications.queries import deliveries_of as pages_for
from staycalm.domains.oncall.policies.queries import Timing, timing_by_priority
from staycalm.domains.oncall.policies.service import record_timings
from staycalm.domains.oncall.schedules import queries as schedule_queries
from staycalm.domains.oncall.schedules.queries import OnCallNow, on_call_now
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import ReadTx, Tx

__all__ = [
    "Delivery",
    "Escalation",
    "FrozenStep",
    "OnCallNow",
    "OncallSettings",
    "Overdue",
    "acknowledge",
    "find_open_escalation",
    "find_overdue",
    "lower_priority",
    "notify",
    "on_call_now",
    "page_again",
    "pages",
    "pages_for",
    "raise_priority",
    "record_server",
    "start_escalation",
    "stop_escalation",
]


@dataclass(frozen=True, slots=True)
class Overdue:
    """What should have happened and has not; each counted up to 1000."""

    steps: int
    notifications: int
    shifts: int

    @property
    def is_clean(self) -> bool:
        return not (self.steps or self.notifications or self.shifts)


def find_overdue(tx: ReadTx, *, late_s: float = 30.0) -> Overdue:
    """Return what is more than `late_s` seconds late: cheap indexed counts for the self-watch."""
    return Overdue(
        steps=escalation_queries.overdue_count(tx, late_s),
        notifications=notification_queries.overdue_count(tx, late_s),
        shifts=schedule_queries.overdue_count(tx, late_s),
    )


def pages(tx: ReadTx, priority: Priority) -> bool:
    """Return whether anybody is paged for this priority at all (P0 and P1)."""
    return priority in timing_by_priority(tx)


def record_server(tx: Tx, *, channels: Iterable[str], settings: OncallSettings) -> None:
    """What this server can send through and when it pages holds from now on; call it at every start."""
    record_channels(tx, channels)
    timeouts = settings.acknowledgement_timeout_s()
    by_priority = {
        priority: Timing(after_s, timeouts[priority]) for priority, after_s in settings.page_after_s().items()
    }
    record_timings(tx, by_priority)
