"""Conditions: when a rule fires, when it stops, and what never moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.machine import reachable
from staycalm.domains.monitoring.machine import (
    OUTCOMES,
    PHASES,
    TABLE,
    Condition,
    Outcome,
    Phase,
    Transition,
    step,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LETTERS = {"b": "breach", "c": "clear", "n": "no_data", "s": "stale", "i": "insufficient", "e": "error"}


def run(
    story: str, *, for_s: float, keep_s: float = 0.0, every_s: float = 10.0, absence_fires: bool = False
) -> tuple[list[Phase], list[tuple[int, Transition]]]:
    """Return the phase after each letter of the story, and (index, transition) of what happened."""
    condition = Condition()
    phases: list[Phase] = []
    happened: list[tuple[int, Transition]] = []
    for index, letter in enumerate(story):
        condition, transition = step(
            condition,
            Outcome(LETTERS[letter]),  # type: ignore[arg-type]
            at=START + timedelta(seconds=index * every_s),
            for_s=for_s,
            keep_firing_for_s=keep_s,
            absence_fires=absence_fires,
        )
        phases.append(condition.phase)
        if transition:
            happened.append((index, transition))
    return phases, happened


@pytest.mark.parametrize(
    ("story", "for_s", "keep_s", "happened"),
    [
        ("b", 0, 0, [(0, "fired")]),
        ("bbbbbbb", 60, 0, [(6, "fired")]),
        ("bbbbbb", 60, 0, []),
        ("bbbbbcbbbbbb", 60, 0, []),
        ("bbbbbcbbbbbbb", 60, 0, [(12, "fired")]),
        ("bc", 0, 0, [(0, "fired"), (1, "cleared")]),
        ("bccc", 0, 20, [(0, "fired"), (3, "cleared")]),
        ("bcbccc", 0, 20, [(0, "fired"), (5, "cleared")]),
        # No data, stale, too few and errors neither fire nor clear nor count as time held.
        ("bnsie", 0, 0, [(0, "fired")]),
        ("bnsiec", 0, 0, [(0, "fired"), (5, "cleared")]),
        ("bnnnnnnb", 60, 0, []),
        ("bbbnbbbb", 60, 0, []),
        ("bbbnbbbbb", 60, 0, [(8, "fired")]),
        ("nnnnnnnnn", 0, 0, []),
        ("bcnnnnc", 0, 20, [(0, "fired"), (6, "cleared")]),
    ],
)
def test_the_story_of_a_condition(story: str, for_s: float, keep_s: float, happened: list[object]) -> None:
    assert run(story, for_s=for_s, keep_s=keep_s)[1] == happened


def test_absence_fires_where_the_rule_says_so() -> None:
    assert run("nnn", for_s=20, absence_fires=True)[1] == [(2, "fired")]
    assert run("nsn", for_s=20, absence_fires=True)[1] == [(2, "fired")]
    assert run("eee", for_s=20, absence_fires=True)[1] == []


def test_a_long_silence_between_two_breaches_is_not_time_held() -> None:
    assert run("bb", for_s=60, every_s=3600)[1] == []
    assert run("bbb", for_s=60, every_s=3600)[1] == [(2, "fired")]


def test_an_outranked_condition_waits_until_it_is_the_most_urgent() -> None:
    condition = Condition()
    for index in range(5):
        at = START + timedelta(seconds=10 * index)
        condition, happened = step(condition, Outcome("breach"), at=at, for_s=20, is_outranked=True)
        assert happened is None
    assert condition.phase == "pending"
    condition, happened = step(condition, Outcome("breach"), at=START + timedelta(seconds=50), for_s=20)
    assert happened == "fired"


def test_a_firing_condition_that_is_outranked_later_keeps_firing() -> None:
    condition, _ = step(Condition(), Outcome("breach"), at=START, for_s=0)
    condition, happened = step(condition, Outcome("breach"), at=START, for_s=0, is_outranked=True)
    assert (condition.phase, happened) == ("firing", None)


def test_every_phase_can_be_reached_and_left() -> None:
    assert reachable(TABLE, "inactive") == set(PHASES)
    assert {phase for phase, _ in TABLE} == set(PHASES)


stories = st.lists(st.tuples(st.sampled_from(OUTCOMES), st.floats(0.1, 120)), max_size=60)


@given(story=stories, for_s=st.sampled_from([0.0, 15.0, 60.0]), keep_s=st.sampled_from([0.0, 20.0]))
def test_fired_and_cleared_alternate_and_only_evidence_causes_them(
    story: list[tuple[str, float]], for_s: float, keep_s: float
) -> None:
    condition, at, last = Condition(), START, "cleared"
    for kind, gap_s in story:
        at += timedelta(seconds=gap_s)
        before = condition
        outcome = Outcome(kind)  # type: ignore[arg-type]
        condition, happened = step(condition, outcome, at=at, for_s=for_s, keep_firing_for_s=keep_s)
        if happened == "fired":
            assert kind == "breach" and last == "cleared" and condition.held_s >= for_s
        if happened == "cleared":
            assert kind == "clear" and last == "fired"
        if kind not in ("breach", "clear"):
            assert (condition.phase, happened) == (before.phase, None)
        last = happened or last
        assert condition.is_firing == (last == "fired")
        assert condition.health == kind


@given(story=stories)
def test_a_condition_never_fires_before_the_breach_was_seen_for_as_long_as_asked(
    story: list[tuple[str, float]],
) -> None:
    condition, at, first_breach = Condition(), START, None
    for kind, gap_s in story:
        at += timedelta(seconds=gap_s)
        if kind == "clear":
            first_breach = None
        elif kind == "breach" and first_breach is None:
            first_breach = at
        condition, happened = step(condition, Outcome(kind), at=at, for_s=60)  # type: ignore[arg-type]
        if happened == "fired":
            assert first_breach is not None
            assert (at - first_breach).total_seconds() >= 60 - 1e-6
