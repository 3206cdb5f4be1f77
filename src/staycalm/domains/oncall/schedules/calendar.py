"""A stretch of a schedule as days of a wall clock, each with its bars on its own hour scale. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from staycalm.domains.oncall.schedules.stints import Stint
from staycalm.domains.oncall.schedules.wall_clock import first_instant

COLOURS = 6
TICK_EVERY_H = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A stint's part of a day. `left` and `width` are percent of the day's true length.

    `since` and `until` are wall-clock times, empty at midnight. A primary of None is a gap.
    """

    stint: Stint
    starts_at: datetime
    ends_at: datetime
    left: float
    width: float
    since: str
    until: str
    colour: int


@dataclass(frozen=True, slots=True)
class Tick:
    """An hour of a zone's wall clock, at `left` percent of the day."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The hours of one zone along a day."""

    zone: str
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the wall clock. `now` is how much of it has passed in percent, None on another day.

    `scales` are empty where they are those of the day above. `note` tells of a day that has not 24 hours.
    `is_continued`: nobody takes over on it, so that an agenda can leave it out.
    """

    on: date
    starts_at: datetime
    ends_at: datetime
    bars: tuple[Bar, ...]
    is_today: bool
    is_past: bool
    now: float | None
    note: str
    scales: tuple[Scale, ...] = ()
    is_continued: bool = False

    @property
    def parts(self) -> tuple[Bar, ...]:
        """The bars at which the primary, or why it is them, changes."""
        kept: list[Bar] = []
        for bar in self.bars:
            if not kept or _face(kept[-1].stint) != _face(bar.stint):
                kept.append(bar)
        return tuple(kept)


def monday_of(day: date) -> date:
    """Return the Monday of the week of `day`."""
    return day - timedelta(days=day.weekday())


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which `day` begins in the zone; where midnight is left out, the first one after."""
    return first_instant(datetime.combine(day, time(0)), zone)


def colours_of(people: Iterable[str | None]) -> dict[str, int]:
    """Return a colour (0 to 5) per person by their order; each also stands by name, colour is never alone."""
    known = dict.fromkeys(person for person in people if person is not None)
    return {person: place % COLOURS for place, person in enumerate(known)}


def lay_out(
    found: Sequence[Stint], zone: ZoneInfo, first: date, count: int, now: datetime, *,
    colours: dict[str, int], also: Sequence[ZoneInfo] = (),
) -> tuple[Day, ...]:  # fmt: skip
    """Return `count` days from `first`. `found` covers them without hole, by time; so do the days' bars."""
    days: list[Day] = []
    shown: tuple[Scale, ...] = ()
    for n in range(count):
        day = _day(found, zone, first + timedelta(days=n), now, colours)
        scales = tuple(_scale(day, each) for each in (zone, *also))
        days.append(replace(day, scales=scales if scales != shown else (), is_continued=_is_continued(days, day)))
        shown = scales
    return tuple(days)


def _day(found: Sequence[Stint], zone: ZoneInfo, on: date, now: datetime, colours: dict[str, int]) -> Day:
    start, end = midnight(on, zone), midnight(on + timedelta(days=1), zone)
    inside = [stint for stint in found if stint.starts_at < end and stint.ends_at > start]
    bars = tuple(_bar(stint, zone, start, end, colours) for stint in inside) if start < end else ()
    return Day(
        on=on,
        starts_at=start,
        ends_at=end,
        bars=bars,
        is_today=start <= now < end,
        is_past=end <= now,
        now=_percent(now, start, end) if start <= now < end else None,
        note=_note(end - start),
    )


def _bar(stint: Stint, zone: ZoneInfo, start: datetime, end: datetime, colours: dict[str, int]) -> Bar:
    low, high = max(stint.starts_at, start), min(stint.ends_at, end)
    left = _percent(low, start, end)
    return Bar(
        stint=stint,
        starts_at=low,
        ends_at=high,
        left=left,
        width=_percent(high, start, end) - left,
        since=f"{low.astimezone(zone):%H:%M}" if low > start else "",
        until=f"{high.astimezone(zone):%H:%M}" if high < end else "",
        colour=colours.get(stint.primary or "", 0),
    )


def _scale(day: Day, zone: ZoneInfo) -> Scale:
    ticks: list[Tick] = []
    on = day.starts_at.astimezone(zone).date()
    while on <= day.ends_at.astimezone(zone).date():
        for hour in range(0, 24, TICK_EVERY_H):
            at = first_instant(datetime.combine(on, time(hour)), zone)
            if day.starts_at <= at < day.ends_at:
                ticks.append(Tick(round(_percent(at, day.starts_at, day.ends_at), 3), f"{hour:02d}"))
        on += timedelta(days=1)
    return Scale(str(zone), tuple(ticks))


def _is_continued(before: Sequence[Day], day: Day) -> bool:
    above = before[-1].bars if before else ()
    return bool(above) and len(day.parts) == 1 and _face(above[-1].stint) == _face(day.bars[0].stint)


def _face(stint: Stint) -> tuple[str | None, str | None]:
    return stint.primary, stint.instead_of


def _percent(instant: datetime, start: datetime, end: datetime) -> float:
    return 100.0 * ((instant - start) / (end - start))


def _note(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    if hours == 24:
        return ""
    if hours == 0:
        return "left out here"
    return f"{hours:g} hours: the clocks go {'forward' if hours < 24 else 'back'}"
