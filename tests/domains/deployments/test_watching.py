"""What a look remembers, and what people are shown of it."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.deployments.analysis import DEFAULT_LIMITS
from staycalm.domains.deployments.watching.counters import grown
from staycalm.domains.deployments.watching.state import Totals, dump_watch, load_watch, new_watch
from staycalm.domains.deployments.watching.tally import LADDER_MS, Arm, Tally, add, count, stop_at_full_weight
from staycalm.ports.traffic import RequestRecord, Samples, SlotCounts


def arm(total: int, bad: int = 0, took_ms: float = 20.0) -> Arm:
    times = [0] * len(LADDER_MS)
    times[next(i for i, bound in enumerate(LADDER_MS) if took_ms <= bound)] = total
    return Arm(total, bad, tuple(times))


def looked(tally: Tally, at_s: float, candidate: Arm, *, weight: float = 100.0) -> Tally:
    return add(tally, candidate, Arm(), now_s=at_s, weight=weight, slow_ms=5000.0, window_s=30)


def test_the_access_log_wins_over_the_counters() -> None:
    records = (
        RequestRecord("green", "a", 200, 12.0, False), RequestRecord("green", "b", 503, 700.0, True),
        RequestRecord("blue", "c", 200, 3.0, False),
    )  # fmt: skip
    samples = Samples("x", 1.0, {"green": SlotCounts(total=99)}, records, has_requests=True)
    found = count(samples, "green")
    assert (found.total, found.bad) == (2, 1)
    assert found.quantile_ms(1.0) == 700.0


def test_counters_fill_the_same_ladder() -> None:
    samples = Samples("x", 1.0, {"green": SlotCounts(10, server_errors=2, latency_buckets=((50.0, 9), (inf, 1)))})
    found = count(samples, "green")
    assert (found.total, found.bad, sum(found.times)) == (10, 2, 10)
    assert count(samples, "blue") == Arm()


@given(st.lists(st.integers(0, 50), min_size=len(LADDER_MS), max_size=len(LADDER_MS)))
def test_a_quantile_lies_on_the_ladder_and_grows(times: list[int]) -> None:
    mine = Arm(sum(times), 0, tuple(times))
    quantiles = [mine.quantile_ms(share) for share in (0.1, 0.5, 0.9, 0.99)]
    if sum(times) == 0:
        assert quantiles == [None] * 4
    else:
        numbers = [q for q in quantiles if q is not None]
        assert numbers == sorted(numbers) and numbers[0] >= 0 and numbers[-1] <= 10_000


def test_each_second_becomes_one_moment_with_totals_that_only_grow() -> None:
    tally = Tally()
    for tenth in range(35):
        tally = looked(tally, 1000 + tenth / 10, arm(2, 1))
    assert [moment.second for moment in tally.moments] == [1000, 1001, 1002]
    assert [moment.body["candidate"]["requests"] for moment in tally.moments] == [20, 20, 20]
    assert [moment.body["candidate"]["total_bad"] for moment in tally.moments] == [10, 20, 30]


def test_a_second_without_a_look_is_not_invented() -> None:
    tally = looked(looked(looked(Tally(), 1000.0, arm(1)), 1005.0, arm(1)), 1006.0, arm(1))
    assert [moment.second for moment in tally.moments] == [1000, 1005]


def test_at_full_weight_errors_and_slowness_stop_it() -> None:
    assert stop_at_full_weight(looked(Tally(), 1000.0, arm(100, 5)), DEFAULT_LIMITS) is None
    failing = stop_at_full_weight(looked(Tally(), 1000.0, arm(100, 6)), DEFAULT_LIMITS)
    assert failing is not None and "6.0 % of answers" in failing
    assert stop_at_full_weight(looked(Tally(), 1000.0, arm(19, 19)), DEFAULT_LIMITS) is None
    slow = stop_at_full_weight(looked(Tally(), 1000.0, arm(40, took_ms=9000.0)), DEFAULT_LIMITS)
    assert slow is not None and "took over 5 s" in slow


def test_the_window_of_the_stop_forgets() -> None:
    tally = looked(Tally(), 1000.0, arm(100, 100))
    for second in range(1, 32):
        tally = looked(tally, 1000.0 + second, arm(1))
    assert stop_at_full_weight(tally, DEFAULT_LIMITS) is None


def test_what_is_stored_goes_on_where_it_was() -> None:
    state = new_watch()
    stored = json.loads(json.dumps(dump_watch(state)))
    again = load_watch(stored)
    assert json.dumps(dump_watch(again)) == json.dumps(dump_watch(state))
    assert load_watch({}).version == 0


def test_a_counter_that_was_reset_says_nothing() -> None:
    before = Totals(1.0, {"blue:requests": 100.0})
    assert grown(before, {"blue:requests": 130.0}, "blue:requests") == 30
    assert grown(before, {"blue:requests": 5.0}, "blue:requests") is None
    assert grown(before, {}, "blue:requests") is None
    assert grown(Totals(), {"blue:requests": 5.0}, "blue:requests") is None


def test_the_clock_of_the_evidence_never_goes_back_nor_stands_still() -> None:
    """The wall clock is looked at every quarter of a second, set back by 1000 s twice, and forward again."""
    state, shown = new_watch(), []
    for wall_s in (5000.0, 5000.25, 4000.5, 4000.75, 3000.0, 3000.25, 5001.25):
        state = state.at(wall_s, 0.25)
        shown.append(wall_s + state.ahead_s)
        state = load_watch(json.loads(json.dumps(dump_watch(replace(state, last_s=shown[-1])))))
    assert shown == [5000.0, 5000.25, 5000.5, 5000.75, 5001.0, 5001.25, 5001.25]
