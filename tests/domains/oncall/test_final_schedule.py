"""The final schedule: rotation and overrides together leave no hole, no overlap and one primary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.oncall.schedules.decisions import (
    Override,
    Role,
    Rotation,
    Schedule,
    begins_at,
    final_schedule,
    gaps,
    keep_holder,
    next_turn,
    turn_at,
)

MONDAY = date(2025, 1, 6)
PLATFORM = Schedule("platform", "UTC", Rotation(("alice", "bob", "carol"), "week", time(9), MONDAY))


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2025, 1, day, hour, tzinfo=UTC)


def override(role: Role, person: str, start: datetime, end: datetime, name: str = "o1") -> Override:
    return Override(name, role, person, start, end)


def pair(schedule: Schedule, instant: datetime, *overrides: Override) -> tuple[str | None, str | None]:
    turn = turn_at(schedule, overrides, instant)
    return turn.primary, turn.secondary


def test_the_next_primary_backs_up_the_present_one() -> None:
    assert pair(PLATFORM, at(8)) == ("alice", "bob")
    assert pair(PLATFORM, at(15)) == ("bob", "carol")
    assert pair(PLATFORM, at(22)) == ("carol", "alice")


def test_a_schedule_can_have_its_own_secondaries() -> None:
    schedule = replace(PLATFORM, secondaries=("dave", "alice"))
    assert pair(schedule, at(8)) == ("alice", "dave")
    assert pair(schedule, at(15)) == ("bob", "alice")


def test_the_primary_is_never_their_own_secondary() -> None:
    schedule = replace(PLATFORM, secondaries=("alice", "dave"))
    assert pair(schedule, at(8)) == ("alice", "dave")


def test_one_person_alone_has_no_secondary() -> None:
    alone = replace(PLATFORM, rotation=replace(PLATFORM.rotation, people=("alice",)))
    assert pair(alone, at(8)) == ("alice", None)


def test_an_override_replaces_the_primary_for_its_interval_only() -> None:
    cover = override("primary", "carol", at(8, 18), at(9, 6))
    assert pair(PLATFORM, at(8, 17), cover) == ("alice", "bob")
    assert pair(PLATFORM, at(8, 18), cover) == ("carol", "bob")
    assert pair(PLATFORM, at(9, 6), cover) == ("alice", "bob")


def test_when_the_secondary_covers_for_the_primary_the_next_person_backs_up() -> None:
    cover = override("primary", "bob", at(8, 18), at(9, 6))
    assert pair(PLATFORM, at(8, 20), cover) == ("bob", "carol")


def test_the_override_that_was_added_later_wins() -> None:
    first = override("primary", "bob", at(8, 18), at(9, 6), "o1")
    second = override("primary", "carol", at(8, 20), at(8, 22), "o2")
    assert pair(PLATFORM, at(8, 21), first, second)[0] == "carol"
    assert pair(PLATFORM, at(8, 22), first, second)[0] == "bob"


def test_an_override_can_fill_the_time_before_the_rotation_starts() -> None:
    early = override("primary", "dave", at(1, 0), at(6, 0))
    turns = final_schedule(PLATFORM, [early], at(1, 0), at(6, 0))
    assert [(t.primary, t.starts_at, t.ends_at) for t in turns] == [("dave", at(1, 0), at(6, 0))]
    assert gaps(final_schedule(PLATFORM, [], at(1, 0), at(13, 0))) == ((at(1, 0), at(6, 0)),)


def test_an_override_that_changes_nothing_does_not_split_the_turn() -> None:
    same = override("primary", "alice", at(8, 18), at(9, 6))
    turn = turn_at(PLATFORM, [same], at(8, 20))
    assert (turn.starts_at, turn.ends_at) == (at(6, 0), at(13, 9))


def test_the_next_turn_starts_where_this_one_ends() -> None:
    following = next_turn(PLATFORM, (), at(8))
    assert (following.starts_at, following.primary) == (at(13, 9), "bob")


def test_adding_a_person_leaves_the_pager_with_whoever_carries_it() -> None:
    grown = replace(PLATFORM, rotation=replace(PLATFORM.rotation, people=("dave", "alice", "bob", "carol")))
    kept = keep_holder(PLATFORM, grown, at(15))
    assert pair(kept, at(15)) == ("bob", "carol")
    assert pair(kept, at(22)) == ("carol", "dave")


def test_removing_the_present_primary_hands_over_at_once() -> None:
    shrunk = replace(PLATFORM, rotation=replace(PLATFORM.rotation, people=("alice", "carol")))
    assert keep_holder(PLATFORM, shrunk, at(15)) == shrunk


PEOPLE = ("a", "b", "c", "d", "e")
HOURS = st.integers(0, 24 * 200)
ORIGIN = datetime(2025, 2, 1, tzinfo=UTC)


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    start = ORIGIN + timedelta(hours=draw(HOURS))
    length = timedelta(hours=draw(st.integers(1, 400)))
    role: Role = draw(st.sampled_from(("primary", "secondary")))
    return Override(draw(st.uuids()).hex, role, draw(st.sampled_from(PEOPLE)), start, start + length)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    zones = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC")
    rotation = Rotation(
        people=tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=5, unique=True))),
        unit=draw(st.sampled_from(("day", "week"))),
        at=time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 15, 30, 45)))),
        starts_on=date(2025, 1, 1) + timedelta(days=draw(st.integers(0, 60))),
        weekday=draw(st.integers(0, 6)),
        every=draw(st.integers(1, 3)),
        offset=draw(st.integers(0, 4)),
    )
    seconds = tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True)))
    return Schedule("p", draw(st.sampled_from(zones)), rotation, seconds)


@given(schedules(), st.lists(overrides(), max_size=5), HOURS, st.integers(1, 24 * 60))
def test_turns_tile_time_without_overlap_or_gap(
    schedule: Schedule, extra: list[Override], first: int, length: int
) -> None:
    start = ORIGIN + timedelta(hours=first)
    end = start + timedelta(hours=length)
    turns = final_schedule(schedule, extra, start, end)
    assert (turns[0].starts_at, turns[-1].ends_at) == (start, end)
    assert all(a.ends_at == b.starts_at for a, b in pairwise(turns))
    assert all(t.starts_at < t.ends_at for t in turns)
    for turn in turns:
        assert turn.primary is not None or turn.starts_at < begins_at(schedule)
        assert turn.primary is None or turn.primary != turn.secondary


@given(schedules(), st.lists(overrides(), max_size=5), HOURS)
def test_one_instant_has_one_answer_however_it_is_asked(
    schedule: Schedule, extra: list[Override], hour: int
) -> None:
    instant = ORIGIN + timedelta(hours=hour)
    turn = turn_at(schedule, extra, instant)
    assert turn.starts_at <= instant < turn.ends_at
    wide = final_schedule(schedule, extra, instant - timedelta(days=9), instant + timedelta(days=9))
    found = [t for t in wide if t.starts_at <= instant < t.ends_at]
    assert [(t.primary, t.secondary) for t in found] == [(turn.primary, turn.secondary)]
    assert found[0].ends_at == min(turn.ends_at, wide[-1].ends_at)


@given(schedules(), st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=5, unique=True), HOURS)
def test_changing_the_list_never_takes_the_pager_from_somebody_who_stays(
    schedule: Schedule, people: list[str], hour: int
) -> None:
    instant = ORIGIN + timedelta(hours=hour) + timedelta(days=60)
    holder = turn_at(schedule, (), instant).primary
    changed = replace(schedule, rotation=replace(schedule.rotation, people=tuple(people)))
    kept = keep_holder(schedule, changed, instant)
    if holder in people:
        assert turn_at(kept, (), instant).primary == holder
