"""Fixtures that several files here share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from staycalm.adapters.filestore import FileStore
from tests.adapters.balancer import Balancer
from tests.adapters.envoys import PATIENT, EnvoyWorld, Tell
from tests.adapters.shop import Story, open_shop


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvoyWorld]:
    """One Envoy for all stories of a file."""
    settings = replace(PATIENT, access_log_bytes=20_000, ejection_s=60, health_interval_s=0.1)
    world = EnvoyWorld(tmp_path_factory.mktemp("envoy"), settings)
    yield world
    world.close()


@pytest.fixture
def tell(world: EnvoyWorld) -> Tell:
    """`tell(story, health_path=…)` opens a placement of its own, declared so, and runs the story in it."""

    async def within(story: Story, changes: dict[str, Any]) -> None:
        async with open_shop(world.router, world.port, **changes) as shop:
            await story(shop)

    return lambda story, **changes: world.run(within(story, changes))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.fixture
def balancer(tmp_path: Path) -> Balancer:
    (tmp_path / "weight").write_text("0")
    return Balancer(tmp_path)
