"""Bringing the database to this code's schema: under a lock, after a backup, up and down."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from staycalm.core.errors import Conflict
from staycalm.kit.database.database import Database, said_in_words
from staycalm.kit.database.tables import events

logger = logging.getLogger("staycalm.database.migrate")
SCRIPTS = "staycalm:migrations"
VERSION_TABLE = "alembic_version"
ADVISORY_LOCK = 7_726_229  # an arbitrary number that only StayCalm's migrations use


def configuration(connection: sa.Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in the package."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision this code expects."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None
    return head


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> frozenset[str]:
    """Return every revision this code has."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def is_known(revision: str) -> bool:
    """Return whether this code has that revision; newer code may have migrated already."""
    return revision in known_revisions()


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
            command.upgrade(configuration(connection), "head")
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
    command.upgrade(configuration(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """The schema is at `revision` (or `base`)."""
    with _alone(database) as connection, connection.begin():
        command.downgrade(configuration(connection), revision)
