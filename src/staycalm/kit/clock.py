"""The only place that reads a clock. Everything else is given one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEP_LIMIT_S = 1.0


class Clock(Protocol):
    """Time as the product sees it."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary origin."""
        ...


def _boot_time_s() -> float:
    """Seconds since boot, suspension included where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """Wall time at start, advanced by the boot-time clock: a stepped wall clock cannot skip or repeat a due time.

    `follow_step` reports a step of the wall clock over one second, and follows it from then on.
    """

    def __init__(self) -> None:
        self._boot_at_start = _boot_time_s()
        self._wall_at_start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._wall_at_start + timedelta(seconds=_boot_time_s() - self._boot_at_start)

    def monotonic(self) -> float:
        return _boot_time_s()

    def follow_step(self) -> float | None:
        """Return by how many seconds the wall clock was stepped (and follow it), or None when it was not."""
        step_s = (datetime.now(UTC) - self.now()).total_seconds()
        if abs(step_s) <= STEP_LIMIT_S:
            return None
        self._wall_at_start += timedelta(seconds=step_s)
        return step_s
