"""The only place that reads a clock. Everything else is given one."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def _wall_time() -> datetime:
    return datetime.now(UTC)


def _boot_time_s() -> float:
    """Seconds since boot, suspension included where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """Wall time at start, advanced by the boot-time clock: a stepped wall clock cannot skip or repeat a due time.

    `follow_step` reports a step of the wall clock over one second, and follows it from then on.
    """

    def __init__(
        self, *, wall: Callable[[], datetime] = _wall_time, boot_s: Callable[[], float] = _boot_time_s
    ) -> None:
        self._wall, self._boot_s = wall, boot_s
        self._boot_at_start = boot_s()
        self._wall_at_start = wall()

    def now(self) -> datetime:
        return self._wall_at_start + timedelta(seconds=self._boot_s() - self._boot_at_start)

    def monotonic(self) -> float:
        return self._boot_s()

    def follow_step(self) -> float | None:
        """Return by how many seconds the wall clock was stepped (and follow it), or None when it was not."""
        step_s = (self._wall() - self.now()).total_seconds()
        if abs(step_s) <= STEP_LIMIT_S:
            return None
        self._wall_at_start += timedelta(seconds=step_s)
        return step_s
