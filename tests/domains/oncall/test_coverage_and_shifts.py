"""Shifts move the on-call role, overrides count at once, and holes are found ahead of time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from staycalm.core.errors import Invalid, NotFound
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.contacts import service as contacts
from staycalm.domains.oncall.schedules import queries, service
from tests.domains.oncall.world import ALICE, FILE, World


def on_call_roles(world: World) -> list[str]:
    people = world.read(accounts.list_people)
    return [person.handle for person in people if "on-call" in person.roles]


def test_the_role_is_held_for_the_length_of_the_shift(world: World) -> None:
    assert on_call_roles(world) == ["alice", "bob"]
    now = world.read(oncall.on_call_now, "platform")
    assert (now.primary, now.secondary, now.next_primary) == ("alice", "bob", "bob")
    assert now.until == world.at("2026-03-09T09:00:00+01:00")
    world.forward(days=7)
    now = world.read(oncall.on_call_now, "platform")
    assert (now.primary, now.secondary) == ("bob", "alice")
    assert on_call_roles(world) == ["alice", "bob"]


def test_every_hand_off_is_told(world: World) -> None:
    world.forward(days=15)
    told = [(e.body["role"], e.body["person"], e.body["previous"]) for e in world.events("shift_started")]
    assert told == [
        ("primary", "alice", None), ("secondary", "bob", None),
        ("primary", "bob", "alice"), ("secondary", "alice", "bob"),
        ("primary", "alice", "bob"), ("secondary", "bob", "alice"),
    ]  # fmt: skip


def test_an_override_counts_at_once_and_ends_by_itself(world: World) -> None:
    until = world.clock.now() + timedelta(hours=6)
    world.write(
        service.add_override, ALICE, schedule="platform", role="primary", person="carol",
        starts_at=None, ends_at=until,
    )  # fmt: skip
    assert on_call_roles(world) == ["bob", "carol"]
    assert world.read(oncall.on_call_now, "platform").primary == "carol"
    world.forward(hours=6)
    assert on_call_roles(world) == ["alice", "bob"]


def test_an_override_in_the_future_starts_by_itself(world: World) -> None:
    start = world.clock.now() + timedelta(hours=2)
    world.write(
        service.add_override, ALICE, schedule="platform", role="secondary", person="carol",
        starts_at=start, ends_at=start + timedelta(hours=1),
    )  # fmt: skip
    assert on_call_roles(world) == ["alice", "bob"]
    world.forward(hours=2)
    assert on_call_roles(world) == ["alice", "carol"]
    world.forward(hours=1)
    assert on_call_roles(world) == ["alice", "bob"]


def test_removing_an_override_gives_the_pager_back(world: World) -> None:
    added = world.write(
        service.add_override, ALICE, schedule="platform", role="primary", person="carol",
        starts_at=None, ends_at=world.clock.now() + timedelta(hours=6),
    )  # fmt: skip
    world.write(service.remove_override, ALICE, schedule="platform", id=added.id)
    assert on_call_roles(world) == ["alice", "bob"]
    with pytest.raises(NotFound):
        world.write(service.remove_override, ALICE, schedule="platform", id=added.id)


@pytest.mark.parametrize(
    ("start_h", "end_h"), [(2, 1), (1, 1), (-3, -1), (0, 24 * 200)], ids=["turned", "empty", "past", "long"]
)
def test_a_bad_interval_is_refused(world: World, start_h: int, end_h: int) -> None:
    now = world.clock.now()
    with pytest.raises(Invalid):
        world.write(
            service.add_override, ALICE, schedule="platform", role="primary", person="carol",
            starts_at=now + timedelta(hours=start_h), ends_at=now + timedelta(hours=end_h),
        )  # fmt: skip


def test_adding_a_person_to_the_file_leaves_the_pager_where_it_is(world: World) -> None:
    world.forward(days=8)
    assert world.read(oncall.on_call_now, "platform").primary == "bob"
    world.apply(FILE.replace("people: [alice, bob]", "people: [carol, alice, bob]"))
    now = world.read(oncall.on_call_now, "platform")
    assert (now.primary, now.secondary, now.next_primary) == ("bob", "carol", "carol")
    world.apply(FILE.replace("people: [alice, bob]", "people: [carol, alice, bob]"))
    assert world.read(oncall.on_call_now, "platform") == now


def test_a_removed_schedule_leaves_nobody_on_call(world: World) -> None:
    text = FILE[: FILE.index("schedules:")] + "escalation_policies:\n  default: {steps: [{page: person carol}]}\n"
    world.apply(text.replace(", escalation_policy: shop", ""))
    assert on_call_roles(world) == []
    with pytest.raises(NotFound):
        world.read(oncall.on_call_now, "platform")


def test_a_gap_is_found_before_it_comes(world: World) -> None:
    world.apply(FILE.replace("starts_on: 2026-03-02", "starts_on: 2026-03-16"))
    world.settle()
    (found,) = world.events("coverage_gap_found")
    (gap,) = [f for f in found.body["findings"] if f["kind"] == "gap"]
    assert gap["ends_at"] == "2026-03-15T23:00:00+00:00"
    assert world.read(queries.get_schedule, "platform").findings == tuple(found.body["findings"])


def test_a_schedule_with_one_person_is_a_hole(world: World) -> None:
    world.apply(FILE.replace("people: [alice, bob]", "people: [alice]"))
    world.settle()
    (found,) = world.events("coverage_gap_found")
    assert [f["kind"] for f in found.body["findings"]] == ["one-person"]


FOUNDER = """
organisation: {name: Acme, time_zone: Europe/Berlin}
people:
  alice: {name: Alice, email: alice@example.com}
