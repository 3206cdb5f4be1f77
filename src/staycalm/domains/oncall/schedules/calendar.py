"""Four weeks of a schedule as days of its own wall clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from staycalm.domains.oncall.schedules.decisions import Schedule, Turn
from staycalm.domains.oncall.schedules.wall_clock import first_instant

WEEKS = 4
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a day. `since` is the wall-clock time it begins at, empty at midnight; `primary` None is a gap."""

    since: str
    primary: str | None
    secondary: str | None
    colour: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the calendar."""

    on: date
    parts: tuple[Part, ...]
    is_today: bool
    is_past: bool


def first_monday(schedule: Schedule, now: datetime) -> datetime:
    """Return the beginning of the week that `now` falls in, by the schedule's wall clock."""
    today = now.astimezone(schedule.zone).date()
    return _midnight(schedule, today - timedelta(days=today.weekday()))


def calendar_end(schedule: Schedule, start: datetime) -> datetime:
    """Return the end of the calendar that begins at `start`."""
    return _midnight(schedule, start.astimezone(schedule.zone).date() + timedelta(weeks=WEEKS))


def weeks(
    schedule: Schedule, turns: Sequence[Turn], start: datetime, now: datetime
) -> tuple[tuple[Day, ...], ...]:
    """Return the weeks from `start`; `turns` are the final schedule over all of them."""
    first, today = start.astimezone(schedule.zone).date(), now.astimezone(schedule.zone).date()
    colours = {person: place % COLOURS for place, person in enumerate(_people(schedule, turns))}
    days = [_day(schedule, turns, first + timedelta(days=n), today, colours) for n in range(7 * WEEKS)]
    return tuple(tuple(days[week * 7 : week * 7 + 7]) for week in range(WEEKS))


def _people(schedule: Schedule, turns: Sequence[Turn]) -> list[str]:
    others = [turn.primary for turn in turns if turn.primary is not None]
    return list(dict.fromkeys([*schedule.rotation.people, *others]))


def _day(schedule: Schedule, turns: Sequence[Turn], on: date, today: date, colours: dict[str, int]) -> Day:
    start, end = _midnight(schedule, on), _midnight(schedule, on + timedelta(days=1))
    parts: list[Part] = []
    for turn in turns:
        if turn.ends_at <= start or turn.starts_at >= end:
            continue
        since = f"{turn.starts_at.astimezone(schedule.zone):%H:%M}" if turn.starts_at > start else ""
        part = Part(since, turn.primary, turn.secondary, colours.get(turn.primary or "", 0))
        if not parts or (parts[-1].primary, parts[-1].secondary) != (part.primary, part.secondary):
            parts.append(part)
    return Day(on, tuple(parts), is_today=on == today, is_past=on < today)


def _midnight(schedule: Schedule, on: date) -> datetime:
    return first_instant(datetime.combine(on, time(0)), schedule.zone)
