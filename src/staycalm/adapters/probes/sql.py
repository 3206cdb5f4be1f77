"""A query that must return no row, asked read-only and within a deadline."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from staycalm.kit.clock import Clock

ROWS_LIMIT = 1000
# SQLite asks whether to go on every so many steps of its machine.
STEPS_BETWEEN_LOOKS = 10_000
_REFERENCE = re.compile(r"\$\{(env|file):([^{}]+)\}")


def ask(url: str, sql: str, *, timeout_s: float, clock: Clock) -> tuple[bool, str]:
    """Return whether the query returned no row, and what it did in words: never a value of the data.

    Blocks for `timeout_s` seconds at most. `url` is a SQLAlchemy URL (sqlite, postgresql) whose secrets may be
    `${env:NAME}` or `${file:PATH}`; what is wrong with it is said without repeating it.
    """
    try:
        engine = _engine(sa.make_url(_resolved(url)), timeout_s)
    except (LookupError, OSError):
        return False, "the database URL refers to an environment variable or file that is not there"
    except (sa.exc.ArgumentError, ValueError):
        return False, "the database URL is not one of sqlite or postgresql"
    deadline = clock.monotonic() + timeout_s
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                raw: Any = connection.connection.dbapi_connection
                raw.set_progress_handler(lambda: clock.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
            many = len(connection.execute(sa.text(sql)).fetchmany(ROWS_LIMIT + 1))
    except sa.exc.ResourceClosedError:
        return False, "the check's SQL is not a query"
    except sa.exc.DBAPIError as error:
        return False, f"the database says: {str(error.orig).strip().splitlines()[0][:150]}"
    except sa.exc.SQLAlchemyError as error:
        return False, f"the query cannot be asked ({type(error).__name__})"
    finally:
        engine.dispose()
    if many == 0:
        return True, "no row"
    return False, f"{many if many <= ROWS_LIMIT else f'over {ROWS_LIMIT}'} rows where there must be none"


def _resolved(url: str) -> str:
    def one(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return os.environ[name] if kind == "env" else Path(name).read_text(encoding="utf-8").strip()

    return _REFERENCE.sub(one, url)


def _engine(url: sa.URL, timeout_s: float) -> sa.Engine:
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database:
        # Read-only, and never creating the file that it is asked about.
        read_only = sa.URL.create("sqlite", database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        return sa.create_engine(read_only, poolclass=NullPool)
    if backend != "postgresql":
        raise ValueError(backend)
    options = f"-c statement_timeout={math.ceil(timeout_s * 1000)} -c default_transaction_read_only=on"
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": max(1, math.ceil(timeout_s)), "options": options},
    )
