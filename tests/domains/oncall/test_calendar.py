"""Days of a wall clock: every instant has its place once, also where the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.oncall.schedules.calendar import Day, colours_of, lay_out, midnight, monday_of
from staycalm.domains.oncall.schedules.decisions import Override, Role, Rotation, Schedule, final_schedule
from staycalm.domains.oncall.schedules.stints import Stint, shifts, stints, whole_shifts

NOW = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo",
         "Pacific/Apia", "America/St_Johns", "Pacific/Chatham"]  # fmt: skip


def weekly(starts_on: date) -> Schedule:
    return Schedule("platform", "Europe/Berlin", Rotation(("alice", "bob"), "week", time(9), starts_on))


def laid_out(
    schedule: Schedule, *overrides: Override, first: date = date(2026, 3, 23), count: int = 14,
    zone: ZoneInfo = BERLIN, also: tuple[ZoneInfo, ...] = (),
) -> tuple[Day, ...]:  # fmt: skip
    start, end = midnight(first, zone), midnight(first + timedelta(days=count), zone)
    found = stints(schedule, overrides, *whole_shifts(schedule, overrides, start, end))
    return lay_out(found, zone, first, count, NOW, colours=colours_of(schedule.rotation.people), also=also)


def names(day: Day) -> list[tuple[str, str | None]]:
    return [(bar.since, bar.stint.primary) for bar in day.bars]


def test_the_hand_off_stays_at_nine_of_the_wall_when_the_clocks_change() -> None:
    days = laid_out(weekly(date(2026, 3, 2)))
    assert names(days[0]) == [("", "alice"), ("09:00", "bob")]
    assert names(days[7]) == [("", "bob"), ("09:00", "alice")]
    assert [day.on for day in days if day.is_today] == [date(2026, 3, 25)]
    assert [day.is_past for day in days[:4]] == [True, True, False, False]


@pytest.mark.parametrize(
    ("on", "zone", "hours", "note"),
    [
        (date(2026, 3, 29), "Europe/Berlin", 23, "23 hours: the clocks go forward"),
        (date(2026, 10, 25), "Europe/Berlin", 25, "25 hours: the clocks go back"),
        (date(2026, 10, 4), "Australia/Lord_Howe", 23.5, "23.5 hours: the clocks go forward"),
        (date(2026, 3, 28), "Europe/Berlin", 24, ""),
        (date(2011, 12, 30), "Pacific/Apia", 0, "left out here"),
    ],
)
def test_a_day_is_as_long_as_it_is_and_says_so(on: date, zone: str, hours: float, note: str) -> None:
    (day,) = laid_out(weekly(date(2011, 1, 3)), first=on, count=1, zone=ZoneInfo(zone))
    assert (day.ends_at - day.starts_at) / timedelta(hours=1) == hours
    assert day.note == note
    assert bool(day.bars) == bool(hours)


def test_the_scale_follows_the_missing_hour() -> None:
    days = laid_out(weekly(date(2026, 3, 2)), count=7)
    drawn = [day.on.day for day in days if day.scales]
    assert drawn == [23, 29]
    ticks = {tick.label: tick.left for tick in days[6].scales[0].ticks}
    assert ticks["00"] == 0 and ticks["12"] == pytest.approx(100 * 11 / 23, abs=0.001)


def test_another_zone_has_its_own_hours_beside_it() -> None:
    days = laid_out(weekly(date(2026, 3, 2)), count=7, also=(ZoneInfo("Asia/Tokyo"),))
    tokyo = next(scale for scale in days[0].scales if scale.zone == "Asia/Tokyo")
    # Midnight in Berlin is 08:00 in Tokyo, so 09:00 there comes one hour into the day.
    assert (tokyo.ticks[0].label, tokyo.ticks[0].left) == ("09", pytest.approx(100 / 24, abs=0.001))


def test_days_before_a_rotation_begins_are_gaps() -> None:
    days = laid_out(weekly(date(2026, 3, 30)))
    assert {bar.stint.primary for day in days[:7] for bar in day.bars} == {None}
    assert all(bar.stint.primary is not None for day in days[7:] for bar in day.bars)


def test_an_override_is_a_part_of_its_day_with_its_reason_and_whom_it_replaces() -> None:
    at = datetime(2026, 3, 26, 10, 0, tzinfo=UTC)
    made = Override("o", "primary", "carol", at, at.replace(hour=12), "dentist", "alice")
    day = laid_out(weekly(date(2026, 3, 2)), made)[3]
    assert names(day) == [("", "bob"), ("11:00", "carol"), ("13:00", "bob")]
    covered = day.parts[1].stint
    assert (covered.instead_of, covered.reason, covered.overrides) == ("bob", "dentist", (made,))
    assert day.parts[0].stint.overrides == () and day.parts[0].stint.instead_of is None


def test_an_agenda_can_leave_out_the_days_on_which_nobody_takes_over() -> None:
    days = laid_out(weekly(date(2026, 3, 2)))
    assert [day.on.day for day in days if not day.is_continued] == [23, 30]
    at = datetime(2026, 3, 26, 10, 0, tzinfo=UTC)
    covered = laid_out(weekly(date(2026, 3, 2)), Override("o", "primary", "carol", at, at + timedelta(days=1)))
    assert [day.on.day for day in covered if not day.is_continued] == [23, 26, 27, 30]


def test_an_override_that_changes_nothing_is_not_shown_as_one() -> None:
    at = datetime(2026, 3, 26, 10, 0, tzinfo=UTC)
    made = Override("o", "primary", "bob", at, at.replace(hour=12), "same")
    assert [bar.stint.overrides for bar in laid_out(weekly(date(2026, 3, 2)), made)[3].bars] == [()]


PEOPLE = ("alice", "bob", "carol", "dave")


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    rotation = Rotation(
        people=tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True))),
        unit=draw(st.sampled_from(("day", "week"))),
        at=time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 30)))),
        starts_on=date(2026, 1, 1) + timedelta(days=draw(st.integers(-30, 330))),
        weekday=draw(st.integers(0, 6)),
        every=draw(st.integers(1, 2)),
    )
    return Schedule("s", draw(st.sampled_from(ZONES)), rotation)


@st.composite
def some_overrides(draw: st.DrawFn) -> tuple[Override, ...]:
    found = []
    for n in range(draw(st.integers(0, 3))):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 24 * 365)))
        end = start + timedelta(hours=draw(st.integers(1, 400)))
        role: Role = draw(st.sampled_from(("primary", "secondary")))
        found.append(Override(f"o{n}", role, draw(st.sampled_from(PEOPLE)), start, end))
    return tuple(found)


@given(schedules(), some_overrides(), st.sampled_from(ZONES), st.integers(0, 360), st.sampled_from([7, 35]))
def test_every_instant_of_the_calendar_is_covered_exactly_once(
    schedule: Schedule, overrides: tuple[Override, ...], zone_name: str, day: int, count: int
) -> None:
    zone = ZoneInfo(zone_name)
    first = monday_of(date(2026, 1, 1) + timedelta(days=day))
    start, end = midnight(first, zone), midnight(first + timedelta(days=count), zone)
    days = laid_out(schedule, *overrides, first=first, count=count, zone=zone)
    edges = [(bar.starts_at, bar.ends_at) for each in days for bar in each.bars]
    assert edges[0][0] == start and edges[-1][1] == end
    assert all(low < high for low, high in edges)
    assert all(left[1] == right[0] for left, right in pairwise(edges))
    for each in days:
        assert sum(bar.width for bar in each.bars) == pytest.approx(100.0 if each.bars else 0.0)
        assert all(0 <= tick.left < 100 for scale in each.scales for tick in scale.ticks)
    # Whoever is drawn is who would be paged, at both ends of every bar.
    truth = final_schedule(schedule, overrides, start, end)
    for each in days:
        for bar in each.bars:
            for instant in (bar.starts_at, bar.ends_at - timedelta(microseconds=1)):
                turn = next(t for t in truth if t.starts_at <= instant < t.ends_at)
                assert (turn.primary, turn.secondary) == (bar.stint.primary, bar.stint.secondary)


@given(schedules(), some_overrides(), st.integers(0, 300))
def test_the_shifts_of_a_role_cover_the_time_once_and_never_cross_a_hand_off(
    schedule: Schedule, overrides: tuple[Override, ...], day: int
) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    start, end = whole_shifts(schedule, overrides, begin, begin + timedelta(days=20))
    found: tuple[Stint, ...] = stints(schedule, overrides, start, end)
    for role in ("primary", "secondary"):
        made = shifts(schedule, found, role)
        assert made[0].starts_at == start and made[-1].ends_at == end
        assert all(a.ends_at == b.starts_at for a, b in pairwise(made))
    # The same shift has the same beginning, from whichever day one looks; a gap is named by its end.
    later = whole_shifts(schedule, overrides, begin + timedelta(days=1), begin + timedelta(days=20))
    again = shifts(schedule, stints(schedule, overrides, *later), "primary")
    held = {shift for shift in again if shift.person is not None}
    assert held <= set(shifts(schedule, found, "primary"))
