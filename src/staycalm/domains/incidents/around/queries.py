"""Reading from the event log what changed just before an incident.

The log is walked by the kind of event between two of its numbers, so that neither its length nor the
incident's age costs anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.deployments.public import find_return
from staycalm.domains.incidents.queries import Incident
from staycalm.domains.incidents.timeline.words import sentence, who
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

WINDOW_S = 7200.0
MOST = 8
CHANGES = (
    "deployments.requested", "deployments.weight_shifted", "deployments.promoted", "deployments.completed",
    "deployments.rolled_back", "catalog.changed", "catalog.placement_changed", "catalog.file_applied",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed. `before_s`: how long before the trouble began; negative, after.

    `returns_to` is the release that serves again once it is rolled back; "": it cannot be, or was already.
    """

    at: datetime
    text: str
    by: str
    subject: str
    service: str | None
    before_s: float
    environment: str | None
    is_here: bool
    returns_to: str


def changes_before(tx: ReadTx, incident: Incident, *, reopened_at: datetime | None = None) -> tuple[Change, ...]:
    """Return the last changes in the two hours before the trouble began (or began again), the nearest first.

    Those of the incident's own service, and files that were applied; without a service, those of any.
    A rollout is told once, by what happened to it last.
    """
    began = reopened_at or incident.impact_started_at or incident.declared_at
    until = reopened_at or min(began + timedelta(seconds=1), incident.declared_at)
    low = tx.scalar(_first_after(began - timedelta(seconds=WINDOW_S)))
    if low is None:
        return ()
    e = events.c
    conditions = [e.name.in_(CHANGES), e.seq >= low, e.at <= until]
    if (high := tx.scalar(_first_after(until + timedelta(seconds=1)))) is not None:
        conditions.append(e.seq <= high)
    if incident.service is not None:
        # A file that was applied stands for everything in it that concerns other services.
        conditions.append(sa.or_(e.service == incident.service, e.name == "catalog.file_applied"))
    rows = tx.rows(log.SELECT.where(*conditions).order_by(e.seq.desc()).limit(10 * MOST))
    found: dict[str, Change] = {}
    for row in rows:
        entry = log.entry(row)
        found.setdefault(entry.subject, _change(entry, incident, began))
    return tuple(_with_return(tx, each) for each in list(found.values())[:MOST])


def _with_return(tx: ReadTx, change: Change) -> Change:
    if not change.subject.startswith("DEP-"):
        return change
    revision = find_return(tx, change.subject)
    return replace(change, returns_to=revision.release) if revision is not None else change


def _first_after(moment: datetime) -> sa.Select[tuple[int]]:
    return sa.select(events.c.seq).where(events.c.at >= moment).order_by(events.c.at).limit(1)


def _change(entry: LogEntry, incident: Incident, began: datetime) -> Change:
    return Change(
        at=entry.at,
        text=_words(entry),
        by=who(entry),
        subject=entry.subject,
        service=entry.service,
        before_s=(began - entry.at).total_seconds(),
        environment=entry.environment,
        is_here=entry.service == incident.service and entry.environment == incident.environment,
        returns_to="",
    )


def _words(entry: LogEntry) -> str:
    body = entry.body
    if entry.name == "catalog.file_applied":
        counts = ", ".join(f"{body.get(name, 0)} {name}" for name in ("added", "changed", "removed"))
        return f"staycalm.yaml applied: {counts}"
    if entry.name.startswith("catalog."):
        what = f"{entry.subject} {body.get('what') or body.get('kind') or 'changed'}"
        return " ".join(f"{what} {body.get('detail') or ''}".split())[:300]
    return sentence(entry) or entry.name
