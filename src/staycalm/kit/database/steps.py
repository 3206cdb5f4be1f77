"""The steps of the schema's history, taken by Alembic. Imported only when there is one to take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from staycalm.kit.database import history


def configuration(connection: sa.Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in the package."""
    config = Config()
    config.set_main_option("script_location", str(history.FOLDER))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def up(connection: sa.Connection, revision: str = "head") -> None:
    """The schema behind `connection` is at `revision`; the caller has the transaction."""
    command.upgrade(configuration(connection), revision)


def down(connection: sa.Connection, revision: str) -> None:
    """The schema behind `connection` is back at `revision` (or `base`); the caller has the transaction."""
    command.downgrade(configuration(connection), revision)
