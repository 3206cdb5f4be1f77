"""How much of a day a service was up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

Mood = Literal["up", "short", "down", "unknown"]
# Longer silences are ours (the server stood still), and say nothing about the service.
LONGEST_GAP_S = 300.0
# A day with less than this is nearly all unknown, and no share of it is told.
LEAST_WATCHED_S = 60.0
# From this on a day counts as bad: more than the error budget of a month at 99.9 % in one day (43 min 12 s).
BAD_DOWN_S = 0.001 * 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC) of one placement: the probe that saw most of it down. None: nobody looked."""

    day: date
    watched_s: float | None = None
    down_s: float = 0.0
    probe: str = ""

    @property
    def share(self) -> float | None:
        """Return how much of the watched time it was up, a fraction; None when it was hardly watched."""
        if self.watched_s is None or max(self.watched_s, self.down_s) < LEAST_WATCHED_S:
            return None
        return 1.0 - min(1.0, self.down_s / max(self.watched_s, self.down_s))

    @property
    def mood(self) -> Mood:
        """Return how the day was."""
        if self.share is None:
            return "unknown"
        if not self.down_s:
            return "up"
        return "down" if self.down_s >= BAD_DOWN_S else "short"


def newly_down_s(failures: int, down_after: int, interval_s: float) -> float:
    """Return the seconds that the failed look adds: none before it is an outage, then all of it at once."""
    if failures < down_after:
        return 0.0
    return down_after * interval_s if failures == down_after else interval_s


def watched_between_s(since: datetime | None, now: datetime) -> float:
    """Return the seconds that count as watched; 0 after a silence of ours."""
    seconds = (now - since).total_seconds() if since is not None else 0.0
    return seconds if 0 < seconds <= LONGEST_GAP_S else 0.0


def by_day(found: Iterable[Day], *, today: date, many: int) -> tuple[Day, ...]:
    """Return `many` days up to today, oldest first; each is of the probe that saw it down longest."""
    worst: dict[date, Day] = {}
    for each in found:
        known = worst.get(each.day)
        if known is None or (each.down_s, each.watched_s or 0.0) > (known.down_s, known.watched_s or 0.0):
            worst[each.day] = each
    days = (today - timedelta(days=many - 1 - n) for n in range(many))
    return tuple(worst.get(day, Day(day)) for day in days)


def overall(days: Iterable[Day]) -> float | None:
    """Return the share of all watched time it was up; None when it was hardly watched."""
    known = [day for day in days if day.share is not None]
    watched = sum(max(day.watched_s or 0.0, day.down_s) for day in known)
    return 1.0 - sum(day.down_s for day in known) / watched if watched else None
