from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from staycalm.adapters.filestore import FileStore
from staycalm.domains.releases.api import router
from staycalm.domains.releases.intake import Intake
from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.deployments.bare import Caller, bare_app
from tests.domains.deployments.world import World


@pytest.fixture
def world(world_db: Database, clock: VirtualClock) -> World:
    return World(world_db, clock)


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def intake(world: World, tmp_path: Path) -> Intake:
    return Intake(FileStore(tmp_path / "artifacts"), tmp_path / "uploads", 1_000_000, world.db.ids)


@pytest.fixture
def http(world: World, caller: Caller, intake: Intake) -> Iterator[TestClient]:
    with TestClient(bare_app(world.db, caller, router, release_intake=intake)) as client:
        yield client
