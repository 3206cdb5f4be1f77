"""When the watchdog pages. Pure: what was seen and the time in, what to tell out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

Tell = Literal["page", "all-clear"]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known about the server. `failures` in a row, the first at `failing_since`.

    `told_at` is when somebody was last reached about it; None: nobody was told yet.
    """

    failures: int = 0
    failing_since: datetime | None = None
    problem: str = ""
    told_at: datetime | None = None
    tells: int = 0


def after_check(before: Watched, problem: str | None, now: datetime) -> Watched:
    """Return what is known after one more check; `problem` None: the server is well."""
    if problem is None:
        # Whoever was paged is still owed the all-clear: `told_at` goes when that was sent.
        return replace(before, failures=0, problem="")
    since = before.failing_since if before.failures and before.failing_since is not None else now
    return replace(before, failures=before.failures + 1, failing_since=since, problem=problem)


def what_to_tell(now_known: Watched, now: datetime, *, checks: int, repeat_s: float) -> Tell | None:
    """Return what somebody has to be told now.

    A page after `checks` failures in a row, again every `repeat_s` seconds while it lasts, and an all-clear
    when somebody was paged and the server is well again. What reached nobody is tried again at every check.
    """
    if now_known.failures == 0:
        return "all-clear" if now_known.told_at is not None else None
    if now_known.told_at is not None:
        is_due = now >= now_known.told_at + timedelta(seconds=repeat_s)
        return "page" if is_due else None
    return "page" if now_known.failures >= checks else None


def after_telling(known: Watched, tell: Tell, now: datetime) -> Watched:
    """Return what is known after somebody was reached."""
    return Watched() if tell == "all-clear" else replace(known, told_at=now, tells=known.tells + 1)
