"""What a rollout can see is told before it starts; strategies are what the SOP says."""

from __future__ import annotations

from math import ceil, log

import pytest

from staycalm.core.errors import Invalid
from staycalm.domains.deployments.analysis import forecast, requests_needed
from staycalm.domains.deployments.analysis.latency import (
    bucket_share_above,
    find_tau,
    new_sketch,
    record_buckets,
    share_above,
)
from staycalm.domains.deployments.strategies import STRATEGIES, Step, compress, custom_strategy, get_strategy


def test_requests_needed_is_the_published_formula() -> None:
    nats = 0.5 * (0.02 * log(0.02 / 0.015) + 0.98 * log(0.98 / 0.985)) + 0.5 * (
        0.01 * log(0.01 / 0.015) + 0.99 * log(0.99 / 0.985)
    )
    assert requests_needed(0.01, 0.01, 50.0, 0.005) == ceil(log(8 / 0.005) / nats)


def test_more_traffic_sees_smaller_differences_sooner() -> None:
    told = [forecast(STRATEGIES["sop"], requests_per_s=r, base_error_rate=0.01) for r in (1, 5, 50, 500)]
    assert [f.chance for f in told] == sorted(f.chance for f in told)
    visible = [f.visible_error_increase or 1.0 for f in told]
    assert visible == sorted(visible, reverse=True)
    assert told[-1].chance > 0.99
    assert told[0].chance < 0.1


def test_the_plan_announces_the_chances_the_design_promised() -> None:
    low = forecast(STRATEGIES["sop"], requests_per_s=5, base_error_rate=0.002)
    high = forecast(STRATEGIES["sop"], requests_per_s=5, base_error_rate=0.01)
    assert abs(low.chance - 0.85) < 0.05
    assert abs(high.chance - 0.33) < 0.06
    assert "can only see an increase of" in high.sentences()[1]


def test_no_traffic_is_announced_as_seeing_nothing() -> None:
    told = forecast(STRATEGIES["sop"], requests_per_s=0, base_error_rate=0.01)
    assert told.chance == 0.0
    assert all(step.detection_s is None for step in told.steps)
    assert "too little to see any difference" in told.sentences()[1]


@pytest.mark.parametrize(
    ("name", "weights", "minutes"),
    [("sop", 3, 30.0), ("linear-30", 19, 28.5), ("linear-60", 19, 57.0), ("instant", 1, 0.5)],
)
def test_named_strategies_are_the_sops(name: str, weights: int, minutes: float) -> None:
    strategy = get_strategy(name)
    assert len(strategy.steps) == weights
    assert strategy.duration_s == minutes * 60
    assert max(step.weight for step in strategy.steps) <= 95
    assert custom_strategy(strategy.steps, name=name) == strategy


def test_a_compressed_strategy_keeps_its_weights() -> None:
    quick = compress(get_strategy("sop"), 60)
    assert [(s.weight, s.duration_s) for s in quick.steps] == [(10, 10), (50, 10), (90, 10)]
    assert quick.time_factor == 60


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Step(0.0, 60)],
        [Step(96.0, 60)],
        [Step(100.0, 60)],
        [Step(50.0, 60), Step(50.0, 60)],
        [Step(50.0, 60), Step(10.0, 60)],
        [Step(50.0, 0)],
        [Step(50.0, -1)],
        [Step(float("nan"), 60)],
        [Step(50.0, float("inf"))],
        [Step(50.0, 60, -1)],
        [Step(float(w), 60) for w in range(1, 60)],
    ],
)
def test_a_strategy_out_of_range_is_refused(steps: list[Step]) -> None:
    with pytest.raises(Invalid):
        custom_strategy(steps)


def test_an_unknown_strategy_or_factor_is_refused() -> None:
    with pytest.raises(Invalid, match="no strategy 'sopp'"):
        get_strategy("sopp")
    with pytest.raises(Invalid):
        compress(get_strategy("sop"), 0.5)


def test_a_histogram_is_cut_inside_its_bucket() -> None:
    buckets = ((10.0, 100), (20.0, 50), (float("inf"), 10))
    assert bucket_share_above(buckets, 10.0) == 60
    assert bucket_share_above(buckets, 15.0) == 35
    assert bucket_share_above(buckets, 30.0) == 10
    sketch = record_buckets(new_sketch(), buckets, now_s=0.0)
    assert abs(float(share_above(sketch, 10.0)) - 60 / 160) < 1e-12
    assert find_tau(sketch, 0.5) == 10.0
    assert find_tau(sketch, 0.05) == 20.0


def test_one_bucket_for_all_gives_no_threshold() -> None:
    sketch = record_buckets(new_sketch(), ((10.0, 500), (float("inf"), 0)), now_s=0.0)
    assert find_tau(sketch, 0.5) is None


def test_old_response_times_fade() -> None:
    sketch = record_buckets(new_sketch(), ((10.0, 1000), (100.0, 0), (float("inf"), 0)), now_s=0.0)
    for minute in range(1, 11):
        sketch = record_buckets(sketch, ((10.0, 0), (100.0, 1000), (float("inf"), 0)), now_s=60.0 * minute)
    assert float(share_above(sketch, 10.0)) > 0.95
