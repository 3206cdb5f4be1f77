"""How urgent a thing is: P0 to P3 are stored; other scales are accepted where people and senders use them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from staycalm.core.errors import Invalid

Priority = Literal["P0", "P1", "P2", "P3"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

_WORDS: dict[str, Priority] = {
    "p0": "P0",
    "sev1": "P0",
    "critical": "P0",
    "p1": "P1",
    "sev2": "P1",
    "high": "P1",
    "p2": "P2",
    "sev3": "P2",
    "medium": "P2",
    "warning": "P2",
    "p3": "P3",
    "sev4": "P3",
    "low": "P3",
    "info": "P3",
}


def parse_priority(text: str) -> Priority:
    """Return the priority that `text` names, in any case; raises Invalid on anything else.

    P0-P3, SEV1-SEV4, critical (P0), high (P1), medium or warning (P2), low or info (P3).
    A ticket's "Critical" is another scale and never comes through here.
    """
    try:
        return _WORDS[text.strip().lower()]
    except KeyError:
        raise Invalid(
            "bad-priority",
            f"{text[:40]!r} is not a priority",
            next_step="Use P0 to P3, SEV1 to SEV4, critical, high, medium, warning, low or info.",
        ) from None


def is_at_least(priority: Priority, limit: Priority) -> bool:
    """Return True when `priority` is as urgent as `limit`, or more."""
    return PRIORITIES.index(priority) <= PRIORITIES.index(limit)


def most_urgent(priorities: Iterable[Priority]) -> Priority:
    """Return the most urgent of at least one priority."""
    return min(priorities, key=PRIORITIES.index)
