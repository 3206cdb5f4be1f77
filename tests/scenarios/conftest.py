"""Worlds that check themselves once more when their story is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.scenarios.organisation import QUIET, RARELY_WATCHED, SHOP_FILE
from tests.scenarios.simulation import QUICK, SLOW
from tests.scenarios.world import World

Make = Callable[..., World]


@pytest.fixture
def make_world() -> Iterator[Make]:
    """`make_world(seed=3, is_slow=True, …)` for the stories that need another world than the usual one."""
    made: list[World] = []

    def make(**how: Any) -> World:
        made.append(World(**how))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def world(make_world: Make) -> World:
    """Nothing is declared yet."""
    return make_world()


@pytest.fixture
def office(make_world: Make) -> World:
    """People on call, a service, and nothing that runs."""
    return make_world().start(QUIET)


@pytest.fixture
def calm_shop(make_world: Make) -> World:
    """The same, watched every five minutes, failed candidates kept for two hours: for long stories."""
    return make_world(
        settings=SLOW, deployments=replace(QUICK, steady_s=900.0, keep_failed_s=7200.0)
    ).running_shop(RARELY_WATCHED)


@pytest.fixture
def shop(make_world: Make) -> World:
    """The shop serves 50 requests a second from v1. It is Monday 10:00 in Berlin, alice is primary."""
    return make_world().running_shop(SHOP_FILE)
