"""Databases to back up: empty ones on either engine, and one that holds every odd value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.core.actor import SYSTEM
from staycalm.core.events import Event
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx, Tx, leases, log, migrate
from staycalm.kit.ids import Ids
from tests import databases
from tests.conftest import drive

ODD = ["plain", "", "ünïcode ✓ \u2028", "quote ' \" \\ %s :x", "Ä", "a", "B", "_", "-"]
ODD_JSON: list[Any] = [
    None,
    True,
    0,
    -1.5,
    1e15,
    {"$utc": "x", "$hex": "zz"},
    [],
    {},
    "2026-01-01T00:00:00Z",
    {"é": [1]},
]


@dataclass(frozen=True, kw_only=True)
class Painted(Event):
    name: ClassVar[str] = "test.painted"
    colour: Any


def paint(tx: Tx, subject: str, colour: Any) -> int:
    return tx.emit(SYSTEM, Painted(subject=subject, colour=colour))


def fill(tx: Tx) -> None:
    for subject in ODD:
        for colour in ODD_JSON:
            paint(tx, subject, colour)
    for name in ODD:
        leases.acquire(tx, name, "somebody", ttl_s=3600)
        tx.next_number(name[:5])


def everything(tx: ReadTx) -> list[tuple[str, Any, datetime]]:
    return [(entry.subject, entry.body["colour"], entry.at) for entry in log.after(tx, 0, limit=10_000)]


Make = Callable[[str], Database]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make("sqlite")` is an empty database without any table; each call makes another."""
    with ExitStack() as stack:
        made: list[Database] = []

        def new(engine: str) -> Database:
            clock = SystemClock()
            if engine == "sqlite":
                url = f"sqlite:///{tmp_path}/{len(made)}.db"
            else:
                url = stack.enter_context(databases.empty_postgres())
            database = Database(url, clock, Ids(clock), inline=True)
            stack.callback(database.close)
            made.append(database)
            return database

        yield new


@pytest.fixture(params=databases.ENGINES)
def filled(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> Database:
    database = make(request.param)
    migrate.upgrade(database, backups=tmp_path / "unused", kept=1)
    drive(database.write(fill))
    return database
