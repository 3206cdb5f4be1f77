"""Reads of schedules: who is on call, now, next and over weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Invalid, NotFound
from staycalm.domains.oncall.schedules.decisions import (
    Override,
    Rotation,
    Schedule,
    Turn,
    final_schedule,
    next_turn,
    turn_at,
)
from staycalm.domains.oncall.schedules.model import overrides, schedules
from staycalm.domains.oncall.schedules.stints import Stint, stints, whole_shifts
from staycalm.domains.oncall.schedules.wall_clock import first_instant
from staycalm.kit.database import ReadTx

MAX_OVERRIDES = 500
MAX_SCHEDULES = 1000
MAX_CALENDAR_DAYS = 400


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """Who holds the pager of `schedule` until `until`, and who takes over then. A primary of None is a gap."""

    schedule: str
    time_zone: str
    primary: str | None
    secondary: str | None
    until: datetime
    next_primary: str | None
    next_secondary: str | None


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule with what is known about it. `findings` come from the last coverage check."""

    schedule: Schedule
    managed_by: str
    primary_now: str | None
    secondary_now: str | None
    findings: tuple[dict[str, Any], ...]


def find_schedule(tx: ReadTx, name: str) -> StoredSchedule | None:
    """Return the schedule, or None."""
    row = tx.one_or_none(sa.select(schedules).where(schedules.c.name == name))
    return _stored(row) if row is not None else None


def lock_schedule(tx: ReadTx, name: str) -> StoredSchedule | None:
    """Return the schedule, or None; nobody else changes it until the transaction ends."""
    row = tx.one_or_none(sa.select(schedules).where(schedules.c.name == name).with_for_update())
    return _stored(row) if row is not None else None


def get_schedule(tx: ReadTx, name: str) -> StoredSchedule:
    """Return the schedule; raises NotFound."""
    found = find_schedule(tx, name)
    if found is None:
        known = [s.schedule.name for s in list_schedules(tx)]
        next_step = f"There are: {', '.join(known[:20])}." if known else "Declare one in staycalm.yaml."
        raise NotFound("no-schedule", f"there is no schedule {name[:63]!r}", next_step=next_step)
    return found


def list_schedules(tx: ReadTx) -> tuple[StoredSchedule, ...]:
    """Return every schedule by name."""
    return tuple(_stored(row) for row in tx.rows(sa.select(schedules).order_by("name").limit(MAX_SCHEDULES)))


def list_overrides(tx: ReadTx, schedule: str, *, since: datetime | None = None) -> tuple[Override, ...]:
    """Return the overrides that end after `since` (default now), in the order they were added: the newest 500."""
    statement = (
        sa.select(overrides)
        .where(overrides.c.schedule == schedule, overrides.c.ends_at > (since or tx.now))
        .order_by(overrides.c.id.desc())
        .limit(MAX_OVERRIDES)
    )
    return tuple(_override(row) for row in reversed(tx.rows(statement)))


def get_override(tx: ReadTx, schedule: str, id: str) -> Override:
    """Return one override; raises NotFound."""
    row = tx.one_or_none(sa.select(overrides).where(overrides.c.schedule == schedule, overrides.c.id == id))
    if row is None:
        raise NotFound("no-override", f"schedule {schedule} has no override {id[:40]!r}")
    return _override(row)


def on_call_now(tx: ReadTx, schedule: str) -> OnCallNow:
    """Return who is on call now, computed from the rotation and its overrides; raises NotFound."""
    stored = get_schedule(tx, schedule).schedule
    extra = list_overrides(tx, schedule)
    now = turn_at(stored, extra, tx.now)
    following = next_turn(stored, extra, tx.now)
    return OnCallNow(
        schedule=schedule,
        time_zone=stored.time_zone,
        primary=now.primary,
        secondary=now.secondary,
        until=now.ends_at,
        next_primary=following.primary,
        next_secondary=following.secondary,
    )


def list_on_call(tx: ReadTx) -> tuple[OnCallNow, ...]:
    """Return who is on call now and next in every schedule."""
    return tuple(on_call_now(tx, stored.schedule.name) for stored in list_schedules(tx))


def turn_now(tx: ReadTx, stored: StoredSchedule) -> Turn:
    """Return the turn running now."""
    return turn_at(stored.schedule, list_overrides(tx, stored.schedule.name), tx.now)


def calendar(tx: ReadTx, schedule: str, *, start: datetime | None = None, days: int = 28) -> tuple[Turn, ...]:
    """Return the final schedule for `days` (1–400) days from `start` (default now)."""
    _check_days(days)
    first = start or tx.now
    stored = get_schedule(tx, schedule).schedule
    return final_schedule(stored, list_overrides(tx, schedule, since=first), first, first + timedelta(days=days))


def calendar_of(
    tx: ReadTx, schedule: str, *, start: datetime | None = None, days: int = 28
) -> tuple[StoredSchedule, tuple[Stint, ...]]:
    """Return the schedule and its stints for `days` (1–400) days of its own wall clock from `start` (default now).

    A day on which the clocks change has 23 or 25 hours, so the end keeps the wall-clock time of the start.
    """
    _check_days(days)
    stored, first = get_schedule(tx, schedule), start or tx.now
    local = first.astimezone(stored.schedule.zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    end = first_instant(local.replace(microsecond=0), stored.schedule.zone)
    return stored, stints_between(tx, stored, first, end)


def stints_between(
    tx: ReadTx, stored: StoredSchedule, start: datetime, end: datetime, *, are_whole: bool = False
) -> tuple[Stint, ...]:
    """Return the final schedule from start to end with what is behind it; `are_whole`: no shift is cut there."""
    schedule = stored.schedule
    extra = list_overrides(tx, schedule.name, since=start)
    if not are_whole:
        return stints(schedule, extra, start, end)
    first, last = whole_shifts(schedule, extra, start, end)
    return stints(schedule, list_overrides(tx, schedule.name, since=first), first, last)


def overdue_count(tx: ReadTx, late_s: float) -> int:
    """Return how many hand-offs should have happened more than `late_s` seconds ago."""
    late = tx.now - timedelta(seconds=late_s)
    return int(tx.scalar(sa.select(sa.func.count()).where(schedules.c.due_at <= late)) or 0)


def _check_days(days: int) -> None:
    if not 1 <= days <= MAX_CALENDAR_DAYS:
        raise Invalid(
            "bad-range", f"{days} days are out of range", next_step=f"Use 1 to {MAX_CALENDAR_DAYS} days."
        )


def _stored(row: sa.Row[Any]) -> StoredSchedule:
    rotation = Rotation(
        people=tuple(row.people),
        unit=row.unit,
        at=time.fromisoformat(row.hand_off_at),
        starts_on=date.fromisoformat(row.starts_on),
        weekday=row.weekday,
        every=row.every,
        offset=row.first_person,
    )
    return StoredSchedule(
        schedule=Schedule(row.name, row.time_zone, rotation, tuple(row.secondaries)),
        managed_by=row.managed_by,
        primary_now=row.primary_now,
        secondary_now=row.secondary_now,
        findings=tuple(row.findings),
    )


def _override(row: sa.Row[Any]) -> Override:
    return Override(row.id, row.role, row.person, row.starts_at, row.ends_at, row.reason, row.added_by)