schedules:
  platform: {people: [alice], starts_on: 2026-03-02}
"""


def test_a_lone_founder_is_told_once_and_alarmed_from_the_second_person_on(world: World) -> None:
    world.apply(FOUNDER)
    world.forward(days=3)
    (told,) = world.events("coverage_lonely")
    assert (told.body["person"], told.body["schedule"]) == ("alice", "platform")
    assert world.events("coverage_gap_found") == []
    (shown,) = world.read(queries.get_schedule, "platform").findings
    assert (shown["kind"], shown["is_notice"]) == ("one-person", True)
    world.apply(FOUNDER.replace("schedules:", "  bob: {name: Bob, email: bob@example.com}\nschedules:"))
    world.settle()
    world.forward(days=1)
    assert [f["kind"] for f in world.events("coverage_gap_found")[0].body["findings"]] == ["one-person"]
    # Once bob shares the pager there is nothing to tell.
    world.apply(FOUNDER.replace("[alice]", "[alice, bob]").replace(
        "schedules:", "  bob: {name: Bob, email: bob@example.com}\nschedules:"))  # fmt: skip
    world.settle()
    assert len(world.events("coverage_restored")) == 1


def test_a_gap_of_a_lone_founder_is_a_hole_all_the_same(world: World) -> None:
    world.apply(FOUNDER.replace("2026-03-02", "2026-03-16"))
    world.settle()
    assert [f["kind"] for e in world.events("coverage_gap_found") for f in e.body["findings"]] == ["gap"]


def test_a_person_who_cannot_be_reached_is_a_hole_until_they_can(world: World) -> None:
    world.write(contacts.record_channels, ["ntfy"])
    world.forward(days=1)
    (found,) = world.events("coverage_gap_found")
    kinds = [(f["kind"], f["person"]) for f in found.body["findings"]]
    assert kinds == [("unreachable", "alice"), ("unreachable", "bob")]
    for person in ("alice", "bob"):
        address = f"https://ntfy.example/{person}"
        world.write(contacts.add_method, ALICE, person=person, kind="ntfy", address=address)
    world.settle()
    assert len(world.events("coverage_restored")) == 1
    assert world.read(queries.get_schedule, "platform").findings == ()


def test_a_quiet_schedule_is_checked_every_night_and_says_nothing(world: World) -> None:
    world.forward(days=3)
    assert world.events("coverage_gap_found", "coverage_restored") == []
    assert world.read(oncall.find_overdue).is_clean


def test_the_calendar_covers_the_weeks_asked_for(world: World) -> None:
    turns = world.read(queries.calendar, "platform", days=28)
    assert [t.primary for t in turns] == ["alice", "bob", "alice", "bob", "alice"]
    assert turns[0].starts_at == world.clock.now()
    assert turns[-1].ends_at == world.clock.now() + timedelta(days=28)
    with pytest.raises(Invalid):
        world.read(queries.calendar, "platform", days=0)
