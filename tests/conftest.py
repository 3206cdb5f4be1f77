"""Fixtures every test may use: virtual time, repeatable ids, a database that runs inline."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from staycalm.kit.clock import Clock
from staycalm.kit.database import Database
from tests import databases

# A slow or busy machine is no reason to fail: no property is about the time it takes to show it.
# The same examples in every run; SC_SEARCH=1 looks for new ones.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("searching", settings.get_profile("patient"), derandomize=False)
settings.load_profile("searching" if "SC_SEARCH" in os.environ else "patient")

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


def pytest_configure() -> None:
    """Ctrl-C reaches the programs under test: a run in the background ignores it, and its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """The tests and all they import stay to the end: collections that look at them take a tenth of a run."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture(params=databases.ENGINES)
def world_db(request: pytest.FixtureRequest, clock: VirtualClock) -> Iterator[Database]:
    """An empty database with every table, inline: `drive(world_db.write(use_case, …))`. Once on each engine."""
    with databases.opened(request.param, clock) as database:
        yield database


OpenDatabase = Callable[[Clock], AbstractContextManager[Database]]


@pytest.fixture(scope="module", params=databases.ENGINES)
def open_db(request: pytest.FixtureRequest) -> OpenDatabase:
    """`with open_db(clock) as database:` for tests that need several, one for each of their examples."""
    return partial(databases.opened, request.param)


@pytest.fixture(scope="session", autouse=True)
def databases_are_dropped() -> Iterator[None]:
    """What this run made on the PostgreSQL server is gone at its end."""
    yield
    databases.drop_all()


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
    return databases.SERVER


# Files that wait for servers, proxies and browsers begin first, so that none of them is left alone at the end.
LONG = ("browser", "processes", "security", "cli", "scenarios", "migrations", "adapters")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(Path(__file__).parent).parts[0], len(LONG)))
