"""How well typed letters fit a name. Pure; bounds are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from typing import TypeVar

T = TypeVar("T")
LONGEST = 200
MOST_SKIPPED = 3
"""Letters that may be left out for each one typed; with more, everything fits everything."""
_BREAKS = " -_./@·:,("


def rank(typed: str, text: str) -> int | None:
    """Return the cost of taking `text` for `typed`, the best fit lowest; None when it does not fit.

    Equal 0, a beginning 1, the beginning of a word 2, within 3; else every letter in order: 10, and one more for
    each letter that is skipped between the first and the last, and 3 when the first is inside a word.
    """
    wanted, found = _plain(typed), text.lower()[:LONGEST]
    whole = _whole(wanted, found)
    return whole if whole is not None else _scattered(wanted.replace(" ", ""), found)


def _plain(typed: str) -> str:
    return " ".join(typed.lower().split())


def _whole(wanted: str, found: str) -> int | None:
    at = found.find(wanted)
    if at < 0:
        return None
    if at == 0:
        return 0 if wanted == found else 1
    return 2 if found[at - 1] in _BREAKS or any(mark + wanted in found for mark in _BREAKS) else 3


def _scattered(wanted: str, found: str) -> int | None:
    starts = (start for start, letter in enumerate(found) if letter == wanted[:1])
    costs = [cost for start in starts if (cost := _from(wanted, found, start)) is not None]
    return min(costs, default=None)


def _from(wanted: str, found: str, start: int) -> int | None:
    at, skipped = start, 0
    for letter in wanted[1:]:
        following = found.find(letter, at + 1)
        if following < 0:
            return None
        skipped += following - at - 1
        at = following
    if skipped > MOST_SKIPPED * len(wanted):
        return None
    return 10 + skipped + (0 if start == 0 or found[start - 1] in _BREAKS else 3)


def best(typed: str, candidates: Iterable[T], names: Callable[[T], Sequence[str]], *, limit: int) -> list[T]:
    """Return at most `limit` candidates whose names fit, the best first, equals in the order they came.

    Letters may be left out of the first name alone; the later ones are looked through as they are typed, for one
    more each. With nothing typed, the first candidates are returned.
    """
    wanted = _plain(typed)
    found = []
    for n, each in enumerate(candidates):
        first, *later = names(each)
        costs = [rank(wanted, first), *(_whole(wanted, name.lower()[:LONGEST]) for name in later)]
        known = [cost + place for place, cost in enumerate(costs) if cost is not None]
        if known:
            found.append((min(known) if wanted else 0, n, each))
    return [each for _, _, each in nsmallest(limit, found, key=lambda entry: entry[:2])]
