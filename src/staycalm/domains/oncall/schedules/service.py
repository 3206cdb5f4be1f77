"""Writes of schedules and overrides; after each of them the right people are on call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.zones import find_zone
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall.events import (
    OverrideAdded,
    OverrideRemoved,
    ScheduleChanged,
    ShiftStarted,
    ShiftUncovered,
)
from staycalm.domains.oncall.schedules import queries
from staycalm.domains.oncall.schedules.decisions import ROLES, Override, Role, Schedule, keep_holder
from staycalm.domains.oncall.schedules.model import overrides, schedules
from staycalm.kit.database import ReadTx, Tx

MAX_OVERRIDE = timedelta(days=92)


def check_schedule(schedule: Schedule) -> Schedule:
    """Return `schedule`; raises Invalid when no shift could be computed from it."""
    rotation = schedule.rotation
    if not rotation.people:
        raise Invalid("empty-rotation", f"schedule {schedule.name} has nobody in its rotation")
    for people in (rotation.people, schedule.secondaries):
        if len(set(people)) != len(people):
            raise Invalid("twice-in-rotation", f"schedule {schedule.name} names a person twice in one rotation")
    if not 1 <= rotation.every <= 52 or not 0 <= rotation.weekday <= 6:
        raise Invalid("bad-rotation", f"schedule {schedule.name} has a shift length or weekday out of range")
    check_zone(schedule.time_zone)
    return schedule


def check_zone(name: str) -> str:
    """Return `name` when it is an IANA time zone; raises Invalid."""
    if find_zone(name) is None:
        raise Invalid(
            "bad-zone", f"{name[:64]!r} is not a time zone", next_step="Use an IANA name such as Europe/Berlin."
        )
    return name


def put_schedule(tx: Tx, actor: Actor, schedule: Schedule, *, managed_by: Literal["file", "web"]) -> None:
    """The schedule is as given; whoever is primary and stays in the list keeps the pager until the hand-off."""
    check_schedule(schedule)
    old = queries.find_schedule(tx, schedule.name)
    if old is not None:
        if old.managed_by != managed_by:
            raise Conflict("managed-elsewhere", f"schedule {schedule.name} is managed by the {old.managed_by}")
        schedule = _continue(old.schedule, schedule, tx.now)
        if schedule == old.schedule:
            return
    values = _values(schedule) | {"managed_by": managed_by, "due_at": tx.now, "coverage_due_at": tx.now}
    if old is None:
        tx.execute(schedules.insert().values(values | {"findings": []}))
    else:
        tx.execute(schedules.update().where(schedules.c.name == schedule.name).values(values))
    change = "added" if old is None else "changed"
    tx.emit(actor, ScheduleChanged(subject=_subject(schedule.name), schedule=schedule.name, change=change))
    refresh(tx, schedule.name)


def remove_schedule(tx: Tx, actor: Actor, name: str) -> None:
    """The schedule and its overrides are gone, and nobody is on call by it."""
    stored = queries.get_schedule(tx, name)
    for role, person in (("primary", stored.primary_now), ("secondary", stored.secondary_now)):
        if person is not None:
            _release(tx, name, role, person)
    tx.execute(overrides.delete().where(overrides.c.schedule == name))
    tx.execute(schedules.delete().where(schedules.c.name == name))
    tx.emit(actor, ScheduleChanged(subject=_subject(name), schedule=name, change="removed"))


def check_override(tx: ReadTx, *, schedule: str, person: str, starts_at: datetime, ends_at: datetime) -> None:
    """An override of this interval may be added; raises NotFound or Invalid."""
    queries.get_schedule(tx, schedule)
    if not accounts.get_person(tx, person).is_active:
        raise Invalid("inactive-person", f"{person} is not active any more")
    if starts_at >= ends_at or ends_at <= tx.now:
        raise Invalid("bad-interval", "an override ends after it starts, and in the future")
    if ends_at - starts_at > MAX_OVERRIDE:
        raise Invalid("bad-interval", f"an override lasts at most {MAX_OVERRIDE.days} days",
                      next_step="Change the rotation instead.")  # fmt: skip
    if len(queries.list_overrides(tx, schedule)) >= queries.MAX_OVERRIDES:
        raise Invalid("too-many-overrides", f"schedule {schedule} has {queries.MAX_OVERRIDES} overrides")


def add_override(
    tx: Tx,
    actor: Actor,
    *,
    schedule: str,
    role: Role,
    person: str,
    starts_at: datetime | None,
    ends_at: datetime,
    reason: str = "",
) -> Override:
    """`person` holds `role` from `starts_at` (None: now) until before `ends_at`; raises NotFound or Invalid."""
    starts_at = starts_at or tx.now
    check_override(tx, schedule=schedule, person=person, starts_at=starts_at, ends_at=ends_at)
    added = Override(tx.ids.uuid(), role, person, starts_at, ends_at, reason[:500], str(actor)[:200])
    values = {
        "id": added.id,
        "schedule": schedule,
        "role": role,
        "person": person,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": added.reason,
        "added_by": added.added_by,
    }
    tx.execute(overrides.insert().values(values))
    event = OverrideAdded(
        subject=_subject(schedule),
        schedule=schedule,
        override=added.id,
        role=role,
        person=person,
        starts_at=starts_at.isoformat(),
        ends_at=ends_at.isoformat(),
        reason=added.reason,
    )
    tx.emit(actor, event)
    refresh(tx, schedule, check_coverage=True)
    return added


def remove_override(tx: Tx, actor: Actor, *, schedule: str, id: str) -> None:
    """The rotation counts again; raises NotFound."""
    gone = queries.get_override(tx, schedule, id)
    tx.execute(overrides.delete().where(overrides.c.id == id))
    event = OverrideRemoved(
        subject=_subject(schedule), schedule=schedule, override=id, role=gone.role, person=gone.person
    )
    tx.emit(actor, event)
    refresh(tx, schedule, check_coverage=True)


def refresh(tx: Tx, name: str, *, check_coverage: bool = False) -> None:
    """Whoever is on call now holds the on-call role until their turn ends, and the next change is due then."""
    stored = queries.lock_schedule(tx, name)
    if stored is None:
        return
    turn = queries.turn_now(tx, stored)
    was: dict[Role, str | None] = {"primary": stored.primary_now, "secondary": stored.secondary_now}
    leaving = {p for p in was.values() if p} - {turn.primary, turn.secondary}
    for role in ROLES:
        holder, previous = turn.holder(role), was[role]
        if previous in leaving:
            _release(tx, name, role, str(previous))
        if holder is not None:
            _entrust(tx, name, role, holder, turn.ends_at)
        if holder != previous:
            _tell(tx, name, role, holder, previous, turn.ends_at)
    values: dict[str, Any] = {
        "primary_now": turn.primary,
        "secondary_now": turn.secondary,
        "due_at": turn.ends_at,
    }
    if check_coverage:
        values["coverage_due_at"] = tx.now
    tx.execute(schedules.update().where(schedules.c.name == name).values(values))


def _continue(old: Schedule, new: Schedule, now: datetime) -> Schedule:
    if new.rotation == replace(old.rotation, offset=new.rotation.offset):
        return replace(new, rotation=replace(new.rotation, offset=old.rotation.offset))
    return keep_holder(old, new, now)


def _entrust(tx: Tx, schedule: str, role: Role, person: str, until: datetime) -> None:
    known = accounts.find_person(tx, person)
    if known is not None and known.is_active:
        cause = f"{_subject(schedule)}/{role}"
        accounts.assume_role(tx, SYSTEM, person, "on-call", until=until, cause=cause)


def _release(tx: Tx, schedule: str, role: str, person: str) -> None:
    if accounts.find_person(tx, person) is not None:
        cause = f"{_subject(schedule)}/{role}"
        accounts.assume_role(tx, SYSTEM, person, "on-call", until=tx.now, cause=cause)


def _tell(tx: Tx, schedule: str, role: Role, holder: str | None, previous: str | None, until: datetime) -> None:
    if holder is not None:
        event = ShiftStarted(
            subject=_subject(schedule),
            schedule=schedule,
            person=holder,
            role=role,
            until=until.isoformat(),
            previous=previous,
        )
        tx.emit(SYSTEM, event)
    elif role == "primary":
        subject = _subject(schedule)
        tx.emit(
            SYSTEM,
            ShiftUncovered(subject=subject, schedule=schedule, until=until.isoformat(), previous=previous),
        )


def _subject(schedule: str) -> str:
    return f"schedule/{schedule}"


def _values(schedule: Schedule) -> dict[str, Any]:
    rotation = schedule.rotation
    return {
        "name": schedule.name,
        "time_zone": schedule.time_zone,
        "people": list(rotation.people),
        "secondaries": list(schedule.secondaries),
        "unit": rotation.unit,
        "every": rotation.every,
        "weekday": rotation.weekday,
        "hand_off_at": rotation.at.strftime("%H:%M"),
        "starts_on": rotation.starts_on.isoformat(),
        "first_person": rotation.offset,
    }
