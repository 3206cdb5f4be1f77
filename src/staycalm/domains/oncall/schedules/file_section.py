"""The section `schedules` of staycalm.yaml: rotations by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Literal
from zoneinfo import ZoneInfo

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.catalog.public import Change, Names, Node
from staycalm.domains.oncall.schedules import queries, service
from staycalm.domains.oncall.schedules.decisions import WEEKDAYS, Rotation, Schedule
from staycalm.kit.database import ReadTx, Tx

KEYS = ("time_zone", "rotation", "every", "hand_off", "people", "secondaries", "starts_on")
ROTATIONS: tuple[Literal["weekly", "daily"], ...] = ("weekly", "daily")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """A schedule as written. Without `has_start` the start that is stored stays, or it is the day of the apply."""

    schedule: Schedule
    has_start: bool


class SchedulesSection:
    """`schedules: {platform: {time_zone: Europe/Berlin, hand_off: monday 09:00, people: [alice, bob]}}`."""

    name = "schedules"
    under: Literal["file", "person"] = "file"

    def parse(self, node: Node, names: Names) -> tuple[DeclaredSchedule, ...]:
        return tuple(_parse(key.name(), value, names) for key, value in node.entries())

    def plan(self, tx: ReadTx, objects: tuple[DeclaredSchedule, ...]) -> tuple[Change, ...]:
        changes: list[Change] = []
        for declared in objects:
            old = queries.find_schedule(tx, declared.schedule.name)
            if old is None:
                people = ", ".join(declared.schedule.rotation.people)
                changes.append(Change("add", f"schedule {declared.schedule.name}", people))
                continue
            detail = _difference(old.schedule, _complete(tx, declared))
            if detail:
                changes.append(Change("change", f"schedule {declared.schedule.name}", detail))
        return (*changes, *(Change("remove", f"schedule {name}") for name in _gone(tx, objects)))

    def apply(self, tx: Tx, actor: Actor, objects: tuple[DeclaredSchedule, ...]) -> None:
        for name in _gone(tx, objects):
            service.remove_schedule(tx, actor, name)
        for declared in objects:
            service.put_schedule(tx, actor, _complete(tx, declared), managed_by="file")


def _parse(name: str, node: Node, names: Names) -> DeclaredSchedule:
    f = node.fields(*KEYS)
    f.require("people")
    time_zone = f.text("time_zone", names.time_zone)
    try:
        service.check_zone(time_zone)
    except Invalid as error:
        f["time_zone"].report(error.message, error.next_step)
    rotation = f.choice("rotation", ROTATIONS, "weekly")
    weekday, at = _hand_off(f["hand_off"], rotation == "weekly")
    starts_on = _day(f["starts_on"])
    return DeclaredSchedule(
        Schedule(
            name=name,
            time_zone=time_zone,
            rotation=Rotation(
                people=_people(f["people"], names),
                unit="week" if rotation == "weekly" else "day",
                at=at,
                starts_on=starts_on or date.min,
                weekday=weekday,
                every=f.integer("every", 1, least=1, most=52),
            ),
            secondaries=_people(f["secondaries"], names),
        ),
        has_start=starts_on is not None,
    )


def _people(node: Node, names: Names) -> tuple[str, ...]:
    found: list[str] = []
    for item in node.nodes():
        person = item.reference(names.people, "person")
        if person in found:
            item.report(f"{person!r} stands in this rotation a second time", "name everybody once")
        found.append(person)
    if not node.is_absent and not found:
        node.report("the rotation is empty", "name at least one person")
    return tuple(found)


def _hand_off(node: Node, is_weekly: bool) -> tuple[int, time]:
    """Return (weekday, time of day) from `monday 09:00`, or `09:00` for a daily rotation."""
    if node.is_null:
        return 0, time(9)
    *day, clock = node.text().lower().split() or [""]
    match = _TIME.match(clock)
    form = "a weekday and a time, like monday 09:00" if is_weekly else "a time, like 09:00"
    if match is None or len(day) != (1 if is_weekly else 0) or (day and day[0] not in WEEKDAYS):
        node.report(f"{node.raw!r} is not a hand-off", f"it must be {form}")
        return 0, time(9)
    return (WEEKDAYS.index(day[0]) if day else 0), time(int(match[1]), int(match[2]))


def _day(node: Node) -> date | None:
    if node.is_null:
        return None
    try:
        return date.fromisoformat(node.text())
    except ValueError:
        node.report(f"{node.raw!r} is not a day", "write it like 2026-03-02")
        return None


def _complete(tx: ReadTx, declared: DeclaredSchedule) -> Schedule:
    """Return the schedule with a start: as written, else as stored, else today in its zone."""
    if declared.has_start:
        return declared.schedule
    old = queries.find_schedule(tx, declared.schedule.name)
    if old is not None:
        start = old.schedule.rotation.starts_on
    else:
        start = tx.now.astimezone(ZoneInfo(declared.schedule.time_zone)).date()
    return replace(declared.schedule, rotation=replace(declared.schedule.rotation, starts_on=start))


def _gone(tx: ReadTx, objects: Sequence[DeclaredSchedule]) -> list[str]:
    wanted = {declared.schedule.name for declared in objects}
    held = (s.schedule.name for s in queries.list_schedules(tx) if s.managed_by == "file")
    return [name for name in held if name not in wanted]


def _difference(old: Schedule, new: Schedule) -> str:
    pairs = [
        ("time_zone", old.time_zone, new.time_zone),
        ("people", ", ".join(old.rotation.people), ", ".join(new.rotation.people)),
        ("secondaries", ", ".join(old.secondaries) or "none", ", ".join(new.secondaries) or "none"),
        ("rotation", _shift(old.rotation), _shift(new.rotation)),
        ("starts_on", str(old.rotation.starts_on), str(new.rotation.starts_on)),
    ]
    return ", ".join(f"{what} {before} → {after}" for what, before, after in pairs if before != after)


def _shift(rotation: Rotation) -> str:
    day = f"{WEEKDAYS[rotation.weekday]} " if rotation.unit == "week" else ""
    return f"every {rotation.every} {rotation.unit} at {day}{rotation.at:%H:%M}"
