"""The small organisation, ready."""

from __future__ import annotations

import pytest

from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.oncall.world import World


@pytest.fixture
def world(world_db: Database, clock: VirtualClock) -> World:
    """The organisation of `world.FILE` with everything due settled."""
    made = World(world_db, clock)
    made.apply()
    made.settle()
    return made
