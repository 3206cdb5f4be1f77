"""Escalations: who is paged when, and when nobody is paged any more."""

from __future__ import annotations

import pytest

from staycalm.core.errors import Invalid, NotFound
from staycalm.domains.oncall import public as oncall
from tests.domains.oncall.world import ALICE, BOB, FILE, World


def test_a_p0_pages_the_primary_at_once(world: World) -> None:
    found = world.start("P0")
    assert found is not None and found.people == ("alice",)
    world.settle()
    assert world.paged() == ["alice"]


def test_the_secondary_is_paged_when_the_primary_does_not_answer(world: World) -> None:
    world.start("P0")
    world.forward(minutes=4, seconds=59)
    assert world.paged() == ["alice"]
    world.forward(seconds=1)
    assert world.paged() == ["alice", "bob"]
    world.forward(minutes=5)
    assert world.paged() == ["alice", "bob", "carol"]


def test_the_rounds_are_used_up_and_then_the_log_says_that_nobody_answered(world: World) -> None:
    world.start("P0")
    world.forward(minutes=40)
    assert world.steps() == [
        (0, 1, ["alice"]), (0, 2, ["bob"]), (0, 3, ["carol"]),
        (1, 1, ["alice"]), (1, 2, ["bob"]), (1, 3, ["carol"]),
    ]  # fmt: skip
    (exhausted,) = world.events("escalation_exhausted")
    assert exhausted.body["reason"] == "nobody answered"
    assert exhausted.body["people"] == ["alice", "bob", "carol"]
    world.forward(hours=2)
    assert len(world.paged()) == 6


def test_a_p1_is_told_at_once_and_paged_after_15_minutes(world: World) -> None:
    world.start("P1")
    world.forward(minutes=14)
    assert [m.data["kind"] for m in world.email.to("alice@example.com")] == ["notice"]
    world.forward(minutes=1)
    assert [m.data["kind"] for m in world.email.to("alice@example.com")] == ["notice", "page"]
    assert world.paged() == ["alice", "alice"]


