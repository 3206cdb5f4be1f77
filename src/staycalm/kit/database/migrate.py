"""Bringing the database to this code's schema: under a lock, after a backup, up and down."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from staycalm.core.errors import Conflict
from staycalm.kit.database.database import Database, said_in_words
from staycalm.kit.database.history import VERSION_TABLE, current_revision, is_known, newest_revision
from staycalm.kit.database.tables import events

logger = logging.getLogger("staycalm.database.migrate")
ADVISORY_LOCK = 7_726_229  # an arbitrary number that only StayCalm's migrations use


@contextlib.contextmanager
def _alone(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection while no other process migrates the same database; waits for one that does."""
    with said_in_words(), database.engine.connect() as connection:
        if database.is_sqlite:
            yield connection
            return
        # Neither waiting for another's migration nor a long step of one's own is a hanging statement.
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        connection.commit()
        try:
            yield connection
        finally:
            # The lock and the setting end with the session, whatever state it is in.
            connection.invalidate()


def upgrade(database: Database, *, backups: Path, kept: int) -> str | None:
    """The schema is this code's or newer; returns the revision it was at when something had to be done.

    An existing database is backed up into `backups` first (`kept` files stay). Old code runs on a newer
    schema: a revision that this code does not know is left alone. Raises Conflict for somebody else's
    database, Unavailable for one that does not answer.
    """
    with _alone(database) as connection:
        before = current_revision(connection)
        _refuse_foreign(connection, before)
        connection.rollback()
        newest = newest_revision()
        if before == newest or (before is not None and not is_known(before)):
            return None
        if before is not None:
            _back_up_first(database, backups, kept)
        logger.info("Running upgrade", extra={"from_revision": before or "empty", "to_revision": newest})
        with connection.begin():
            _steps().up(connection)
    return before or "empty"


def _refuse_foreign(connection: sa.Connection, revision: str | None) -> None:
    """Raise Conflict when there are tables, and they are not StayCalm's, whatever revision they name."""
    tables = set(sa.inspect(connection).get_table_names())
    if (tables - {VERSION_TABLE} and revision is None) or (revision is not None and events.name not in tables):
        raise Conflict(
            "foreign-database",
            "the database has tables, but they are not StayCalm's",
            next_step="Name an empty database in [database] url.",
        )


def _back_up_first(database: Database, backups: Path, kept: int) -> None:
    from staycalm.kit.database import backup

    backup.write(database, backups, kept=kept)


def to_revision(connection: sa.Connection, revision: str) -> None:
    """The empty database behind `connection` is at `revision`; the caller has the transaction."""
    if not is_known(revision):
        raise Conflict(
            "newer-backup",
            f"the backup was made by newer code (schema {revision})",
            next_step="Install at least the version that made it.",
        )
    _steps().up(connection, revision)


def downgrade(database: Database, revision: str) -> None:
    """The schema is at `revision` (or `base`)."""
    with _alone(database) as connection, connection.begin():
        _steps().down(connection, revision)


def _steps() -> ModuleType:
    """Alembic takes 90 ms to import, and most starts find nothing to be done."""
    from staycalm.kit.database import steps

    return steps
