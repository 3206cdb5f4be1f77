"""Reads of escalations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.core.events import LogEntry
from staycalm.core.priority import Priority
from staycalm.domains.oncall.escalations.decisions import FrozenStep, steps_from_json
from staycalm.domains.oncall.escalations.machine import State
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.events import PageAcknowledged
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

MOST_TOLD = 500


@dataclass(frozen=True, slots=True)
class Escalation:
    """One escalation as the others see it. `people` were paged or told since it last began; `due_at` is next."""

    id: str
    subject: str
    policy: str
    service: str | None
    environment: str | None
    priority: Priority
    title: str
    url_path: str
    state: State
    steps: tuple[FrozenStep, ...]
    rounds: int
    generation: int
    round: int
    next_index: int
    current_step: str | None
    people: tuple[str, ...]
    started_at: datetime
    due_at: datetime | None
    acknowledgement_timeout_s: float
    version: int


def find_open(tx: ReadTx, subject: str) -> Escalation | None:
    """Return the open escalation of the subject, or None."""
    row = tx.one_or_none(sa.select(escalations).where(escalations.c.open_subject == subject))
    return _escalation(row) if row is not None else None


def find_escalation(tx: ReadTx, id: str) -> Escalation | None:
    """Return one escalation by its id, or None."""
    row = tx.one_or_none(sa.select(escalations).where(escalations.c.id == id))
    return _escalation(row) if row is not None else None


def get_open(tx: ReadTx, subject: str) -> Escalation:
    """Return the open escalation of the subject; raises NotFound."""
    found = find_open(tx, subject)
    if found is None:
        raise NotFound("no-escalation", f"nobody is being paged for {subject[:80]}")
    return found


def holder_of(tx: ReadTx, escalation: Escalation) -> tuple[str, datetime | None]:
    """Return who acknowledged last and when, from the event log; ("", None) when nobody has."""
    statement = (
        log.SELECT.where(events.c.subject == escalation.subject, events.c.name == PageAcknowledged.name)
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    row = tx.one_or_none(statement)
    return (str(row.body.get("person", "")), row.at) if row is not None else ("", None)


def told_after(tx: ReadTx, subject: str, seq: int, names: Sequence[str]) -> list[LogEntry]:
    """Return what was told of the subject after the event `seq`, in order; at most the first 500 events."""
    statement = log.SELECT.where(events.c.subject == subject, events.c.seq > seq, events.c.name.in_(names))
    return [log.entry(row) for row in tx.rows(statement.order_by(events.c.seq).limit(MOST_TOLD))]


def escalations_of(tx: ReadTx, subject: str) -> tuple[Escalation, ...]:
    """Return every escalation of the subject, the newest first."""
    statement = (
        sa.select(escalations)
        .where(escalations.c.subject == subject)
        .order_by(escalations.c.started_at.desc(), escalations.c.id.desc())
        .limit(50)
    )
    return tuple(_escalation(row) for row in tx.rows(statement))


def list_open(tx: ReadTx, *, limit: int = 100) -> tuple[Escalation, ...]:
    """Return the open escalations, the newest first."""
    statement = (
        sa.select(escalations)
        .where(escalations.c.open_subject.is_not(None))
        .order_by(escalations.c.started_at.desc(), escalations.c.id.desc())
        .limit(limit)
    )
    return tuple(_escalation(row) for row in tx.rows(statement))


def overdue_count(tx: ReadTx, late_s: float) -> int:
    """Return how many steps should have been taken more than `late_s` seconds ago, counted up to 1000."""
    late = (
        sa.select(escalations.c.id)
        .where(escalations.c.due_at <= tx.now - timedelta(seconds=late_s))
        .limit(1000)
        .subquery()
    )
    return int(tx.scalar(sa.select(sa.func.count()).select_from(late)) or 0)


def _escalation(row: sa.Row[Any]) -> Escalation:
    values = {key: value for key, value in row._mapping.items() if key != "open_subject"}
    values["steps"] = steps_from_json(row.steps)
    values["people"] = tuple(row.people)
    return Escalation(**values)
