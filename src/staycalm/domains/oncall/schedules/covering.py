"""Who stands in for whom: an override looked at before it is made, and the swap of two shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.oncall.coverage.service import why_unreachable
from staycalm.domains.oncall.schedules import queries, service
from staycalm.domains.oncall.schedules.decisions import Override, Role
from staycalm.domains.oncall.schedules.preview import Preview, moment, preview
from staycalm.domains.oncall.schedules.queries import StoredSchedule
from staycalm.domains.oncall.schedules.stints import Shift, shifts
from staycalm.kit.database import ReadTx, Tx

MOST_SCHEDULES = 50
SHIFTS_AHEAD = timedelta(days=92)
MOST_SHIFTS = 50


def draft(
    tx: ReadTx, *, schedule: str, role: Role, person: str, starts_at: datetime | None, ends_at: datetime,
    reason: str = "",
) -> Override:  # fmt: skip
    """Return the override as it would be, without adding it; raises NotFound or Invalid."""
    start = starts_at or tx.now
    service.check_override(tx, schedule=schedule, person=person, starts_at=start, ends_at=ends_at)
    return Override("", role, person, start, ends_at, reason[:500])


def look_ahead(tx: ReadTx, schedule: str, drafts: Sequence[Override]) -> Preview:
    """Return what the drafts would change, and warnings: holes, other overrides, other pagers, no way to reach."""
    stored = queries.get_schedule(tx, schedule)
    found = preview(stored.schedule, queries.list_overrides(tx, schedule), drafts, tx.now)
    more: list[str] = []
    for each in drafts:
        why = why_unreachable(tx, each.person)
        if why is not None:
            more.append(f"{each.person} {why}")
        more += _elsewhere(tx, stored, each)
    return replace(found, warnings=tuple(dict.fromkeys([*found.warnings, *more])))


def swap_drafts(
    tx: ReadTx, *, schedule: str, first: datetime, second: datetime, reason: str
) -> tuple[Override, ...]:
    """Return the two overrides by which the primaries at `first` and `second` take each other's shift.

    Raises NotFound, or Conflict when there is nothing to swap.
    """
    one, other = (primary_shift(tx, schedule, instant) for instant in (first, second))
    if one.person is None or other.person is None:
        raise Conflict("gap", "nobody is on call in one of the two shifts", next_step="Add an override instead.")
    if one.person == other.person:
        raise Conflict(
            "same-person", f"{one.person} has both shifts", next_step="Choose a shift of somebody else."
        )
    why = reason or f"swap of {one.person} and {other.person}"
    return tuple(
        draft(
            tx, schedule=schedule, role="primary", person=str(taker), starts_at=max(shift.starts_at, tx.now),
            ends_at=shift.ends_at, reason=why,
        )
        for shift, taker in ((one, other.person), (other, one.person))
    )  # fmt: skip


def swap(
    tx: Tx, actor: Actor, *, schedule: str, first: datetime, second: datetime, reason: str = ""
) -> tuple[Override, ...]:
    """The primaries at `first` and `second` have each other's shift; raises NotFound or Conflict."""
    return tuple(
        service.add_override(
            tx, actor, schedule=schedule, role=each.role, person=each.person, starts_at=each.starts_at,
            ends_at=each.ends_at, reason=each.reason,
        )
        for each in swap_drafts(tx, schedule=schedule, first=first, second=second, reason=reason)
    )  # fmt: skip


def primary_shift(tx: ReadTx, schedule: str, instant: datetime) -> Shift:
    """Return the primary's shift that runs at `instant`, which is not over yet; raises NotFound or Invalid."""
    stored = queries.get_schedule(tx, schedule)
    if not tx.now - SHIFTS_AHEAD <= instant <= tx.now + 4 * SHIFTS_AHEAD:
        raise Invalid("bad-time", "that shift is too far away", next_step="Name one of the coming year.")
    edge = timedelta(seconds=1)
    found = queries.stints_between(tx, stored, instant, instant + edge, are_whole=True)
    running = [s for s in shifts(stored.schedule, found, "primary") if s.starts_at <= instant < s.ends_at]
    if not running or running[0].ends_at <= tx.now:
        raise NotFound("no-shift", "there is no shift to come at that time", next_step="See sc oncall --weeks 4.")
    return running[0]


def shifts_of(tx: ReadTx, person: str | None, *, schedule: str | None = None) -> tuple[Shift, ...]:
    """Return the shifts of the coming 92 days that are not over: of `person`, or of everybody; 50 at most."""
    made: list[Shift] = []
    for stored in queries.list_schedules(tx)[:MOST_SCHEDULES]:
        if schedule in (None, stored.schedule.name):
            found = queries.stints_between(tx, stored, tx.now, tx.now + SHIFTS_AHEAD, are_whole=True)
            both = (*shifts(stored.schedule, found, "primary"), *shifts(stored.schedule, found, "secondary"))
            made += [s for s in both if s.ends_at > tx.now and s.person is not None and person in (None, s.person)]
    return tuple(sorted(made, key=lambda s: (s.starts_at, s.role, s.schedule))[:MOST_SHIFTS])


def _elsewhere(tx: ReadTx, stored: StoredSchedule, wanted: Override) -> list[str]:
    """Return a sentence per other schedule that the person carries the pager of in the same time."""
    said: list[str] = []
    for other in queries.list_schedules(tx)[:MOST_SCHEDULES]:
        if other.schedule.name == stored.schedule.name:
            continue
        start = max(wanted.starts_at, tx.now)
        found = queries.stints_between(tx, other, start, wanted.ends_at)
        busy = [s for s in shifts(other.schedule, found, "primary") if s.person == wanted.person]
        if busy:
            since = moment(busy[0].starts_at, stored.schedule)
            said.append(f"{wanted.person} is primary of {other.schedule.name} too, from {since}")
    return said
