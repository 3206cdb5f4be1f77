"""The invariants speak: each is shown a made-up state that is wrong, and names it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace as Row
from typing import Any

import pytest

from staycalm.core.actor import SYSTEM
from staycalm.core.events import LogEntry
from tests.scenarios import answered
from tests.scenarios.paging import check_nothing_after_the_end, check_order_of_steps
from tests.scenarios.traffic import Served, check_nobody_returns, check_weights
from tests.scenarios.world import SHOP

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBERS: Iterator[int] = count(1)


def said(name: str, at_s: float = 0.0, subject: str = "INC-1", **body: Any) -> LogEntry:
    """Return the next entry of a log."""
    at = T0 + timedelta(seconds=at_s)
    return LogEntry(next(NUMBERS), at, SYSTEM, name, 1, subject, None, None, {"escalation": "e", **body})


def step(number: int, round_: int = 0, name: str = "reached") -> LogEntry:
    return said(f"oncall.step_{name}", step=number, round=round_)


# Weights


@pytest.mark.parametrize(
    "weights", [{"blue": 900, "green": 99}, {"blue": 1001, "green": -1}, {"blue": 1000, "green": 1}]
)
def test_weights_that_are_not_everybody_are_named(weights: dict[Any, int]) -> None:
    assert list(check_weights(SHOP, weights))
    assert not list(check_weights(SHOP, {"blue": 900, "green": 100}))


# Steps

POLICY = Row(subject="INC-1", rounds=2, steps=[{"number": n} for n in (1, 2, 3)])
GIVEN_UP = "oncall.escalation_exhausted"


@pytest.mark.parametrize(
    ("taken", "is_right"),
    [
        ([step(1), step(2), step(3), step(1, 1), step(2, 1), step(3, 1), said(GIVEN_UP)], True),
        ([step(1), said(GIVEN_UP)], False),
        ([step(1), step(2), step(3), said(GIVEN_UP)], False),
        ([step(1), step(3)], False),
        ([step(1), step(1)], False),
        (
            [step(1), step(2), step(3), step(1, 1, "skipped"), step(2, 1, "skipped"), step(3, 1), said(GIVEN_UP)],
            True,
        ),
        ([step(n, 0, "skipped") for n in (1, 2, 3)] + [said(GIVEN_UP)], True),
        ([step(1), step(2, 0, "skipped"), step(3, 0, "skipped"), said(GIVEN_UP)], False),
        ([step(1), said("oncall.paged_again"), step(1), said(GIVEN_UP)], False),
    ],
)
def test_a_step_that_is_skipped_or_left_out_at_the_end_is_named(taken: list[LogEntry], is_right: bool) -> None:
    assert bool(list(check_order_of_steps(POLICY, taken))) is not is_right


# Pages after the end


def message(queued_s: float = 0.0, state: str = "sent", generation: int = 0) -> Row:
    at = T0 + timedelta(seconds=queued_s)
    return Row(id="m", subject="INC-1", person="alice", step=f"{generation}.0.1", queued_at=at, state=state)


def ended_and_sent(after_s: float, *, before: float = 0.0, between: float = 0.0) -> dict[str, Any]:
    """A page that left so long after somebody had it; the clock was set by so much before, and in between."""
    begun, clock = said("oncall.escalation_started"), [said("engine.clock_stepped", step_s=before)]
    end = said("oncall.page_acknowledged", 60.0 + before)
    clock.append(said("engine.clock_stepped", step_s=between))
    left = said("oncall.notification_sent", 60.0 + before + after_s + between, notification="m")
    return {"told": [begun, end], "sent": {"m": left}, "steps": clock}


@pytest.mark.parametrize(
    ("how", "is_right"),
    [
        (ended_and_sent(5), True),
        (ended_and_sent(40), False),
        (ended_and_sent(40, before=-3600), False),
        (ended_and_sent(40, between=-3600), False),
        (ended_and_sent(5, between=3600), True),
        (ended_and_sent(5, before=-3600), True),
    ],
)
def test_a_page_that_leaves_after_the_end_is_named_wherever_the_clock_was_set(
    how: dict[str, Any], is_right: bool
) -> None:
    found = list(check_nothing_after_the_end(messages=[message()], **how))
    assert bool(found) is not is_right, found


def test_a_page_that_waits_is_queued_or_belongs_to_a_step_after_the_end_is_named() -> None:
    told = [said("oncall.escalation_started"), said("oncall.page_acknowledged", 60.0)]

    def found(*messages: Row, more: tuple[LogEntry, ...] = (), steps: tuple[LogEntry, ...] = ()) -> int:
        return len(list(check_nothing_after_the_end([*told, *more], messages, {}, steps)))

    assert found(message(state="pending")) == found(message(queued_s=61)) == found(more=(step(2),)) == 1
    again = said("oncall.paged_again")
    assert found(message(state="pending", generation=1), more=(again, step(1))) == 0
    # a clock that was set back another time excuses nobody
    assert found(message(queued_s=61), steps=(said("engine.clock_stepped", step_s=-3600),)) == 1


# Traffic after a rollback


def served(generation: int, stable: float, candidate: float, name: str | None = "v2") -> Served:
    return Served(generation, {}, {"v1": stable, **({name: candidate} if name else {})}, name)


@pytest.mark.parametrize(
    ("changes", "over", "is_right"),
    [
        ([served(1, 90, 10), served(2, 50, 50), served(3, 100, 0)], {}, True),
        ([served(1, 90, 10), served(2, 100, 0), served(3, 90, 10)], {}, False),
        ([served(1, 90, 10), served(2, 100, 0), served(3, 90, 10), served(4, 100, 0)], {}, False),
        ([served(1, 0, 100), served(2, 100, 0)], {"v2": ("DEP-2", 1)}, True),
        (
            [served(1, 0, 100, None), served(2, 100, 0, None), Served(3, {}, {"v2": 100.0})],
            {"v2": ("DEP-2", 2)},
            False,
        ),
        ([served(1, 90, 10), served(2, 100, 0), served(3, 90, 10, "v3")], {"v2": ("DEP-2", 2)}, True),
    ],
)
def test_traffic_that_returns_to_a_candidate_is_named_even_if_it_left_again(
    changes: list[Served], over: dict[str, tuple[str, int]], is_right: bool
) -> None:
    assert bool(list(check_nobody_returns(SHOP, changes, over))) is not is_right


# Nobody asked, nobody answered

RAISED = {"escalates": "group", "priority": "P1", "rule": "disk", "alert_id": "a"}


@pytest.mark.parametrize(
    ("log", "is_right"),
    [
        ([said("alerts.raised", subject="ALG-1", **RAISED)], False),
        ([said("alerts.raised", subject="ALG-1", **RAISED | {"priority": "P2"})], True),
        (
            [said("alerts.raised", subject="ALG-1", **RAISED), said("oncall.page_acknowledged", subject="ALG-1")],
            True,
        ),
        (
            [said("oncall.page_acknowledged", subject="ALG-1"), said("alerts.raised", subject="ALG-1", **RAISED)],
            False,
        ),
    ],
)
def test_a_group_that_pages_by_itself_and_asks_nobody_is_named(log: list[LogEntry], is_right: bool) -> None:
    assert bool(list(answered.check_groups_are_asked_about(log, [], set()))) is not is_right
    escalation = Row(subject="ALG-1", open_subject="ALG-1")
    assert not list(answered.check_groups_are_asked_about(log, [escalation], set()))


@pytest.mark.parametrize(
    ("incident", "escalation", "is_right"),
    [
        (Row(id="INC-1", priority="P1", state="triage"), None, False),
        (Row(id="INC-1", priority="P1", state="triage"), Row(subject="INC-1", open_subject=None), False),
        (Row(id="INC-1", priority="P1", state="triage"), Row(subject="INC-1", open_subject="INC-1"), True),
        (Row(id="INC-1", priority="P2", state="triage"), None, True),
    ],
)
def test_an_urgent_incident_that_was_asked_about_once_and_is_no_more_is_named(
    incident: Row, escalation: Row | None, is_right: bool
) -> None:
    rows = [escalation] if escalation else []
    assert bool(list(answered.check_incidents_are_asked_about([incident], rows, set(), set()))) is not is_right


def test_nobody_answered_counts_only_while_its_alert_is_open() -> None:
    log = [said("oncall.escalation_exhausted")]
    assert list(answered.check_silence_is_said(log, set(), set()))
    assert not list(answered.check_silence_is_said(log, {"nobody-answered/INC-1"}, set()))
    assert not list(answered.check_silence_is_said([*log, said("oncall.page_acknowledged")], set(), set()))
