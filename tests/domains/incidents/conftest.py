"""The organisation, ready for something to go wrong."""

from __future__ import annotations

import pytest

from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.incidents.world import IncidentWorld


@pytest.fixture
def world(world_db: Database, clock: VirtualClock) -> IncidentWorld:
    return IncidentWorld(world_db, clock)
