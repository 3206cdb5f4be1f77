from __future__ import annotations

import pytest

from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.monitoring.world import World


@pytest.fixture
def world(world_db: Database, clock: VirtualClock) -> World:
    return World(world_db, clock)
