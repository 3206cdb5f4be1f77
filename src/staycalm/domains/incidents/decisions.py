"""What a new cause does, how urgent a rollback is, when the post-mortem is due. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from staycalm.core.priority import PRIORITIES, Priority, is_at_least, most_urgent

PostMortemKind = Literal["full", "short"]


@dataclass(frozen=True, slots=True)
class Near:
    """An incident that a cause may belong to. `rolled_back_at`: when a rollback on the placement joined it.

    `ended_at`: when it was resolved, None while it is open.
    """

    incident: str
    priority: Priority
    is_open: bool
    rolled_back_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The cause already belongs to this incident; `told` is the highest priority it was told with."""

    near: Near
    told: Priority


@dataclass(frozen=True, slots=True)
class Decision:
    """`ignore` changes nothing; `attach` joins `incident`; `open` makes a new one.

    `priority` is the incident's afterwards; `does_reopen`: it was resolved; `does_page`: people are paged now.
    """

    action: Literal["ignore", "attach", "open"]
    priority: Priority
    incident: str | None = None
    does_reopen: bool = False
    does_page: bool = False


def pages(priority: Priority) -> bool:
    """Return True for P0 and P1 (SOP §5.1: P2 and P3 make a ticket)."""
    return is_at_least(priority, "P1")


def is_above(priority: Priority, other: Priority) -> bool:
    """Return True when `priority` is more urgent than `other`."""
    return PRIORITIES.index(priority) < PRIORITIES.index(other)


def least_urgent(priority: Priority, other: Priority) -> Priority:
    """Return the less urgent of the two."""
    return other if is_above(priority, other) else priority


def attach_or_open(
    priority: Priority,
    *,
    known: Known | None,
    nearby: Near | None,
    now: datetime,
    rollback_window_s: float,
    told_at: datetime | None = None,
) -> Decision:
    """Return what a cause of `priority` does; `nearby` is the incident on its placement, open ones first.

    A cause belongs to one incident for ever, and told again changes nothing unless its priority rose, or it came
    back: `told_at` is after the incident's end, and no open one on the placement is as urgent. A
    cause on a placement with an open incident, or within the window after its rollback, joins that incident
    and pages only if the priority rises. Joining a resolved incident reopens it: nobody has it any more, so
    that P0 and P1 page as anew.
    """
    if known is not None:
        is_back = _is_after(told_at, known.near.ended_at) and not _is_covered(priority, nearby)
        if not (is_above(priority, known.told) or is_back):
            return Decision("ignore", known.near.priority, known.near.incident)
        return _join(priority, known.near)
    if nearby is not None and (nearby.is_open or _is_soon_after(nearby.rolled_back_at, now, rollback_window_s)):
        return _join(priority, nearby)
    return Decision("open", priority, does_page=pages(priority))


def _join(priority: Priority, near: Near) -> Decision:
    highest = most_urgent((priority, near.priority))
    is_new_to_people = not near.is_open or is_above(priority, near.priority)
    return Decision(
        "attach",
        highest,
        near.incident,
        does_reopen=not near.is_open,
        does_page=pages(highest) and is_new_to_people,
    )


def _is_after(moment: datetime | None, end: datetime | None) -> bool:
    return moment is not None and end is not None and moment > end


def _is_covered(priority: Priority, nearby: Near | None) -> bool:
    return nearby is not None and nearby.is_open and is_at_least(nearby.priority, priority)


def _is_soon_after(moment: datetime | None, now: datetime, window_s: float) -> bool:
    return moment is not None and now - moment <= timedelta(seconds=window_s)


def rollback_priority(*, stable_is_healthy: bool, override: Priority | None = None) -> Priority:
    """Return the priority of an incident opened by an automatic rollback: P2 when stable is healthy, else P1."""
    if override is not None:
        return override
    return "P2" if stable_is_healthy else "P1"


def impact_began_at(
    rolled_back_at: datetime, *, detected_after_s: float | None, rollback_took_s: float | None
) -> datetime | None:
    """Return when users first felt a release that was rolled back, or None when nothing measured it."""
    if detected_after_s is None:
        return None
    return rolled_back_at - timedelta(seconds=detected_after_s + (rollback_took_s or 0.0))


def post_mortem_kind(priority: Priority, *, had_rollback: bool) -> PostMortemKind | None:
    """Return what is due: a full one for P0 and P1 (SOP §5.3), else a short one after a rollback (§3.2)."""
    if pages(priority):
        return "full"
    return "short" if had_rollback else None


def post_mortem_due_at(ended_at: datetime, *, within_s: float) -> datetime:
    """Return when the post-mortem of an incident that ended at `ended_at` is due (SOP §5.3: 48 hours)."""
    return ended_at + timedelta(seconds=within_s)


def headline(reason: str) -> str:
    """Return the first statement of a reason, for a title that fits a lock screen."""
    return re.split(r" \(|[,;]", reason, maxsplit=1)[0]
