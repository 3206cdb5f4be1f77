"""What a use case is given: one transaction, one instant, and the event log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from staycalm.core.actor import Actor
from staycalm.core.events import Event, Recorded
from staycalm.kit.database import order
from staycalm.kit.database.tables import counters, deliveries, events
from staycalm.kit.ids import Ids

Subscriptions = Callable[[str], Sequence[tuple[str, int]]]
"""Event name -> (subscriber, urgency) pairs; urgency 0 is delivered first."""

LIMIT_EXCEEDED = "54"
"""How PostgreSQL's codes for a statement that passes a limit of the program begin (its manual, appendix A)."""


class ReadTx:
    """A consistent view of the database at one instant. `now` does not move while it is open."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        return self.execute(statement).all()

    def one_or_none(self, statement: sa.Executable) -> sa.Row[Any] | None:
        return self.execute(statement).first()

    def scalar(self, statement: sa.Executable) -> Any:
        return self.connection.scalar(statement)


def blames_statement(tx: ReadTx, error: sa.exc.DBAPIError) -> bool:
    """Return whether the database is there and refuses this one statement, as it will the next time.

    Such is SQLite's general error (an unknown column, too many parameters), and a limit of PostgreSQL's. All else
    says nothing about the statement: no answer, no disk, another's lock, a time-out as somebody locks the table.
    After it the transaction goes on; one that SQLite has undone by itself cannot, whatever the error reads like.
    """
    original: Any = error.orig
    if tx.dialect == "sqlite":
        raw: Any = tx.connection.connection.dbapi_connection
        code = getattr(original, "sqlite_errorcode", sqlite3.SQLITE_OK)
        return bool(raw.in_transaction) and code & 0xFF == sqlite3.SQLITE_ERROR
    return str(getattr(original, "sqlstate", "") or "").startswith(LIMIT_EXCEEDED)


class Tx(ReadTx):
    """One write transaction: everything in it, events included, is committed together or not at all."""

    def __init__(self, connection: sa.Connection, now: datetime, ids: Ids, subscriptions: Subscriptions) -> None:
        super().__init__(connection, now)
        self.ids = ids
        self._subscriptions = subscriptions
        self.emitted: list[Recorded[Event]] = []
        self._is_announced = False

    def emit(self, actor: Actor, event: Event) -> int:
        """The event is in the log with one delivery per subscriber; returns its seq."""
        values: dict[str, Any] = {
            "at": self.now,
            "name": event.name,
            "version": event.version,
            "subject": event.subject,
            "service": event.service,
            "environment": event.environment,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "body": event.body(),
        }
        if not self._is_announced and self.dialect == "postgresql":
            order.announce(self.connection)
            self._is_announced = True
        seq = int(self.execute(events.insert().values(values)).inserted_primary_key[0])  # type: ignore[index]
        wanted = self._subscriptions(event.name)
        if wanted:
            self.execute(
                deliveries.insert(),
                [
                    {
                        "event_seq": seq,
                        "subscriber": name,
                        "subject": event.subject,
                        "urgency": urgency,
                        "state": "pending",
                        "due_at": self.now,
                        "attempts": 0,
                    }
                    for name, urgency in wanted
                ],
            )
        self.emitted.append(Recorded(seq, self.now, actor, event))
        return seq

    def next_number(self, kind: str) -> int:
        """Return the next number of this kind, from 1; a rolled back transaction gives its number back."""
        insert: Any = postgresql.insert if self.dialect == "postgresql" else sqlite.insert
        statement = insert(counters).values(kind=kind, value=1)
        statement = statement.on_conflict_do_update(
            index_elements=["kind"], set_={"value": counters.c.value + 1}
        ).returning(counters.c.value)
        return int(self.scalar(statement))

    def guarded_update(self, statement: sa.Update, parameters: Mapping[str, Any] | None = None) -> int:
        """Return how many rows the update hit: 0 means that somebody else was first."""
        return self.execute(statement, parameters).rowcount

    def insert_or_ignore(self, table: sa.Table, values: Mapping[str, Any], *, on: Sequence[str]) -> bool:
        """Return True when the row was inserted, False when one with the same `on` columns was there."""
        # psycopg's count is dropped for an INSERT unless it is asked for: it would read -1, "not inserted".
        return self.execute(_insert_or(self.dialect, table, tuple(on), ()), dict(values)).rowcount > 0

    def upsert(self, table: sa.Table, values: Mapping[str, Any], *, on: Sequence[str]) -> None:
        """The row with these `on` columns holds `values`."""
        changed = tuple(key for key in values if key not in on)
        self.execute(_insert_or(self.dialect, table, tuple(on), changed), dict(values))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone when it raises; the transaction goes on."""
        mark, was_announced = len(self.emitted), self._is_announced
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self.emitted[mark:]
            # A savepoint that is undone gives back the locks that were taken in it.
            self._is_announced = was_announced
            raise


@lru_cache(maxsize=1024)
def _insert_or(dialect: str, table: sa.Table, on: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    """Return an insert that changes these columns of a row that is there, or nothing of it without any.

    Built once per shape: building one costs more than running it.
    """
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=on).execution_options(preserve_rowcount=True)
    return statement.on_conflict_do_update(
        index_elements=on, set_={key: statement.excluded[key] for key in changed}
    )
