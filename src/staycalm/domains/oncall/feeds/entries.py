"""Which events a feed holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from staycalm.domains.oncall.feeds.ical import Entry
from staycalm.domains.oncall.schedules.decisions import ROLES, Schedule
from staycalm.domains.oncall.schedules.stints import Shift, Stint, shifts


def entries_of(schedule: Schedule, found: Sequence[Stint], person: str | None, now: datetime) -> tuple[Entry, ...]:
    """Return the shifts as events: those of `person`, or with None the whole schedule and the gaps not yet over.

    A shift keeps its uid whoever takes it over, because it is named by its schedule, role and beginning. The
    beginning of a gap may move (nobody is on call before the rotation starts), so a gap is named by its end.
    """
    made: list[Entry] = []
    for role in ROLES:
        for shift in shifts(schedule, found, role):
            is_gap = role == "primary" and shift.person is None and shift.ends_at > now
            if (person is None and (shift.person is not None or is_gap)) or (person == shift.person is not None):
                made.append(_entry(shift, is_own=person is not None))
    return tuple(sorted(made, key=lambda e: (e.starts_at, e.uid)))


def _entry(shift: Shift, *, is_own: bool) -> Entry:
    anchor = shift.ends_at if shift.person is None else shift.starts_at
    kind = "gap" if shift.person is None else shift.role
    uid = f"{anchor.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}-{shift.schedule}@staycalm"
    if shift.person is None:
        summary = f"NOBODY is on call: {shift.schedule}"
    elif is_own:
        summary = f"On call: {shift.schedule} ({shift.role})"
    else:
        summary = f"{shift.person}: {shift.schedule} ({shift.role})"
    told = [f"{shift.role} of {shift.schedule}" if shift.person else "No page would reach anybody."]
    for each in shift.overrides:
        told.append(
            f"Override{f' by {each.added_by}' if each.added_by else ''}: {each.reason or 'no reason told'}"
        )
    return Entry(uid, shift.starts_at, shift.ends_at, summary, "\n".join(told), "On-call")
