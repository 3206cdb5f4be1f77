"""The state machines as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict
from staycalm.core.machine import move, reachable
from staycalm.domains.deployments.machine import FINAL, REVISION_TABLE, RUNNING, STATES, TABLE

VERBS = sorted({verb for _, verb in TABLE})


def test_every_state_is_reached_and_has_a_place() -> None:
    assert reachable(TABLE, "pending") == set(STATES)
    assert RUNNING | FINAL | {"completed"} == set(STATES)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_final_states_are_final(state: str) -> None:
    assert reachable(TABLE, state) == {state}


def test_every_running_state_can_end() -> None:
    for state in RUNNING:
        assert reachable(TABLE, state) & FINAL


def test_no_weight_is_ever_shifted_before_the_smoke_tests() -> None:
    leads_to_traffic = {source for (source, _), target in TABLE.items() if target in ("shifting", "verifying")}
    assert leads_to_traffic == {"smoke-testing", "shifting"}


def test_what_had_traffic_ends_only_completed_or_by_way_of_stable() -> None:
    for (source, _), target in TABLE.items():
        if source in ("shifting", "verifying"):
            assert target in ("verifying", "completed", "rolling-back")


@given(st.lists(st.sampled_from(VERBS), max_size=30))
def test_any_series_of_verbs_keeps_the_rules(verbs: list[str]) -> None:
    state, seen = "pending", ["pending"]
    for verb in verbs:
        try:
            state = move(TABLE, state, verb)
        except Conflict:
            continue
        seen.append(state)
    assert all(state == seen[-1] for state in seen[seen.index(seen[-1]) :] if state in FINAL)
    if "shifting" in seen:
        assert "smoke-testing" in seen[: seen.index("shifting")]
    if "rolled-back" in seen or "aborted" in seen[2:]:
        assert "rolling-back" in seen


def test_a_revision_that_was_removed_is_gone() -> None:
    assert reachable(REVISION_TABLE, "removed") == {"removed"}
    assert "removed" in reachable(REVISION_TABLE, "created")
