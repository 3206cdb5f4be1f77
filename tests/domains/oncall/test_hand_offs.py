"""Hand-off instants in wall-clock time: the daylight-saving table, and the definition by brute force."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.oncall.schedules.decisions import Rotation, Schedule, hand_off, shift_at, turn_at
from staycalm.domains.oncall.schedules.wall_clock import first_instant

# (zone, wall-clock time, instant in UTC, why). Transitions from the IANA time zone database.
INSTANTS = [
    ("Europe/Berlin", "2025-01-06 09:00", "2025-01-06 08:00", "winter time"),
    ("Europe/Berlin", "2025-07-07 09:00", "2025-07-07 07:00", "summer time"),
    ("Europe/Berlin", "2025-03-30 02:30", "2025-03-30 01:00", "does not exist: 02:00 becomes 03:00"),
    ("Europe/Berlin", "2025-03-30 02:00", "2025-03-30 01:00", "first second of the gap"),
    ("Europe/Berlin", "2025-03-30 03:00", "2025-03-30 01:00", "first second after the gap"),
    ("Europe/Berlin", "2025-10-26 02:30", "2025-10-26 00:30", "ambiguous: the summer-time one comes first"),
    ("Europe/Berlin", "2025-10-26 03:00", "2025-10-26 02:00", "after the repeated hour"),
    ("America/New_York", "2025-03-09 02:15", "2025-03-09 07:00", "does not exist: 02:00 becomes 03:00"),
    ("America/New_York", "2025-11-02 01:45", "2025-11-02 05:45", "ambiguous: daylight time comes first"),
    ("Australia/Lord_Howe", "2020-10-04 02:15", "2020-10-03 15:30", "gap of half an hour: 02:00 becomes 02:30"),
    ("Australia/Lord_Howe", "2020-04-05 01:45", "2020-04-04 14:45", "half an hour is repeated"),
    ("Africa/Cairo", "2023-04-28 00:30", "2023-04-27 22:00", "gap at midnight: 00:00 becomes 01:00"),
    ("Africa/Cairo", "2023-10-26 23:30", "2023-10-26 20:30", "the hour before midnight comes twice"),
    ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00", "midnight did not exist"),
    ("America/Sao_Paulo", "2018-02-17 23:30", "2018-02-18 01:30", "the hour before midnight came twice"),
    ("America/Sao_Paulo", "2022-11-06 00:00", "2022-11-06 03:00", "no daylight saving any more"),
    ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 10:00", "the whole day was left out"),
    ("Pacific/Apia", "2011-12-31 00:00", "2011-12-30 10:00", "the next midnight is the same instant"),
    ("Asia/Kathmandu", "2025-01-06 09:00", "2025-01-06 03:15", "three quarters of an hour"),
    ("UTC", "2025-03-30 02:30", "2025-03-30 02:30", "no transitions"),
]


@pytest.mark.parametrize(("zone", "wall", "instant", "why"), INSTANTS, ids=lambda v: str(v))
def test_a_wall_time_maps_to_its_first_instant(zone: str, wall: str, instant: str, why: str) -> None:
    found = first_instant(datetime.fromisoformat(wall), ZoneInfo(zone))
    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC), why
    assert found.tzinfo is UTC


ZONES = sorted({zone for zone, *_ in INSTANTS} | {"Africa/Casablanca", "Asia/Tehran", "Antarctica/Troll"})
WALL_TIMES = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2035-01-01")).map(
    lambda d: d.replace(second=0, microsecond=0)
)


@given(
    st.sampled_from(ZONES),
    WALL_TIMES,
)
def test_no_earlier_instant_shows_that_wall_time_or_a_later_one(zone_name: str, wall: datetime) -> None:
    zone = ZoneInfo(zone_name)
    found = first_instant(wall, zone)
    assert found.astimezone(zone).replace(tzinfo=None) >= wall
    day_before = found - timedelta(hours=30)
    minutes = int((found - day_before).total_seconds() // 60)
    earlier = (day_before + timedelta(minutes=m) for m in range(0, minutes, 7))
    last_second = found - timedelta(seconds=1)
    assert all(i.astimezone(zone).replace(tzinfo=None) < wall for i in (*earlier, last_second))


def weekly(zone: str, at: str, starts_on: str, *people: str) -> Schedule:
    return Schedule(
        "platform", zone, Rotation(people, "week", time.fromisoformat(at), date.fromisoformat(starts_on))
    )


def daily(zone: str, at: str, starts_on: str, *people: str, every: int = 1) -> Schedule:
    start = date.fromisoformat(starts_on)
    return Schedule("platform", zone, Rotation(people, "day", time.fromisoformat(at), start, every=every))


def primary_at(schedule: Schedule, instant: str) -> str | None:
    return turn_at(schedule, (), datetime.fromisoformat(instant)).primary


def test_a_weekly_hand_off_stays_at_nine_across_the_change_to_summer_time() -> None:
    schedule = weekly("Europe/Berlin", "09:00", "2025-03-24", "alice", "bob")
    assert [hand_off(schedule, n).isoformat() for n in (1, 2)] == [
        "2025-03-31T07:00:00+00:00",
        "2025-04-07T07:00:00+00:00",
    ]
    assert hand_off(schedule, 0).isoformat() == "2025-03-24T08:00:00+00:00"


def test_week_boundaries_win_over_seven_days_since_the_start() -> None:
    schedule = weekly("Europe/Berlin", "09:00", "2025-01-08", "alice", "bob")  # a Wednesday
    assert primary_at(schedule, "2025-01-13T08:59:00+01:00") == "alice"
    assert primary_at(schedule, "2025-01-13T09:00:00+01:00") == "bob"
    assert primary_at(schedule, "2025-01-20T09:00:00+01:00") == "alice"


def test_a_rotation_that_starts_on_its_hand_off_day_gives_the_first_person_a_whole_week() -> None:
    schedule = weekly("Europe/Berlin", "09:00", "2025-01-06", "alice", "bob")
    assert primary_at(schedule, "2025-01-06T00:00:00+01:00") == "alice"
    assert primary_at(schedule, "2025-01-13T08:59:59+01:00") == "alice"
    assert primary_at(schedule, "2025-01-13T09:00:00+01:00") == "bob"


def test_before_the_rotation_starts_nobody_is_on_call() -> None:
    schedule = weekly("Europe/Berlin", "09:00", "2025-01-06", "alice", "bob")
    before = turn_at(schedule, (), datetime.fromisoformat("2025-01-05T12:00:00+01:00"))
    assert (before.primary, before.secondary) == (None, None)
    assert before.ends_at == datetime.fromisoformat("2025-01-06T00:00:00+01:00")


def test_a_daily_hand_off_in_the_gap_happens_at_the_transition() -> None:
    schedule = daily("Europe/Berlin", "02:30", "2025-03-28", "alice", "bob")
    assert primary_at(schedule, "2025-03-30T00:59:59+00:00") == "bob"
    assert primary_at(schedule, "2025-03-30T01:00:00+00:00") == "alice"


def test_a_daily_hand_off_in_the_repeated_hour_happens_once_at_its_first_occurrence() -> None:
    schedule = daily("America/New_York", "01:30", "2025-10-31", "alice", "bob", "carol")
    assert primary_at(schedule, "2025-11-02T05:29:59+00:00") == "bob"
    assert primary_at(schedule, "2025-11-02T05:30:00+00:00") == "carol"
    assert primary_at(schedule, "2025-11-02T06:30:00+00:00") == "carol"  # 01:30 again, in standard time
    assert primary_at(schedule, "2025-11-03T06:30:00+00:00") == "alice"


def test_a_day_that_was_left_out_is_nobodys_shift() -> None:
    schedule = daily("Pacific/Apia", "00:00", "2011-12-29", "alice", "bob", "carol")
    instant = datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC)
    assert turn_at(schedule, (), instant).primary == "alice"
    assert turn_at(schedule, (), instant + timedelta(seconds=1)).primary == "carol"
    assert hand_off(schedule, 1) == hand_off(schedule, 2)


def test_a_shift_can_last_several_days_or_weeks() -> None:
    fortnight = Schedule(
        "p", "UTC", Rotation(("alice", "bob"), "week", time(9), date(2025, 1, 6), weekday=0, every=2)
    )
    assert primary_at(fortnight, "2025-01-20T08:59:00+00:00") == "alice"
    assert primary_at(fortnight, "2025-01-20T09:00:00+00:00") == "bob"
    three_days = daily("UTC", "08:00", "2025-01-01", "alice", "bob", every=3)
    assert primary_at(three_days, "2025-01-04T07:59:00+00:00") == "alice"
    assert primary_at(three_days, "2025-01-04T08:00:00+00:00") == "bob"


@given(st.sampled_from(ZONES), st.integers(0, 2000), st.times(), st.sampled_from(["day", "week"]))
def test_every_shift_knows_its_own_number(zone: str, number: int, at: time, unit: str) -> None:
    rotation = Rotation(
        ("a", "b", "c"), unit, at.replace(second=0, microsecond=0, fold=0), date(2010, 5, 5), weekday=3
    )  # type: ignore[arg-type]
    schedule = Schedule("p", zone, rotation)
    start, end = hand_off(schedule, number), hand_off(schedule, number + 1)
    if start < end and number > 0:
        assert shift_at(schedule, start) == number
        assert shift_at(schedule, end - timedelta(seconds=1)) == number
