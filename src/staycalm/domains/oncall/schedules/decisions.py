"""Who is on call at an instant: rotation, overrides and the final schedule. Data and instants in, turns out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from staycalm.domains.oncall.schedules.wall_clock import first_instant

Role = Literal["primary", "secondary"]
ROLES: tuple[Role, ...] = ("primary", "secondary")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Rotation:
    """The order of people and the hand-off: every `every` days or weeks at `at` of the wall clock.

    `weekday` (0 = Monday) counts for weeks only. The rotation is in force from 00:00 of `starts_on`; the
    first shift ends at the first hand-off after that day, so week boundaries win over "7 days since the
    start". `offset` is the place in `people` that the first shift belongs to.
    """

    people: tuple[str, ...]
    unit: Literal["day", "week"]
    at: time
    starts_on: date
    weekday: int = 0
    every: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """One rotation in an IANA time zone. Without `secondaries`, the next primary backs up the present one."""

    name: str
    time_zone: str
    rotation: Rotation
    secondaries: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose wall clock the hand-offs follow."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Override:
    """`person` holds `role` from `starts_at` until before `ends_at`, whatever the rotation says.

    `added_by` is None for one that was added before that was kept.
    """

    id: str
    role: Role
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    added_by: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is on call from `starts_at` until before `ends_at`. A primary of None is a gap."""

    starts_at: datetime
    ends_at: datetime
    primary: str | None
    secondary: str | None
    shift: int | None

    def holder(self, role: Role) -> str | None:
        """Return who holds `role` in this turn."""
        return self.primary if role == "primary" else self.secondary


def begins_at(schedule: Schedule) -> datetime:
    """Return the instant from which the rotation is in force."""
    return first_instant(datetime.combine(schedule.rotation.starts_on, time(0)), schedule.zone)


def hand_off(schedule: Schedule, number: int) -> datetime:
    """Return the instant at which shift `number` (1, 2, …) takes over from the one before it."""
    day = _anchor(schedule.rotation) + timedelta(days=number * _period_days(schedule.rotation))
    return first_instant(datetime.combine(day, schedule.rotation.at), schedule.zone)


def shift_at(schedule: Schedule, instant: datetime) -> int | None:
    """Return the number of the shift that `instant` falls in, or None before the rotation begins.

    A shift without length (its whole day is missing in the zone) never comes up.
    """
    if instant < begins_at(schedule):
        return None
    wall_day = instant.astimezone(schedule.zone).date()
    number = max(0, (wall_day - _anchor(schedule.rotation)).days // _period_days(schedule.rotation) - 1)
    while hand_off(schedule, number + 1) <= instant:
        number += 1
    return number


def final_schedule(
    schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime
) -> tuple[Turn, ...]:
    """Return turns that cover start … end without overlap or hole. Of two overrides the later in order wins."""
    turns: list[Turn] = []
    for turn in pieces(schedule, overrides, start, end):
        last = turns[-1] if turns else None
        if last and (last.primary, last.secondary, last.shift) == (turn.primary, turn.secondary, turn.shift):
            turns[-1] = replace(last, ends_at=turn.ends_at)
        else:
            turns.append(turn)
    return tuple(turns)


def pieces(schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime) -> Iterator[Turn]:
    """Yield the final schedule from start to end, cut wherever a shift or an override begins or ends."""
    cuts = _cuts(schedule, overrides, start, end)
    return (_turn(schedule, overrides, low, high) for low, high in pairwise(cuts) if low < high)


def turn_at(schedule: Schedule, overrides: Sequence[Override], instant: datetime) -> Turn:
    """Return the turn that is running at `instant`, with its true beginning and end within its shift.

    Before the rotation begins, the turn starts at `instant`.
    """
    number = shift_at(schedule, instant)
    if number is None:
        start, end = instant, begins_at(schedule)
    else:
        start = begins_at(schedule) if number == 0 else hand_off(schedule, number)
        end = hand_off(schedule, number + 1)
    return next(t for t in final_schedule(schedule, overrides, start, end) if instant < t.ends_at)


def next_turn(schedule: Schedule, overrides: Sequence[Override], instant: datetime) -> Turn:
    """Return the turn after the one running at `instant`."""
    return turn_at(schedule, overrides, turn_at(schedule, overrides, instant).ends_at)


def gaps(turns: Sequence[Turn]) -> tuple[tuple[datetime, datetime], ...]:
    """Return the intervals in which nobody is primary, neighbours joined."""
    found: list[tuple[datetime, datetime]] = []
    for turn in turns:
        if turn.primary is not None:
            continue
        if found and found[-1][1] == turn.starts_at:
            found[-1] = (found[-1][0], turn.ends_at)
        else:
            found.append((turn.starts_at, turn.ends_at))
    return tuple(found)


def keep_holder(old: Schedule, new: Schedule, now: datetime) -> Schedule:
    """Return `new` with the offset that leaves the present shift with its holder, if they are still in the list.

    Without this, adding a person in the middle of a week would take the pager from whoever carries it.
    """
    before, after = shift_at(old, now), shift_at(new, now)
    if before is None or after is None:
        return new
    holder = _rotated(old.rotation.people, old.rotation.offset + before)[0]
    if holder not in new.rotation.people:
        return new
    people = new.rotation.people
    return replace(new, rotation=replace(new.rotation, offset=(people.index(holder) - after) % len(people)))


def _anchor(rotation: Rotation) -> date:
    if rotation.unit == "day":
        return rotation.starts_on
    return rotation.starts_on - timedelta(days=(rotation.starts_on.weekday() - rotation.weekday) % 7)


def _period_days(rotation: Rotation) -> int:
    return rotation.every * (7 if rotation.unit == "week" else 1)


def _cuts(schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime) -> list[datetime]:
    inside = {begins_at(schedule), *(edge for o in overrides for edge in (o.starts_at, o.ends_at))}
    number = shift_at(schedule, max(start, begins_at(schedule))) or 0
    while (boundary := hand_off(schedule, number + 1)) < end:
        inside.add(boundary)
        number += 1
    return [start, *sorted(c for c in inside if start < c < end), end]


def _turn(schedule: Schedule, overrides: Sequence[Override], low: datetime, high: datetime) -> Turn:
    shift = shift_at(schedule, low)
    chosen: dict[Role, str] = {o.role: o.person for o in overrides if o.starts_at <= low < o.ends_at}
    firsts = () if shift is None else _rotated(schedule.rotation.people, schedule.rotation.offset + shift)
    regular = firsts[0] if firsts else None
    primary = chosen.get("primary", regular)
    if shift is None:
        backups: tuple[str, ...] = ()
    elif schedule.secondaries:
        backups = _rotated(schedule.secondaries, schedule.rotation.offset + shift)
    else:
        backups = firsts[1:]
    # Whoever was replaced as primary is taken to be away, so is not the backup either.
    away = {primary, regular}
    backup = next((p for p in backups if p not in away), None)
    secondary = chosen.get("secondary", backup)
    if secondary == primary:
        secondary = backup
    return Turn(low, high, primary, secondary, shift)


def _rotated(people: Sequence[str], by: int) -> tuple[str, ...]:
    if not people:
        return ()
    first = by % len(people)
    return (*people[first:], *people[:first])
