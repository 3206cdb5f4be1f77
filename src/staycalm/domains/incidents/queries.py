"""All reads of incidents. What happened is read from the event log, never kept twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Invalid, NotFound
from staycalm.core.events import LogEntry
from staycalm.core.pagination import Page, check_limit, cut
from staycalm.core.placement import Placement
from staycalm.core.priority import Priority
from staycalm.domains.incidents.machine import OPEN, State
from staycalm.domains.incidents.model import (
    incident_causes,
    incident_notes,
    incident_roles,
    incidents,
    post_mortems,
)
from staycalm.domains.incidents.report.facts import About, Facts, Holder, PostMortem, gather
from staycalm.domains.incidents.timeline.decisions import TimelineEntry, compose
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

PARTS_LIMIT = 500
REPORT_LIMIT = 5000
_NAME = re.compile(r"(?:INC-)?([0-9]{1,15})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident's row. Times are None where unknown or not yet."""

    id: str
    number: int
    title: str
    priority: Priority
    state: State
    service: str | None
    environment: str | None
    declared_by: str
    declared_at: datetime
    impact_started_at: datetime | None
    detected_at: datetime | None
    impact_ended_at: datetime | None
    resolved_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def placement(self) -> Placement | None:
        if self.service is None or self.environment is None:
            return None
        return Placement(self.service, self.environment)

    @property
    def url_path(self) -> str:
        return f"/incidents/{self.id}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A sign that belongs to an incident. `kind`: rollback, alert, hand; `subject`: DEP-7, ALG-3 or None."""

    cause: str
    incident: str
    kind: str
    subject: str | None
    priority: Priority
    summary: str
    happened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody, or StayCalm, wrote down."""

    id: str
    at: datetime
    by: str
    text: str


def incident_of(row: sa.Row[Any]) -> Incident:
    """Return the row as a value."""
    values = dict(row._mapping)
    values.pop("open_placement", None)
    return Incident(**values)


def get_incident(tx: ReadTx, name: str) -> Incident:
    """Return the incident that `INC-7`, `inc-7` or `7` means; raises NotFound."""
    match = _NAME.match(name.strip())
    row = None
    if match is not None:
        row = tx.one_or_none(sa.select(incidents).where(incidents.c.number == int(match[1])))
    if row is None:
        raise NotFound(
            "no-incident", f"there is no incident {name[:40]!r}", next_step="`sc ops incidents` lists them."
        )
    return incident_of(row)


def find_open_for(tx: ReadTx, placement: Placement) -> Incident | None:
    """Return the open incident that signs on the placement join, or None."""
    row = tx.one_or_none(sa.select(incidents).where(incidents.c.open_placement == str(placement)))
    return incident_of(row) if row is not None else None


def list_incidents(
    tx: ReadTx,
    *,
    limit: int,
    cursor: str | None = None,
    only_open: bool = False,
    priority: Priority | None = None,
    service: str | None = None,
) -> Page[Incident]:
    """Return the newest incidents first."""
    c = incidents.c
    statement = sa.select(incidents).order_by(c.number.desc()).limit(check_limit(limit) + 1)
    if cursor is not None:
        statement = statement.where(c.number < _number(cursor))
    if only_open:
        statement = statement.where(c.state.in_(sorted(OPEN)))
    if priority is not None:
        statement = statement.where(c.priority == priority)
    if service is not None:
        statement = statement.where(c.service == service)
    return cut([incident_of(row) for row in tx.rows(statement)], limit, lambda each: str(each.number))


def causes_of(tx: ReadTx, incident: str) -> tuple[Cause, ...]:
    """Return the first 500 causes of the incident, oldest first."""
    c = incident_causes.c
    statement = (
        sa.select(incident_causes)
        .where(c.incident == incident)
        .order_by(c.happened_at, c.cause)
        .limit(PARTS_LIMIT)
    )
    return tuple(Cause(**row._mapping) for row in tx.rows(statement))


def roles_of(tx: ReadTx, incident: str) -> tuple[Holder, ...]:
    """Return who held which role when, oldest first."""
    c = incident_roles.c
    statement = (
        sa.select(c.role, c.person, c.since, c.until)
        .where(c.incident == incident)
        .order_by(c.since, c.id)
        .limit(PARTS_LIMIT)
    )
    return tuple(Holder(**row._mapping) for row in tx.rows(statement))


def notes_of(tx: ReadTx, incident: str) -> tuple[Note, ...]:
    """Return the first 500 notes, oldest first."""
    c = incident_notes.c
    statement = (
        sa.select(c.id, c.at, c.by, c.text).where(c.incident == incident).order_by(c.at, c.id).limit(PARTS_LIMIT)
    )
    return tuple(Note(**row._mapping) for row in tx.rows(statement))


def find_post_mortem(tx: ReadTx, incident: str) -> PostMortem | None:
    """Return what is due for the incident, or None."""
    c = post_mortems.c
    row = tx.one_or_none(sa.select(c.kind, c.due_at).where(c.incident == incident))
    return PostMortem(**row._mapping) if row is not None else None


def subjects_of(tx: ReadTx, incident: str) -> list[str]:
    """Return whose events make up the timeline: the incident's and its causes'."""
    found = [incident, *(each.subject for each in causes_of(tx, incident) if each.subject is not None)]
    return list(dict.fromkeys(found))


def timeline(tx: ReadTx, name: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
    """Return a page of the timeline, oldest first; the next page begins after its last event in the log."""
    incident = get_incident(tx, name)
    after = _number(cursor) if cursor is not None else 0
    condition = events.c.subject.in_(subjects_of(tx, incident.id))
    page = cut(log.after(tx, after, condition, limit=check_limit(limit) + 1), limit, lambda each: str(each.seq))
    entries = compose(page.items, incident=incident.id, ended_at=incident.resolved_at)
    return Page(entries, page.next_cursor)


def newest_events(tx: ReadTx, incident: str, *, limit: int) -> list[LogEntry]:
    """Return the last events of the incident and its causes, oldest first."""
    is_about = events.c.subject.in_(subjects_of(tx, incident))
    rows = tx.rows(log.SELECT.where(is_about).order_by(events.c.seq.desc()).limit(limit))
    return [log.entry(row) for row in reversed(rows)]


def facts(tx: ReadTx, name: str) -> Facts:
    """Return everything a report is made of, from at most the first 5,000 events."""
    incident = get_incident(tx, name)
    values = {field: getattr(incident, field) for field in About.__slots__}
    return gather(
        About(**values),
        log.about(tx, subjects_of(tx, incident.id), limit=REPORT_LIMIT),
        roles=roles_of(tx, incident.id),
        post_mortem=find_post_mortem(tx, incident.id),
    )


def open_incidents(tx: ReadTx, *, limit: int = 100) -> tuple[Incident, ...]:
    """Return the open incidents, the most urgent and then the newest first."""
    c = incidents.c
    statement = (
        sa.select(incidents).where(c.state.in_(sorted(OPEN))).order_by(c.priority, c.number.desc()).limit(limit)
    )
    return tuple(incident_of(row) for row in tx.rows(statement))


def _number(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid("bad-cursor", "the cursor is not one of this list", next_step="Begin without a cursor.")
    return int(cursor)
