"""Every list has a bound: a page of at most 500 rows and an opaque cursor for the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from staycalm.core.errors import Invalid

T = TypeVar("T")
MAX_LIMIT = 500
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`items` in the list's order; `next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def check_limit(limit: int) -> int:
    """Return `limit`; raises Invalid outside 1..500."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("bad-limit", f"limit {limit} is out of range", next_step=f"Use 1 to {MAX_LIMIT}.")
    return limit


def numbered(cursor: str) -> int:
    """Return the number that a cursor of a numbered list holds; raises Invalid for anything else."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise Invalid("bad-cursor", f"{cursor[:40]!r} is not a cursor", next_step="Start without one.")
    return int(cursor)


def cut(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> Page[T]:
    """Return the page of `rows`, which were read with LIMIT `limit` + 1."""
    if len(rows) > limit:
        return Page(tuple(rows[:limit]), cursor_of(rows[limit - 1]))
    return Page(tuple(rows))
