"""The analysis as its users see it: polls in, verdicts out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.domains.deployments.analysis import (
    CountLimit,
    Limits,
    Poll,
    dump,
    judge,
    load,
    new_analysis,
    observe,
)
from tests.domains.deployments.analysis_traffic import counted, follow, logged, request, second_of_traffic

QUICK = Limits(latency_grace_s=5.0)


@st.composite
def rollouts(draw: st.DrawFn) -> list[Poll]:
    """Any counters at all at growing weights."""
    weights = sorted(draw(st.lists(st.sampled_from([5.0, 10.0, 50.0, 90.0]), min_size=1, max_size=3)))
    polls, now = [], 0.0
    for weight in weights:
        since = now
        for _ in range(draw(st.integers(1, 6))):
            now += draw(st.sampled_from([0.25, 1.0, 61.0]))
            nc, nb = draw(st.integers(0, 400)), draw(st.integers(0, 400))
            kc, kb = draw(st.integers(0, nc)), draw(st.integers(0, nb))
            polls.append(counted(now, weight, candidate=(kc, nc), stable=(kb, nb), since_s=since))
    return polls


@given(rollouts())
@settings(max_examples=80, deadline=None)
def test_evidence_once_reached_is_never_taken_back(polls: list[Poll]) -> None:
    state, reached = new_analysis(), None
    for poll in polls:
        state = observe(state, poll)
        if reached is not None:
            assert state.errors.evidence.reached_at_s == reached
            assert judge(state).verdict in ("ROLLBACK", "HOLD")
        reached = state.errors.evidence.reached_at_s


@given(rollouts())
@settings(max_examples=80, deadline=None)
def test_a_candidate_without_errors_is_never_rolled_back(polls: list[Poll]) -> None:
    state = new_analysis()
    for poll in polls:
        slots = poll.samples.slots
        state = observe(
            state,
            counted(
                poll.now_s,
                poll.weight,
                candidate=(0, slots["green"].total),
                stable=(slots["blue"].server_errors, slots["blue"].total),
                since_s=poll.weight_since_s,
            ),
        )
        assert state.errors.evidence.reached_at_s is None
        assert judge(state).verdict != "ROLLBACK"


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10)), max_size=40), st.sampled_from([1, 3, 9]))
@settings(max_examples=80, deadline=None)
def test_revisions_that_fail_alike_are_never_told_apart(seconds: list[tuple[int, int]], times: int) -> None:
    state = new_analysis()
    for now, (size, bad) in enumerate(seconds, start=1):
        bad = min(bad, size)
        arms = {"candidate": (bad, size), "stable": (bad * times, size * times)}
        state = observe(state, counted(float(now), 100.0 / (1 + times), since_s=-60.0, **arms))
        assert state.errors.evidence.reached_at_s is None
        assert judge(state).verdict != "ROLLBACK"


@given(rollouts(), st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_a_restart_continues_the_evidence_exactly(polls: list[Poll], cut: int) -> None:
    straight, restarted = new_analysis(), new_analysis()
    for number, poll in enumerate(polls):
        straight = observe(straight, poll)
        if number == cut % len(polls):
            restarted = load(json.loads(json.dumps(dump(restarted))))
        restarted = observe(restarted, poll)
    assert json.dumps(dump(restarted)) == json.dumps(dump(straight))
    assert judge(restarted) == judge(straight)


def test_a_restart_forgets_no_client() -> None:
    rng = np.random.default_rng(3)
    polls = [
        second_of_traffic(rng, float(t), 10.0, candidate_errors=0.02, stable_errors=0.02) for t in range(1, 30)
    ]
    state, _ = follow(new_analysis(), polls[:15], QUICK)
    again = load(json.loads(json.dumps(dump(state))))
    assert len(again.failed_clients.keys) > 0
    assert dump(follow(again, polls[15:], QUICK)[0]) == dump(follow(state, polls[15:], QUICK)[0])


@pytest.mark.parametrize("weight", [0.0, 10.0, 50.0, 100.0])
def test_no_traffic_is_insufficient_and_never_proceed(weight: float) -> None:
    polls = [counted(float(t), weight) for t in range(1, 700)]
    _, verdicts = follow(new_analysis(), polls)
    assert {v.verdict for v in verdicts} == {"INSUFFICIENT"}
    assert verdicts[-1].visible_error_increase is None


def test_little_traffic_says_what_it_can_see() -> None:
    polls = [counted(float(t), 10.0, candidate=(0, 1), stable=(0, 9)) for t in range(1, 150)]
    _, verdicts = follow(new_analysis(), polls)
    assert verdicts[-1].verdict == "INSUFFICIENT"
    assert "it can only see an increase of" in verdicts[-1].reasons[0]
    assert verdicts[-1].visible_error_increase is not None
    assert verdicts[-1].visible_error_increase > 0.01


def test_enough_clean_traffic_proceeds() -> None:
    polls = [counted(float(t), 50.0, candidate=(0, 50), stable=(0, 50)) for t in range(1, 200)]
    _, verdicts = follow(new_analysis(), polls)
    assert verdicts[0].verdict == "INSUFFICIENT"
    assert verdicts[-1].verdict == "PROCEED"


def test_a_bad_candidate_is_rolled_back_with_the_reason_in_words() -> None:
    rng = np.random.default_rng(5)
    polls = [
        second_of_traffic(rng, float(t), 10.0, candidate_errors=0.05, stable_errors=0.002) for t in range(1, 90)
    ]
    _, verdicts = follow(new_analysis(), polls)
    first = next(v for v in verdicts if v.verdict != "INSUFFICIENT")
    assert first.verdict == "ROLLBACK" and first.code == "proven-worse"
    assert first.unit == "clients"
    assert "the candidate's error rate is" in first.reasons[0]
    assert "pp higher than stable's" in first.reasons[0]
    assert 3 <= first.failed_requests <= 40
    assert json.loads(json.dumps(first.as_evidence()))["verdict"] == "ROLLBACK"


def test_a_slow_candidate_is_rolled_back_after_the_grace_and_not_before() -> None:
    rng = np.random.default_rng(6)
    warm = [second_of_traffic(rng, float(t), 0.0, rps=100) for t in range(1, 11)]
    rollout = [second_of_traffic(rng, 10.0 + t, 10.0, rps=100, slower=1.5, since_s=10.0) for t in range(1, 120)]
    _, verdicts = follow(new_analysis(), warm + rollout, Limits(latency_grace_s=30.0))
    at = next(number for number, v in enumerate(verdicts) if v.verdict == "ROLLBACK")
    assert at + 1 > 40
    assert "the candidate is slower" in verdicts[at].reasons[0]


def under_load(share: float) -> float:
    """How much longer a service with one worker takes at this share of the traffic (M/M/1, 60 % busy with all)."""
    return 0.4 / (1.0 - 0.6 * share)


def loaded(rng: np.random.Generator, now_s: float, weight: float, since_s: float, slower: float = 1.0) -> Poll:
    poll = second_of_traffic(rng, now_s, weight, rps=60, since_s=since_s)
    times = {"green": under_load(weight / 100) * slower, "blue": under_load(1 - weight / 100)}
    records = [replace(r, duration_ms=r.duration_ms * times[r.slot]) for r in poll.samples.requests]
    return logged(now_s, weight, records, since_s=since_s)


def rollout_under_load(seed: int, slower: float) -> list[str]:
    rng = np.random.default_rng(seed)
    polls = [loaded(rng, float(t), 0.0, 0.0) for t in range(1, 61)]
    for since, weight in ((60, 10.0), (180, 50.0), (360, 90.0)):
        polls += [loaded(rng, float(since + t), weight, float(since), slower) for t in range(1, 181)]
    return [v.verdict for v in follow(new_analysis(), polls)[1]]


def test_a_service_that_answers_slower_under_load_is_not_blamed_for_carrying_most_of_it() -> None:
    verdicts = rollout_under_load(7, slower=1.0)
    assert not {"ROLLBACK", "HOLD"} & set(verdicts)
    assert verdicts[-1] == "PROCEED"


def test_a_slower_release_of_such_a_service_is_rolled_back() -> None:
    assert "ROLLBACK" in rollout_under_load(7, slower=1.5)


def test_a_candidate_that_turns_bad_late_is_caught_in_seconds() -> None:
    good = [counted(float(t), 50.0, candidate=(0, 250), stable=(0, 250)) for t in range(1, 1200)]
    bad = [counted(1200.0 + t, 50.0, candidate=(10, 250), stable=(0, 250)) for t in range(1, 40)]
    state, verdicts = follow(new_analysis(), good)
    assert verdicts[-1].verdict == "PROCEED"
    _, verdicts = follow(state, bad)
    assert "ROLLBACK" in [v.verdict for v in verdicts[:10]]


def test_proven_but_smaller_than_the_gate_holds() -> None:
    polls = [counted(float(t), 50.0, candidate=(12, 2000), stable=(6, 2000)) for t in range(1, 60)]
    _, verdicts = follow(new_analysis(), polls)
    assert verdicts[-1].verdict == "HOLD" and verdicts[-1].code == "worse-below-the-limit"
    assert "less than the limit" in verdicts[-1].reasons[0]


def test_an_absolute_stop_needs_no_evidence_of_the_test() -> None:
    clean = [counted(float(t), 50.0, candidate=(0, 20), stable=(0, 20)) for t in range(1, 61)]
    state, _ = follow(new_analysis(), clean)
    _, verdicts = follow(state, [counted(91.0 + t, 50.0, candidate=(5, 10), stable=(0, 10)) for t in range(1, 4)])
    assert verdicts[-1].verdict == "ROLLBACK"
    assert verdicts[-1].is_absolute_stop and verdicts[-1].code == "absolute-stop"
    assert verdicts[-1].reasons[0].startswith("absolute stop: 50.0 % of the candidate's answers")


def test_nineteen_requests_are_too_few_for_an_absolute_stop() -> None:
    _, verdicts = follow(new_analysis(), [counted(1.0, 50.0, candidate=(19, 19), stable=(0, 5))])
    assert not verdicts[-1].is_absolute_stop


def test_very_slow_answers_are_an_absolute_stop() -> None:
    slow, quick = ((100.0, 5), (10_000.0, 20), (float("inf"), 5)), ((100.0, 60), (float("inf"), 0))
    polls = [
        counted(t, 50.0, candidate=(0, 30), stable=(0, 60), candidate_ms=slow, stable_ms=quick) for t in (1.0, 2.0)
    ]
    _, verdicts = follow(new_analysis(), polls)
    assert verdicts[-1].is_absolute_stop
    assert "took longer than 5 s" in verdicts[-1].reasons[0]


def test_a_common_outage_holds_and_never_rolls_back() -> None:
    clean = [counted(float(t), 50.0, candidate=(0, 100), stable=(0, 100)) for t in range(1, 100)]
    outage = [counted(99.0 + t, 50.0, candidate=(60, 100), stable=(60, 100)) for t in range(1, 60)]
    after = [counted(158.0 + t, 50.0, candidate=(0, 100), stable=(0, 100)) for t in range(1, 60)]
    state, verdicts = follow(new_analysis(), clean + outage)
    assert "ROLLBACK" not in {v.verdict for v in verdicts}
    assert verdicts[-1].verdict == "HOLD"
    assert "both revisions fail" in verdicts[-1].reasons[0]
    assert follow(state, after)[1][-1].verdict in ("PROCEED", "INSUFFICIENT")


def test_traffic_that_is_not_split_as_configured_holds() -> None:
    polls = [
        logged(float(t), 50.0, [request(f"{t}-{i}", on_candidate=i % 4 == 0) for i in range(40)], since_s=-9.0)
        for t in range(1, 30)
    ]
    _, verdicts = follow(new_analysis(), polls)
    assert verdicts[-1].verdict == "HOLD" and verdicts[-1].code == "not-comparable"
    assert "got 25.0 % of the clients instead of 50.0 %" in verdicts[-1].reasons[0]


def test_fewer_orders_than_the_candidates_share_roll_back() -> None:
    limits = Limits(counts=(CountLimit("orders", "fewer"),))
    polls = [counted(float(t), 50.0, counts={"orders": (10, 4)}, since_s=-9.0) for t in range(1, 30)]
    _, verdicts = follow(new_analysis(), polls, limits)
    assert verdicts[-1].verdict == "ROLLBACK"
    assert "fewer orders than its share (60 % fewer)" in verdicts[-1].reasons[0]
    alike = [counted(float(t), 50.0, counts={"orders": (10, 10)}, since_s=-9.0) for t in range(1, 300)]
    assert follow(new_analysis(), alike, limits)[1][-1].verdict == "INSUFFICIENT"


def test_more_exceptions_than_the_candidates_share_roll_back() -> None:
    limits = Limits(counts=(CountLimit("exceptions"),))
    polls = [counted(float(t), 10.0, counts={"exceptions": (9, 4)}, since_s=-9.0) for t in range(1, 30)]
    assert follow(new_analysis(), polls, limits)[1][-1].verdict == "ROLLBACK"


def test_counters_that_do_not_add_up_are_survived() -> None:
    polls = [counted(float(t), 50.0, candidate=(9, 3), stable=(1, 0)) for t in range(1, 40)]
    _, verdicts = follow(new_analysis(), polls)
    assert all(np.isfinite(m.evidence) for v in verdicts for m in v.metrics)


def test_a_missing_access_log_is_said() -> None:
    state = observe(new_analysis(), counted(1.0, 10.0, candidate=(0, 5), stable=(0, 5)))
    assert judge(state).unit == "requests"
