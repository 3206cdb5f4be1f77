from __future__ import annotations

from collections.abc import Iterator

import pytest

from staycalm.kit.database import Database
from tests import databases
from tests.conftest import VirtualClock
from tests.domains.monitoring.world import World


@pytest.fixture
def world(clock: VirtualClock) -> Iterator[World]:
    """Watching is many small steps, so it runs on SQLite alone; `world_on_each` is for the statements."""
    with databases.opened("sqlite", clock) as database:
        yield World(database, clock)


@pytest.fixture
def world_on_each(world_db: Database, clock: VirtualClock) -> World:
    return World(world_db, clock)
