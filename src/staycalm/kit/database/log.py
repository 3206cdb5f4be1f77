"""Reading the event log by cursor. Audit, timelines, the live pages and all figures come from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.events import LogEntry
from staycalm.kit.database import order
from staycalm.kit.database.tables import events
from staycalm.kit.database.transaction import ReadTx

COLUMNS = ("seq", "at", "name", "version", "subject", "service", "environment", "actor_kind", "actor_id",
           "actor_name", "body")  # fmt: skip
SELECT = sa.select(*(events.c[name] for name in COLUMNS))


def entry(row: Any) -> LogEntry:
    """Return the log row as a value."""
    actor = Actor(row.actor_kind, row.actor_id, row.actor_name)
    return LogEntry(
        row.seq, row.at, actor, row.name, row.version, row.subject, row.service, row.environment, dict(row.body)
    )


def visible(tx: ReadTx) -> sa.ColumnElement[bool]:
    """Return the condition under which a cursor may pass a row: nothing with a lower seq can still appear."""
    if tx.dialect == "postgresql":
        return events.c.seq <= order.horizon(tx.connection)
    return sa.true()


def after(tx: ReadTx, seq: int, *conditions: sa.ColumnElement[bool], limit: int = 500) -> list[LogEntry]:
    """Return the oldest `limit` events past the cursor `seq` that no later commit can precede."""
    statement = SELECT.where(events.c.seq > seq, visible(tx), *conditions).order_by(events.c.seq).limit(limit)
    return [entry(row) for row in tx.rows(statement)]


def about(tx: ReadTx, subjects: Sequence[str], *, limit: int = 2000) -> list[LogEntry]:
    """Return the first `limit` events about these subjects, in order."""
    statement = SELECT.where(events.c.subject.in_(list(subjects))).order_by(events.c.seq).limit(limit)
    return [entry(row) for row in tx.rows(statement)]


def newest_seq(tx: ReadTx) -> int:
    """Return the highest seq, 0 when the log is empty."""
    return int(tx.scalar(sa.select(sa.func.max(events.c.seq))) or 0)
