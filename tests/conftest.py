"""Fixtures every test may use: virtual time, repeatable ids, a database that runs inline."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from staycalm.kit.database import Database
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids

R = TypeVar("R")


class VirtualClock:
    """Time that moves only when the test says so."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._origin = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._origin).total_seconds()

    def advance(self, **parts: float) -> None:
        self._now += timedelta(**parts)

    def move_to(self, instant: datetime) -> None:
        assert instant >= self._now, "virtual time does not go back"
        self._now = instant


def drive(coroutine: Coroutine[Any, Any, R]) -> R:
    """Return the result of a coroutine that never suspends (inline database, fake ports)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("the coroutine suspended: something in it waits for the outside")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def world_db(clock: VirtualClock) -> Iterator[Database]:
    """An empty database with every table, inline: `drive(world_db.write(use_case, …))`."""
    import staycalm.app.tables  # noqa: F401 - declares every domain's tables

    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    metadata.create_all(database.engine)
    yield database
    database.close()


Write = Callable[..., Any]


@pytest.fixture
def write(world_db: Database) -> Write:
    """`write(use_case, *args)` runs it as one transaction."""
    return lambda use_case, *args, **named: drive(world_db.write(use_case, *args, **named))


@pytest.fixture
def read(world_db: Database) -> Write:
    """`read(query, *args)` runs it in one read transaction."""
    return lambda query, *args, **named: drive(world_db.read(query, *args, **named))


def postgres_url() -> str | None:
    """Return the server the tests may make databases on, or None."""
    return os.environ.get("SC_TEST_POSTGRES")
