"""Seeded weeks in which anything may happen. A failing one prints the shortest story that still fails.

The long run is sharded: SC_SCENARIO_SHARD="2/8" runs the seeds that are 2 modulo 8; SC_SCENARIO_WEEKS is
how many seeds there are in all.
"""

from __future__ import annotations

import os

import pytest

from tests.scenarios.walk import Happening, plan, shortest, tell_failure


@pytest.mark.parametrize("seed", [0, 4, 8])
def test_a_few_random_hours_keep_every_promise(seed: int) -> None:
    told = tell_failure(seed, days=0.25, many=15)
    assert told is None, told


@pytest.mark.soak
@pytest.mark.skipif("SC_SCENARIO_SHARD" not in os.environ, reason="takes hours; set SC_SCENARIO_SHARD")
@pytest.mark.timeout(0)
def test_ten_thousand_random_weeks_keep_every_promise() -> None:
    shard, _, shards = os.environ["SC_SCENARIO_SHARD"].partition("/")
    weeks = int(os.environ.get("SC_SCENARIO_WEEKS", "10000"))
    for seed in range(int(shard) % int(shards), weeks, int(shards)):
        told = tell_failure(seed, days=7)
        assert told is None, told


def test_a_failing_week_is_told_by_what_it_takes_to_fail() -> None:
    week = plan(3, days=7, many=40)
    needed = {week[7], week[23]}

    def fails(happenings: list[Happening]) -> bool:
        return needed <= set(happenings)

    assert shortest(week, fails) == [week[7], week[23]]


def test_a_seed_always_plans_the_same_week() -> None:
    assert plan(9, days=7, many=40) == plan(9, days=7, many=40)
    assert plan(9, days=7, many=40) != plan(10, days=7, many=40)
