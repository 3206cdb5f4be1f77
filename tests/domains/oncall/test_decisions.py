"""Steps, retries and contact methods as pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.core.machine import reachable
from staycalm.domains.oncall.contacts.decisions import ContactMethod, usable
from staycalm.domains.oncall.escalations.decisions import (
    FrozenStep,
    Position,
    freeze,
    pages_only,
    steps_as_json,
    steps_from_json,
    take_step,
)
from staycalm.domains.oncall.escalations.machine import ESCALATION
from staycalm.domains.oncall.notifications.decisions import Retry, due_times, next_try
from staycalm.domains.oncall.notifications.machine import FINAL, NOTIFICATION
from staycalm.domains.oncall.policies.decisions import Policy, Step, Target, check_pages, check_policy

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
P, S, C = Target("schedule", "platform"), Target("schedule", "platform", "secondary"), Target("person", "carol")
POLICY = Policy("shop", (Step((P,), 300), Step((S,), 300), Step((C, P), 600)), rounds=2)


def people(**reached: str) -> dict[Target, tuple[str, ...]]:
    names = {"primary": P, "secondary": S, "carol": C}
    return {names[key]: (value,) for key, value in reached.items()}


def reach(targets: Sequence[Target], who: dict[Target, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(person for target in targets for person in who.get(target, ()))


def run(steps: Sequence[FrozenStep], rounds: int, who: dict[Target, tuple[str, ...]]) -> list[tuple[int, int]]:
    """Return (round, step number) of every step that is reached until it is exhausted."""
    position, reached = Position(), []
    while (taken := take_step(steps, rounds, position, lambda targets: reach(targets, who))).step is not None:
        reached.append((taken.round, taken.step.number))
        position = taken.next
    return reached


def test_every_step_of_every_round_is_reached_once_in_order() -> None:
    who = people(primary="alice", secondary="bob", carol="carol")
    assert run(freeze(POLICY, 0), 2, who) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]


def test_a_notice_precedes_the_pages_once() -> None:
    steps = freeze(POLICY, 900)
    assert [(s.number, s.urgency, s.wait_s) for s in steps[:2]] == [(0, "notify", 900), (1, "page", 300)]
    who = people(primary="alice", secondary="bob", carol="carol")
    assert run(steps, 2, who) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert pages_only(steps) == freeze(POLICY, 0)


def test_with_nobody_at_all_it_ends_at_once_and_names_every_step() -> None:
    taken = take_step(freeze(POLICY, 0), 2, Position(), lambda targets: ())
    assert taken.step is None and [s.number for s in taken.skipped] == [1, 2, 3]


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.sampled_from([0, 900]),
)
def test_steps_that_reach_somebody_are_taken_in_order_and_only_those(
    size: int, rounds: int, is_staffed: list[bool], notice_s: float
) -> None:
    targets = [Target("person", f"p{n}") for n in range(size)]
    policy = Policy("x", tuple(Step((target,), 60) for target in targets), rounds)
    who = {t: (t.name,) for t, staffed in zip(targets, is_staffed, strict=False) if staffed}
    numbers = [n + 1 for n, target in enumerate(targets) if target in who]
    expected = [(r, n) for r in range(rounds) for n in numbers]
    if notice_s and targets[0] in who:
        expected.insert(0, (0, 0))
    assert run(freeze(policy, notice_s), rounds, who) == expected


def test_frozen_steps_survive_being_stored() -> None:
    steps = freeze(POLICY, 900)
    assert steps_from_json(steps_as_json(steps)) == steps


@pytest.mark.parametrize(
    "policy",
    [
        Policy("x", ()),
        Policy("x", (Step((), 60),)),
        Policy("x", (Step((P,), 60),), 0),
        Policy("x", POLICY.steps, 21),
    ],
)
def test_a_policy_that_pages_nobody_or_for_ever_is_refused(policy: Policy) -> None:
    with pytest.raises(Invalid):
        check_policy(policy)


def test_only_listed_priorities_page() -> None:
    check_pages("P1", {"P0", "P1"})
    with pytest.raises(Invalid, match="P2 does not page"):
        check_pages("P2", {"P0", "P1"})


def test_from_every_open_state_paging_can_be_stopped_and_stopped_is_final() -> None:
    assert {state for state, verb in ESCALATION if verb == "stop"} == {"escalating", "acknowledged", "exhausted"}
    assert reachable(ESCALATION, "stopped") == {"stopped"}


def test_final_states_of_a_message_lead_nowhere() -> None:
    assert all(reachable(NOTIFICATION, state) == {state} for state in FINAL)
    assert reachable(NOTIFICATION, "pending") == {"pending", "sending", *FINAL}


RETRY = Retry(base_s=5, cap_s=60, deadline_s=600)


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (50, 60)])
def test_waits_double_up_to_the_cap(attempts: int, wait_s: int) -> None:
    assert next_try(attempts, NOW, NOW + timedelta(hours=1), RETRY) == NOW + timedelta(seconds=wait_s)


def test_a_try_past_the_deadline_is_not_made() -> None:
    assert next_try(1, NOW, NOW + timedelta(seconds=5), RETRY) == NOW + timedelta(seconds=5)
    assert next_try(1, NOW, NOW + timedelta(seconds=4), RETRY) is None


def method(name: str, position: int, after_s: float | None = 0.0, kind: str = "email") -> ContactMethod:
    return ContactMethod(name, "alice", kind, f"{name}@x", position, after_s)  # type: ignore[arg-type]


def test_methods_are_used_in_order_and_only_through_channels_there_are() -> None:
    methods = [method("b", 1), method("a", 0, kind="ntfy"), method("c", 2)]
    assert [m.id for m in usable(methods, None)] == ["a", "b", "c"]
    assert [m.id for m in usable(methods, frozenset({"email"}))] == ["b", "c"]
    assert usable(methods, frozenset()) == ()


def test_the_first_method_is_never_in_reserve() -> None:
    planned = due_times([method("a", 0, None), method("b", 1, None), method("c", 2, 120)], "page", NOW)
    assert [at for _, at in planned] == [NOW, None, NOW + timedelta(seconds=120)]
    assert [at for _, at in due_times([method("a", 0), method("b", 1)], "notice", NOW)] == [NOW, None]
