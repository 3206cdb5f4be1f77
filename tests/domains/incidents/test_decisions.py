"""What a new cause does to incidents, and the workflow of an incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict
from staycalm.core.machine import move, reachable
from staycalm.core.priority import PRIORITIES, Priority, is_at_least, most_urgent
from staycalm.domains.incidents.decisions import (
    Decision,
    Known,
    Near,
    attach_or_open,
    impact_began_at,
    pages,
    post_mortem_kind,
    rollback_priority,
)
from staycalm.domains.incidents.machine import INCIDENT, OPEN

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WINDOW_S = 600.0


def decide(priority: Priority, known: Known | None = None, nearby: Near | None = None) -> Decision:
    return attach_or_open(priority, known=known, nearby=nearby, now=NOW, rollback_window_s=WINDOW_S, told_at=NOW)


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


ENDED_P0 = Near("INC-1", "P0", False, None, minutes_ago(60))
OPEN_P1 = Near("INC-1", "P1", True)
OPEN_P2 = Near("INC-1", "P2", True)
DONE_P1 = Near("INC-1", "P1", False, minutes_ago(9))
DONE_LONG_AGO = Near("INC-1", "P1", False, minutes_ago(11))
DONE_WITHOUT_ROLLBACK = Near("INC-1", "P1", False)

CASES: list[tuple[str, Priority, Known | None, Near | None, dict[str, Any]]] = [
    ("the first cause opens and pages", "P0", None, None, {"action": "open", "does_page": True}),
    ("a P2 opens and pages nobody", "P2", None, None, {"action": "open", "does_page": False}),
    ("a P3 opens and pages nobody", "P3", None, None, {"action": "open", "does_page": False}),
    ("an equal one joins quietly", "P1", None, OPEN_P1,
     {"action": "attach", "incident": "INC-1", "priority": "P1", "does_page": False, "does_reopen": False}),
    ("a lesser one joins quietly", "P2", None, OPEN_P1,
     {"action": "attach", "priority": "P1", "does_page": False}),
    ("a higher one raises and pages again", "P0", None, OPEN_P1,
     {"action": "attach", "priority": "P0", "does_page": True}),
    ("a P1 on a P2 pages for the first time", "P1", None, OPEN_P2, {"priority": "P1", "does_page": True}),
    ("a P2 on a P3 raises but pages nobody", "P2", None, Near("INC-1", "P3", True),
     {"priority": "P2", "does_page": False}),
    ("soon after the rollback it joins the resolved incident, which nobody has", "P1", None, DONE_P1,
     {"action": "attach", "incident": "INC-1", "does_reopen": True, "does_page": True}),
    ("a minor sign soon after a minor rollback reopens and pages nobody", "P2", None,
     Near("INC-1", "P2", False, minutes_ago(1)), {"action": "attach", "does_reopen": True, "does_page": False}),
    ("after the window it is another incident", "P1", None, DONE_LONG_AGO, {"action": "open", "does_page": True}),
    ("a resolved incident without a rollback stays resolved", "P1", None, DONE_WITHOUT_ROLLBACK,
     {"action": "open", "does_page": True}),
    ("told again, nothing happens", "P0", Known(Near("INC-1", "P0", True), "P0"), None,
     {"action": "ignore", "incident": "INC-1", "does_page": False}),
    ("told again after the end, nothing happens", "P0", Known(Near("INC-1", "P0", False, None, NOW), "P0"), None,
     {"action": "ignore", "incident": "INC-1", "does_reopen": False}),
    ("back after the end, its incident goes on", "P0", Known(ENDED_P0, "P0"), None,
     {"action": "attach", "incident": "INC-1", "does_reopen": True, "does_page": True}),
    ("back while another is open there, nothing happens", "P1", Known(ENDED_P0, "P1"), Near("INC-2", "P1", True),
     {"action": "ignore", "incident": "INC-1"}),
    ("back and worse than what is open there, it pages", "P0", Known(ENDED_P0, "P0"), Near("INC-2", "P1", True),
     {"action": "attach", "incident": "INC-1", "does_page": True}),
    ("told again with a lower priority, nothing happens", "P2", Known(OPEN_P1, "P1"), None, {"action": "ignore"}),
    ("told again with a higher priority, it pages", "P0", Known(OPEN_P1, "P1"), None,
     {"action": "attach", "priority": "P0", "does_page": True}),
    ("a person had raised it already", "P0", Known(Near("INC-1", "P0", True), "P1"), None,
     {"action": "attach", "priority": "P0", "does_page": False}),
    ("risen after the end, its own incident goes on", "P0", Known(Near("INC-1", "P1", False), "P1"), None,
     {"action": "attach", "incident": "INC-1", "does_reopen": True, "does_page": True}),
]  # fmt: skip


@pytest.mark.parametrize(("story", "priority", "known", "nearby", "expected"), CASES, ids=[c[0] for c in CASES])
def test_what_a_cause_does(
    story: str, priority: Priority, known: Known | None, nearby: Near | None, expected: dict[str, Any]
) -> None:
    decision = decide(priority, known, nearby)
    assert {name: getattr(decision, name) for name in expected} == expected


def test_the_window_is_inclusive_at_its_end() -> None:
    assert decide("P1", nearby=Near("INC-1", "P1", False, minutes_ago(10))).action == "attach"


priorities = st.sampled_from(PRIORITIES)
nears = st.builds(
    Near,
    st.just("INC-1"),
    priorities,
    st.booleans(),
    st.none() | st.floats(0, 30).map(minutes_ago),
)


@given(priorities, st.none() | st.builds(Known, nears, priorities), st.none() | nears)
def test_every_decision_holds_together(priority: Priority, known: Known | None, nearby: Near | None) -> None:
    decision = decide(priority, known, nearby)
    if decision.action == "ignore":
        assert known is not None and not decision.does_page and not decision.does_reopen
    if decision.does_page:
        assert decision.priority in ("P0", "P1")
    if decision.action == "attach":
        near = known.near if known is not None else nearby
        assert near is not None and decision.incident == near.incident
        assert decision.priority == most_urgent((priority, near.priority))
        if near.is_open and is_at_least(near.priority, priority):
            assert not decision.does_page
        assert decision.does_reopen is not near.is_open
    if nearby is not None and nearby.is_open:
        assert decision.action != "open"


@given(priorities, st.none() | nears)
def test_the_same_cause_twice_is_one_cause(priority: Priority, nearby: Near | None) -> None:
    first = decide(priority, None, nearby)
    after = Known(Near(first.incident or "INC-2", first.priority, True), priority)
    assert decide(priority, after, nearby).action == "ignore"


@pytest.mark.parametrize(
    ("healthy", "override", "expected"),
    [(True, None, "P2"), (False, None, "P1"), (True, "P0", "P0"), (False, "P3", "P3")],
)
def test_how_urgent_a_rollback_is(healthy: bool, override: Priority | None, expected: Priority) -> None:
    assert rollback_priority(stable_is_healthy=healthy, override=override) == expected


@pytest.mark.parametrize(
    ("priority", "had_rollback", "kind"),
    [("P0", False, "full"), ("P1", True, "full"), ("P2", True, "short"), ("P2", False, None), ("P3", False, None)],
)
def test_what_is_due_after_an_incident(priority: Priority, had_rollback: bool, kind: str | None) -> None:
    assert post_mortem_kind(priority, had_rollback=had_rollback) == kind


def test_the_impact_began_before_the_rollback_was_decided() -> None:
    began = impact_began_at(NOW, detected_after_s=41.0, rollback_took_s=1.5)
    assert began == NOW - timedelta(seconds=42.5)
    assert impact_began_at(NOW, detected_after_s=None, rollback_took_s=1.5) is None


def test_only_p0_and_p1_page() -> None:
    assert [pages(priority) for priority in PRIORITIES] == [True, True, False, False]


# -- the workflow -------------------------------------------------------------------------------


def test_an_incident_goes_through_the_sops_workflow() -> None:
    state = "triage"
    for verb in ("acknowledge", "mitigate", "investigate", "mitigate", "resolve", "close"):
        state = move(INCIDENT, state, verb)
    assert state == "closed"


@pytest.mark.parametrize("state", ["resolved", "closed"])
def test_nobody_has_what_was_reopened(state: str) -> None:
    assert move(INCIDENT, state, "reopen") == "triage"


@pytest.mark.parametrize(
    ("state", "verb"),
    [("resolved", "mitigate"), ("closed", "resolve"), ("triage", "reopen"), ("triage", "close"),
     ("investigating", "investigate"), ("resolved", "acknowledge")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(state: str, verb: str) -> None:
    with pytest.raises(Conflict) as caught:
        move(INCIDENT, state, verb, what="INC-1")
    assert caught.value.next_step


def test_every_state_can_end_and_every_end_can_be_undone() -> None:
    states = {state for state, _ in INCIDENT} | set(INCIDENT.values())
    for state in states:
        assert "closed" in reachable(INCIDENT, state)
        assert reachable(INCIDENT, state) & OPEN


@given(st.lists(st.sampled_from(sorted({verb for _, verb in INCIDENT})), max_size=20))
def test_only_open_states_are_mitigated_or_resolved(verbs: list[str]) -> None:
    state = "triage"
    for verb in verbs:
        if (state, verb) in INCIDENT:
            following = move(INCIDENT, state, verb)
            assert (verb != "resolve") or state in OPEN
            assert (verb != "reopen") or state not in OPEN
            assert (verb not in ("resolve", "close")) or following not in OPEN
            state = following
