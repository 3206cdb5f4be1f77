"""Who is on call: hand-offs, the day the clocks change, overrides, and holes that are found in daylight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from staycalm.domains.oncall.public import on_call_now
from staycalm.domains.oncall.schedules.service import add_override
from tests.scenarios.conftest import Make
from tests.scenarios.organisation import PEOPLE, QUIET
from tests.scenarios.world import World


def primary(world: World) -> str | None:
    found: str | None = world.read(on_call_now, "platform").primary
    return found


def test_the_shift_goes_on_to_the_next_person_on_monday_at_nine(office: World) -> None:
    # it is Monday 10:00 in Berlin
    assert primary(office) == "alice"
    office.fast_forward(days=6, hours=22, minutes=59)
    assert primary(office) == "alice"
    office.fast_forward(minutes=1)
    assert primary(office) == "bob"
    assert [e.body["person"] for e in office.log("oncall.shift_started") if e.body["role"] == "primary"] == [
        "alice", "bob",
    ]  # fmt: skip


def test_the_hand_off_stays_at_nine_when_the_clocks_go_forward(make_world: Make) -> None:
    # given the week in which Berlin goes from winter to summer time
    world = make_world(start=datetime(2026, 3, 23, 9, 0, tzinfo=UTC)).start(QUIET)
    before = primary(world)
    # Monday 09:00 in Berlin is 07:00 UTC now, an hour earlier than the Monday before
    world.fast_forward(days=6, hours=21, minutes=59)
    assert primary(world) == before
    world.fast_forward(minutes=1)
    assert primary(world) != before


def test_the_page_goes_to_who_is_on_call_when_it_leaves(office: World) -> None:
    # given the week after, in which bob is primary
    office.fast_forward(days=7)
    # when there is an emergency, then bob is paged
    office.declare("nobody can pay", "P0")
    assert office.paged() == ["bob"]


def test_who_stands_in_for_somebody_is_paged_instead(office: World) -> None:
    # given carol, who takes alice's evening
    until = office.clock.now() + timedelta(hours=8)
    named = {"schedule": "platform", "role": "primary", "person": "carol", "starts_at": None, "ends_at": until}
    office.write(add_override, office.actor("alice"), **named)
    office.declare("nobody can pay", "P0")
    assert office.paged() == ["carol"]
    office.acknowledge("carol")
    # then the rotation counts again
    office.fast_forward(hours=9)
    assert primary(office) == "alice"


def test_a_hole_in_the_schedule_is_a_ticket_in_daylight(world: World) -> None:
    # given a schedule of one person, who cannot be their own secondary
    world.start(PEOPLE.replace("people: [alice, bob],", "people: [alice],"))
    world.fast_forward(days=1)
    (alert,) = world.alerts("on-call-coverage")
    assert alert.priority == "P2" and "platform" in alert.summary
    assert world.paged() == []


def test_a_step_with_nobody_on_call_does_not_wait(world: World) -> None:
    # given nobody who is secondary
    world.start(QUIET.replace("people: [alice, bob],", "people: [alice],"))
    world.declare("nobody can pay", "P0")
    world.fast_forward(minutes=5)
    # then after alice's five minutes carol is asked at once, and the log says why
    assert world.paged() == ["alice", "carol"]
    assert [e.body["reason"] for e in world.log("oncall.step_skipped")] == ["nobody on call"]


def test_a_quiet_week_disturbs_nobody(office: World) -> None:
    # given a week in which nothing happens
    office.fast_forward(days=7)
    # then nobody gets a message, and there is no alert
    assert office.outside.email.arrived == [] and office.alerts() == []
