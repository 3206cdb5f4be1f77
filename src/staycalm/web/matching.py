"""How well typed letters fit a name. Pure; bounds are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import TypeVar

T = TypeVar("T")
LONGEST = 200
_BREAKS = " -_./@·:,("


def rank(typed: str, text: str) -> int | None:
    """Return the cost of taking `text` for `typed`, the best fit lowest; None when its letters are not in order.

    Equal 0, a beginning 1, the beginning of a word 2, within 3; else every letter in order: 10, and one more for
    each letter that is skipped between the first and the last, and 3 when the first is inside a word.
    """
    wanted, found = " ".join(typed.lower().split()), text.lower()[:LONGEST]
    if wanted == found:
        return 0
    at = found.find(wanted)
    if at == 0:
        return 1
    if at > 0:
        return 2 if found[at - 1] in _BREAKS or any(mark + wanted in found for mark in _BREAKS) else 3
    return _scattered(wanted.replace(" ", ""), found)


def _scattered(wanted: str, found: str) -> int | None:
    costs = [
        cost
        for start, letter in enumerate(found)
        if letter == wanted[0] and (cost := _from(wanted, found, start)) is not None
    ]
    return min(costs, default=None)


def _from(wanted: str, found: str, start: int) -> int | None:
    at, skipped = start, 0
    for letter in wanted[1:]:
        following = found.find(letter, at + 1)
        if following < 0:
            return None
        skipped += following - at - 1
        at = following
    return 10 + skipped + (0 if start == 0 or found[start - 1] in _BREAKS else 3)


def best(typed: str, candidates: Iterable[T], names: Callable[[T], Iterable[str]], *, limit: int) -> list[T]:
    """Return at most `limit` candidates whose names fit, the best first, equals in the order they came.

    The first name counts most: each later one costs 1 more. With nothing typed, the first ones are returned.
    """
    found = []
    for n, each in enumerate(candidates):
        costs = [
            cost + later for later, name in enumerate(names(each)) if (cost := rank(typed, name)) is not None
        ] if typed.strip() else [0]  # fmt: skip
        if costs:
            found.append((min(costs), n, each))
    return [each for _, _, each in nsmallest(limit, found, key=lambda entry: entry[:2])]
