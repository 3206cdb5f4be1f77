"""Four weeks of a schedule as its page lays them out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from staycalm.domains.oncall.schedules.calendar import Day, calendar_end, first_monday, weeks
from staycalm.domains.oncall.schedules.decisions import Override, Rotation, Schedule, final_schedule

NOW = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)


def laid_out(schedule: Schedule, *overrides: Override) -> list[Day]:
    start = first_monday(schedule, NOW)
    turns = final_schedule(schedule, overrides, start, calendar_end(schedule, start))
    return [day for week in weeks(schedule, turns, start, NOW) for day in week]


def berlin(starts_on: date) -> Schedule:
    return Schedule("platform", "Europe/Berlin", Rotation(("alice", "bob"), "week", time(9), starts_on))


def test_the_calendar_has_twenty_eight_days_over_a_change_of_the_clock() -> None:
    days = laid_out(berlin(date(2026, 3, 2)))
    assert [day.on for day in days][:2] == [date(2026, 3, 23), date(2026, 3, 24)]
    assert len(days) == 28 and len({day.on for day in days}) == 28
    assert [day.on for day in days if day.is_today] == [date(2026, 3, 25)]
    # Summer time begins on 29 March: the hand-off stays at nine o'clock of the wall.
    assert [part.since for part in days[7].parts] == ["", "09:00"]


def test_days_before_a_rotation_begins_are_gaps() -> None:
    days = laid_out(berlin(date(2026, 3, 30)))
    assert {part.primary for day in days[:7] for part in day.parts} == {None}
    assert all(part.primary is not None for day in days[8:] for part in day.parts)


def test_an_override_is_a_part_of_its_day() -> None:
    at = datetime(2026, 3, 26, 10, 0, tzinfo=UTC)
    days = laid_out(berlin(date(2026, 3, 2)), Override("o", "primary", "carol", at, at.replace(hour=12)))
    parts = [(part.since, part.primary) for part in days[3].parts]
    assert [person for _, person in parts][1] == "carol"
    assert [since for since, _ in parts] == ["", "11:00", "13:00"]