def test_the_notice_of_a_p1_is_not_repeated_in_the_second_round(world: World) -> None:
    world.start("P1")
    world.forward(hours=2)
    assert [step for _, step, _ in world.steps()] == [0, 1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("priority", ["P2", "P3"])
def test_a_p2_or_p3_does_not_page(world: World, priority: str) -> None:
    with pytest.raises(Invalid):
        world.start(priority)  # type: ignore[arg-type]
    assert not world.read(oncall.pages, priority)


def test_acknowledging_ends_the_paging(world: World) -> None:
    world.start("P0")
    world.forward(minutes=5)
    world.write(oncall.acknowledge, BOB, "INC-1")
    world.forward(hours=5)
    assert world.paged() == ["alice", "bob"]
    (event,) = world.events("page_acknowledged")
    assert (event.body["person"], event.body["via"], event.actor.id) == ("bob", "api", "bob")


def test_a_page_after_the_acknowledgement_does_not_leave(world: World) -> None:
    world.start("P0")
    world.write(oncall.acknowledge, ALICE, "INC-1")
    world.forward(hours=1)
    assert world.paged() == []
    (delivery,) = world.read(oncall.pages_for, "INC-1")
    assert delivery.state == "cancelled"


def test_acknowledging_twice_changes_nothing(world: World) -> None:
    world.start("P0")
    world.write(oncall.acknowledge, ALICE, "INC-1")
    world.write(oncall.acknowledge, BOB, "INC-1")
    assert [e.body["person"] for e in world.events("page_acknowledged")] == ["alice"]


def test_acknowledging_what_nobody_is_paged_for_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        world.write(oncall.acknowledge, ALICE, "INC-9")


def test_stopping_ends_the_paging_and_frees_the_subject(world: World) -> None:
    world.start("P0")
    world.settle()
    assert world.write(oncall.stop_escalation, ALICE, "INC-1", "resolved")
    world.forward(hours=1)
    assert world.paged() == ["alice"]
    assert not world.write(oncall.stop_escalation, ALICE, "INC-1", "resolved")
    world.start("P0")
    world.settle()
    assert world.paged() == ["alice", "alice"]


def test_starting_again_while_open_changes_nothing(world: World) -> None:
    first = world.start("P0")
    world.forward(minutes=6)
    again = world.start("P0", title="Another title")
    assert first is not None and again is not None and first.id == again.id
    assert world.paged() == ["alice", "bob"]


def test_a_late_answer_to_an_exhausted_escalation_counts(world: World) -> None:
    world.start("P0")
    world.forward(minutes=45)
    found = world.write(oncall.acknowledge, BOB, "INC-1")
    assert found.state == "acknowledged"


def test_a_higher_priority_pages_again_and_a_lower_one_does_not(world: World) -> None:
    world.start("P1")
    world.write(oncall.acknowledge, ALICE, "INC-1")
    raised = world.write(oncall.raise_priority, ALICE, "INC-1", "P0")
    world.settle()
    assert (raised.state, raised.priority) == ("escalating", "P0")
    assert [m.data["kind"] for m in world.email.to("alice@example.com")] == ["page"]
    world.write(oncall.acknowledge, ALICE, "INC-1")
    world.write(oncall.raise_priority, ALICE, "INC-1", "P1")
    world.forward(hours=1)
    assert world.paged() == ["alice"]


def test_raising_what_is_not_open_leaves_it_to_the_caller(world: World) -> None:
    assert world.write(oncall.raise_priority, ALICE, "INC-1", "P0") is None


def test_editing_the_policy_does_not_reach_a_running_escalation(world: World) -> None:
    world.start("P0")
    world.apply(FILE.replace("{page: secondary of platform, wait: 5m}", "{page: person carol, wait: 5m}"))
    world.forward(minutes=5)
    assert world.paged() == ["alice", "bob"]


def test_the_step_pages_who_is_on_call_when_it_is_reached(world: World) -> None:
    world.clock.move_to(world.at("2026-03-09T07:57:00+00:00"))  # three minutes before the hand-off
    world.settle()
    world.start("P0")
    world.forward(minutes=5)
    assert world.steps() == [(0, 1, ["alice"]), (0, 2, ["alice"])]  # bob is primary now, alice his backup


def test_a_person_who_is_several_targets_of_a_step_is_paged_once(world: World) -> None:
    both = "{page: [primary of platform, person alice, team platform], wait: 5m}"
    world.apply(FILE.replace("{page: primary of platform, wait: 5m}", both))
    world.start("P0")
    world.settle()
    assert sorted(world.paged()) == ["alice", "bob", "carol"]


def test_an_empty_step_does_not_wait_and_says_so(world: World) -> None:
    world.apply(FILE.replace("people: [alice, bob]", "people: [alice]"))
    world.start("P0")
    world.forward(minutes=5)
    assert world.steps() == [(0, 1, ["alice"]), (0, 3, ["carol"])]
    (skipped,) = world.events("step_skipped")
    assert (skipped.body["step"], skipped.body["reason"]) == (2, "nobody on call")


def test_without_a_service_the_organisations_default_is_paged(world: World) -> None:
    found = world.start("P0", service=None, environment=None)
    world.settle()
    assert found is not None and found.policy == "default"
    assert sorted(world.paged()) == ["alice", "bob", "carol"]


def test_when_nobody_can_be_paged_the_caller_and_the_log_are_told(world: World) -> None:
    world.write(oncall.record_server, channels=["ntfy"], settings=world.settings)
    assert world.start("P0") is None
    (event,) = world.events("nobody_paged")
    assert event.body["reason"] == "no policy reaches anybody just now"


def test_without_any_policy_nobody_is_paged(world: World) -> None:
    world.apply("organisation: {name: Acme}")
    assert world.start("P0", service=None) is None
    (event,) = world.events("nobody_paged")
    assert event.body["reason"] == "no escalation policy is declared"


def test_the_organisations_default_stands_in_when_the_services_policy_reaches_nobody(world: World) -> None:
    text = FILE.replace("people: [alice, bob], starts_on: 2026-03-02", "people: [alice], starts_on: 2026-04-06")
    world.apply(text.replace("      - {page: person carol, wait: 10m}\n", ""))
    found = world.start("P0")
    assert found is not None and found.policy == "default"


def test_an_acknowledgement_times_out_where_that_is_set(world: World) -> None:
    settings = type(world.settings)(acknowledgement_timeout_p0_s=1800.0)
    world.write(oncall.record_server, channels=world.channels, settings=settings)
    world.start("P0")
    world.settle()
    world.write(oncall.acknowledge, ALICE, "INC-1")
    world.forward(minutes=29)
    assert world.paged() == ["alice"]
    world.forward(minutes=1)
    assert world.paged() == ["alice", "alice"]
    (again,) = world.events("paged_again")
    assert again.body["reason"] == "the acknowledgement timed out"


def test_overdue_steps_and_messages_are_found(world: World) -> None:
    world.start("P0")
    assert world.read(oncall.find_overdue).is_clean
    world.clock.advance(minutes=10)
    late = world.read(oncall.find_overdue)
    assert (late.steps, late.notifications, late.shifts) == (1, 1, 0)
    world.settle()
    assert world.read(oncall.find_overdue).is_clean
