from __future__ import annotations

from collections.abc import Iterator

import pytest

from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.accounts.server import Server, serve


@pytest.fixture
def server(world_db: Database, clock: VirtualClock) -> Iterator[Server]:
    with serve(world_db, clock) as running:
        yield running
