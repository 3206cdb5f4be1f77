"""The final schedule with what is behind it: the rotation, and overrides that say otherwise. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from staycalm.domains.oncall.schedules.decisions import (
    Override,
    Role,
    Schedule,
    Turn,
    begins_at,
    hand_off,
    pieces,
    shift_at,
)


@dataclass(frozen=True, slots=True)
class Stint:
    """A turn, and the overrides that made it differ from the rotation.

    `instead_of` is whom the rotation has as primary when an override put somebody else there.
    """

    starts_at: datetime
    ends_at: datetime
    primary: str | None
    secondary: str | None
    shift: int | None
    overrides: tuple[Override, ...] = ()
    instead_of: str | None = None

    def holder(self, role: Role) -> str | None:
        """Return who holds `role`."""
        return self.primary if role == "primary" else self.secondary

    @property
    def reason(self) -> str:
        """Why somebody else is on call, as far as it was told."""
        return "; ".join(o.reason for o in self.overrides if o.reason)


@dataclass(frozen=True, slots=True)
class Shift:
    """One person in one role from `starts_at` until before `ends_at`, within one turn of the rotation."""

    schedule: str
    role: Role
    person: str | None
    starts_at: datetime
    ends_at: datetime
    overrides: tuple[Override, ...] = ()


def stints(schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime) -> tuple[Stint, ...]:
    """Return stints that cover start … end without overlap or hole."""
    found: list[Stint] = []
    for turn in pieces(schedule, overrides, start, end):
        stint = _explained(schedule, overrides, turn)
        last = found[-1] if found else None
        if last is not None and replace(last, starts_at=stint.starts_at, ends_at=stint.ends_at) == stint:
            found[-1] = replace(last, ends_at=stint.ends_at)
        else:
            found.append(stint)
    return tuple(found)


def whole_shifts(
    schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime
) -> tuple[datetime, datetime]:
    """Return an interval around start … end that cuts no shift, and no override from before the rotation."""
    return _floor(schedule, overrides, start), _ceiling(schedule, end)


def shifts(schedule: Schedule, found: Sequence[Stint], role: Role) -> tuple[Shift, ...]:
    """Return who holds `role` over the stints; neighbours of one person within one turn are one shift."""
    made: list[Shift] = []
    turn: int | None = None
    for stint in found:
        person, mine = stint.holder(role), tuple(o for o in stint.overrides if o.role == role)
        last = made[-1] if made else None
        if last is not None and (last.person, last.overrides, turn) == (person, mine, stint.shift):
            made[-1] = replace(last, ends_at=stint.ends_at)
        else:
            made.append(Shift(schedule.name, role, person, stint.starts_at, stint.ends_at, mine))
        turn = stint.shift
    return tuple(made)


def _explained(schedule: Schedule, overrides: Sequence[Override], turn: Turn) -> Stint:
    plain = next(pieces(schedule, (), turn.starts_at, turn.ends_at))
    in_force = {o.role: o for o in overrides if o.starts_at <= turn.starts_at < o.ends_at}
    behind = tuple(
        o for role, o in sorted(in_force.items()) if turn.holder(role) == o.person != plain.holder(role)
    )
    is_replaced = turn.primary != plain.primary
    return Stint(
        turn.starts_at,
        turn.ends_at,
        turn.primary,
        turn.secondary,
        turn.shift,
        behind,
        plain.primary if is_replaced else None,
    )


def _floor(schedule: Schedule, overrides: Sequence[Override], instant: datetime) -> datetime:
    number = shift_at(schedule, instant)
    if number is None:
        across = [o.starts_at for o in overrides if o.starts_at < instant < o.ends_at]
        return _floor(schedule, overrides, min(across)) if across else instant
    return begins_at(schedule) if number == 0 else hand_off(schedule, number)


def _ceiling(schedule: Schedule, instant: datetime) -> datetime:
    number = shift_at(schedule, instant)
    if number is None:
        return begins_at(schedule)
    if _floor(schedule, (), instant) == instant:
        return instant
    return hand_off(schedule, number + 1)
