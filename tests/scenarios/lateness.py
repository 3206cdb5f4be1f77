"""What is due is done: the earliest due time of everything, asked in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from staycalm.domains.alerts.bulk.model import bulks
from staycalm.domains.alerts.model import alerts
from staycalm.domains.deployments.model import placements, revisions
from staycalm.domains.incidents.postmortem.model import action_items, post_mortem_reminders
from staycalm.domains.monitoring.watching.model import watches
from staycalm.domains.oncall.digest.model import digests
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.domains.oncall.schedules.model import schedules
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import deliveries
from staycalm.kit.reconcile import soonest

LATE_S = 31.0
"""What hangs may take 20 s, and whoever held it before lets go after 5 s; the product complains after 30 s."""

_EARLIEST = {
    "a step of an escalation": soonest(escalations.c.due_at),
    "a message": soonest(notifications.c.due_at),
    "a hand-off": soonest(schedules.c.due_at),
    "a check of the schedules": soonest(schedules.c.coverage_due_at),
    "a digest": soonest(digests.c.due_at),
    "the end of a silence": soonest(alerts.c.due_at),
    "a change to many alerts": soonest(bulks.c.due_at),
    "a reminder of a post-mortem": soonest(post_mortem_reminders.c.due_at),
    "a reminder of an action": soonest(action_items.c.due_at),
    "a rollout": soonest(placements.c.due_at),
    "a revision": soonest(revisions.c.due_at),
    "a watch": soonest(watches.c.due_at),
    "the delivery of an event": soonest(deliveries.c.due_at, deliveries.c.state == "pending"),
}
_STATEMENT = sa.select(*_EARLIEST.values())


def earliest_due(tx: ReadTx) -> dict[str, datetime | None]:
    """Return when the first of each kind is due."""
    return dict(zip(_EARLIEST, tx.rows(_STATEMENT)[0], strict=True))


def check_nothing_is_late(
    earliest: Mapping[str, datetime | None], now: datetime, possible_for_s: float
) -> list[str]:
    """Nothing was due longer than `LATE_S` ago; `possible_for_s`: nothing kept anybody from doing it since."""
    found = []
    for what, due_at in earliest.items():
        late_s = min((now - due_at).total_seconds(), possible_for_s) if due_at is not None else 0.0
        if late_s > LATE_S:
            found.append(f"{what} is {late_s:.0f} s late, without an alarm")
    return found
