"""Opening the two engines with the settings that were measured (docs/why/database.md)."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, StaticPool

from staycalm.core.errors import Invalid

POSTGRES_STATEMENT_TIMEOUT_MS = 30_000
POSTGRES_OPTIONS = {
    "statement_timeout": str(POSTGRES_STATEMENT_TIMEOUT_MS),
    # A process that froze in the middle must not hold its row locks for ever.
    "idle_in_transaction_session_timeout": str(POSTGRES_STATEMENT_TIMEOUT_MS),
    "timezone": "UTC",
}
POSTGRES_LIVENESS = {
    # A server that vanished without a word is noticed in about ten seconds; the kernel's default is two hours.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def is_sqlite(url: str) -> bool:
    """Return whether the URL names a SQLite file; raises Invalid for anything but the two engines."""
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme not in ("sqlite", "postgresql"):
        raise Invalid(
            "bad-database-url",
            f"{scheme}: is not a database StayCalm knows",
            next_step="Use sqlite:///PATH or postgresql://USER@HOST/NAME.",
        )
    return scheme == "sqlite"


def open_sqlite(url: str, *, is_writer: bool, busy_timeout_ms: int = 5000) -> sa.Engine:
    """Return an engine on the file. A writer begins IMMEDIATE: a deferred one that writes later loses the lock."""
    in_memory = url in ("sqlite://", "sqlite:///:memory:")
    engine = sa.create_engine(
        url,
        poolclass=StaticPool if in_memory else None if is_writer else NullPool,
        connect_args={"check_same_thread": False},
        **({} if in_memory or not is_writer else {"pool_size": 1, "max_overflow": 0}),
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        # Python's own transaction handling loses updates: `_begin` says BEGIN instead.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={busy_timeout_ms}",
            "temp_store=MEMORY",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def _begin(connection: Any) -> None:
        connection.execute("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    # Not a listener to the "begin" event: with one, every statement asks who else is listening, which is a tenth
    # of what a small transaction costs.
    engine.dialect.do_begin = _begin  # type: ignore[method-assign, assignment]
    return engine


def open_postgres(url: str, *, pool_size: int) -> sa.Engine:
    """Return an engine with `pool_size` connections; a dead connection is noticed before it is used."""
    scheme, _, rest = url.partition(":")
    return sa.create_engine(
        f"postgresql+psycopg:{rest}" if scheme.startswith("postgresql") else url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={
            "application_name": "staycalm",
            **POSTGRES_LIVENESS,
            "options": " ".join(f"-c {name}={value}" for name, value in POSTGRES_OPTIONS.items()),
        },
    )
