"""Golden signals from counters."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.catalog.public import CapacityLimits
from staycalm.domains.monitoring.signals import (
    Counts,
    Usage,
    golden_signals,
    merge_buckets,
    quantile,
    saturation,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INF = math.inf


def counts(slot: str, total: int, errors: int = 0, *, age_s: float = 0, **more: object) -> Counts:
    at = NOW - timedelta(seconds=age_s)
    return Counts(at=at, seconds=5.0, slot=slot, total=total, server_errors=errors, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("buckets", "q", "expected"),
    [
        ((), 0.5, None),
        (((10.0, 0), (INF, 0)), 0.5, None),
        (((10.0, 10), (INF, 0)), 0.5, 5.0),
        (((10.0, 10), (20.0, 10), (INF, 0)), 0.5, 10.0),
        (((10.0, 10), (20.0, 10), (INF, 0)), 0.75, 15.0),
        (((10.0, 0), (20.0, 4), (INF, 0)), 0.95, 19.5),
        (((10.0, 1), (20.0, 0), (INF, 9)), 0.95, 20.0),
        (((100.0, 95), (5000.0, 5), (INF, 0)), 0.95, 100.0),
    ],
)
def test_a_quantile_is_linear_within_its_bucket(
    buckets: tuple[tuple[float, int], ...], q: float, expected: float | None
) -> None:
    assert quantile(buckets, q) == expected


histograms = st.lists(
    st.tuples(st.sampled_from([1.0, 5.0, 10.0, 50.0, 100.0, INF]), st.integers(0, 50)), max_size=6
)


@given(one=histograms, other=histograms)
def test_quantiles_grow_with_q_and_stay_within_the_finite_bounds(
    one: list[tuple[float, int]], other: list[tuple[float, int]]
) -> None:
    merged = merge_buckets((tuple(one), tuple(other)))
    assert sum(n for _, n in merged) == sum(n for _, n in one + other)
    found = [quantile(merged, q) for q in (0.0, 0.1, 0.5, 0.95, 1.0)]
    if any(n for _, n in merged):
        values = [v for v in found if v is not None]
        assert len(values) == 5
        assert values == sorted(values)
        assert values[0] >= 0 and values[-1] <= 100.0
    else:
        assert found == [None] * 5


def test_rates_count_the_slots_together_and_the_time_once() -> None:
    samples = [
        counts(slot, 50, errors, age_s=5 * i) for i in range(12) for slot, errors in (("blue", 0), ("green", 5))
    ]
    seen = golden_signals(samples, [], now=NOW, window_s=60)
    assert seen.requests == 1200
    assert seen.request_rate == 20.0
    assert seen.error_rate == 0.05


def test_no_request_is_unknown_not_zero_errors() -> None:
    seen = golden_signals([counts("blue", 0)], [], now=NOW, window_s=60)
    assert (seen.request_rate, seen.error_rate, seen.p95_ms, seen.saturation) == (0.0, None, None, None)


def test_nothing_measured_is_unknown_throughout() -> None:
    seen = golden_signals([], [Usage(NOW, None)], now=NOW, window_s=60)
    assert (seen.request_rate, seen.error_rate, seen.p50_ms, seen.saturation) == (None, None, None, None)


def test_latencies_come_from_all_slots_together() -> None:
    fast = counts("blue", 90, buckets=((10.0, 90), (100.0, 0), (INF, 0)))
    slow = counts("green", 10, buckets=((10.0, 0), (100.0, 10), (INF, 0)))
    seen = golden_signals([fast, slow], [], now=NOW, window_s=60)
    assert seen.p95_ms == 55.0


@pytest.mark.parametrize(
    ("limits", "used", "expected"),
    [
        (CapacityLimits(), (1.0, 100, 5.0), None),
        (CapacityLimits(cpu_cores=2.0), (1.0, 100, 5.0), 0.5),
        (CapacityLimits(cpu_cores=2.0, memory_bytes=100), (1.0, 90, 5.0), 0.9),
        (CapacityLimits(cpu_cores=2.0), (None, 90, 5.0), None),
        (CapacityLimits(requests_per_s=4.0), (None, None, 5.0), 1.25),
    ],
)
def test_saturation_is_the_fullest_declared_limit(
    limits: CapacityLimits, used: tuple[float | None, int | None, float], expected: float | None
) -> None:
    cpu, memory, rate = used
    assert saturation(limits, cpu_cores=cpu, memory_bytes=memory, requests_per_s=rate) == expected
