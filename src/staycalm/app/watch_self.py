"""StayCalm watches itself: its clock, its commits, overdue rows, other processes.

The last-resort message needs no database.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from staycalm.app import heartbeats, wiring
from staycalm.core.actor import SYSTEM
from staycalm.core.errors import PortError, Unavailable
from staycalm.core.self_events import ClockStepped
from staycalm.domains.alerts.public import follow_overdue_work
from staycalm.domains.oncall.public import find_overdue
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Tx, leases, retention
from staycalm.ports.messages import Message

if TYPE_CHECKING:
    from staycalm.app.factory import Application

logger = logging.getLogger("staycalm.app.watch_self")
EVERY_S = 1.0
LAST_RESORT_AFTER_S = 10.0
OVERDUE_AFTER_S = 30.0
SWEEP_EVERY_S = 10.0
SWEEP_IDLE_S = 600.0


class SelfWatch:
    """Looks once a second. `problems` is what is wrong now, in words."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._database = application.database
        self._failing_since: float | None = None
        self._was_told = False
        self._late_since: float | None = None
        self._sweep_at = 0.0
        self._sightings = leases.Sightings(self._database.clock.monotonic)
        self._rules = wiring.retention_rules(application.settings)
        self.problems: list[str] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Watch until `stopping` is set; then this process has said goodbye."""
        with suppress(Unavailable):
            await self._tell_of_step(await self._database.read(heartbeats.find_step_back))
        while not stopping.is_set():
            try:
                await self._follow_clock()
                await self._beat()
                await self._sweep()
            except Exception:  # the boundary: health says so, and the server goes on
                logger.exception("the watch over StayCalm itself failed")
                self.problems = ["the watch over StayCalm itself fails; its log says why"]
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), EVERY_S)
        with suppress(Unavailable):
            await self._database.write(heartbeats.say_goodbye, self._application.engine.holder)

    async def _follow_clock(self) -> None:
        clock = self._database.clock
        await self._tell_of_step(clock.follow_step() if isinstance(clock, SystemClock) else None)

    async def _tell_of_step(self, step_s: float | None) -> None:
        if step_s is not None:
            logger.warning("the wall clock was stepped", extra={"step_s": step_s})
            event = ClockStepped(subject=self._application.engine.holder, step_s=step_s)
            with suppress(Unavailable):
                await self._database.write(lambda tx: tx.emit(SYSTEM, event))

    async def _beat(self) -> None:
        now_s = self._database.clock.monotonic()
        try:
            self.problems = await asyncio.wait_for(self._database.write(self._beat_and_look), 5.0)
            self._failing_since, self._was_told = None, False
        except (Unavailable, TimeoutError) as error:
            if self._failing_since is None:
                self._failing_since = now_s
            failing_s = now_s - self._failing_since
            self.problems = [f"nothing can be committed for {failing_s:.0f} s: {error}"]
            if failing_s >= LAST_RESORT_AFTER_S and not self._was_told:
                self._was_told = await self._tell_last_resort(self.problems[0])

    async def _sweep(self) -> None:
        now_s = self._database.clock.monotonic()
        if now_s >= self._sweep_at:
            self._sweep_at = now_s + SWEEP_EVERY_S
            with suppress(Unavailable):
                if await self._database.write(retention.sweep, self._rules) == 0:
                    self._sweep_at = now_s + SWEEP_IDLE_S

    def _beat_and_look(self, tx: Tx) -> list[str]:
        heartbeats.beat(tx, self._application.engine.holder)
        heartbeats.look_for_silent(tx, self._sightings)
        overdue = find_overdue(tx, late_s=OVERDUE_AFTER_S)
        now_s = self._database.clock.monotonic()
        self._late_since = None if overdue.is_clean else self._late_since or now_s
        # What a start after a long pause finds late is done in a moment, and nobody is woken for it.
        is_late = self._late_since is not None and now_s - self._late_since >= OVERDUE_AFTER_S
        follow_overdue_work(tx, is_late=is_late, settings=self._application.settings.alerts)
        if overdue.is_clean:
            return []
        return [
            f"overdue by more than {OVERDUE_AFTER_S:.0f} s: {overdue.steps} escalation steps, "
            f"{overdue.notifications} notifications, {overdue.shifts} shifts"
        ]

    async def _tell_last_resort(self, problem: str) -> bool:
        """Return whether the last-resort contact was told; there may be none."""
        settings = self._application.settings.server
        channel = self._application.outside.channels.get(settings.last_resort_channel)
        if not settings.last_resort_address or channel is None:
            return True
        message = Message(
            subject="P0 StayCalm itself: its database takes no commits",
            text=f"{problem}\nFree disk space or mend the database.\n"
            "Rollbacks still work; pages and incidents may not.\n"
            f"This message did not go through the database.\n{self._application.url}",
            idempotency_key=f"last-resort-{self._application.engine.holder}-{self._failing_since:.0f}",
            priority="P0",
        )
        try:
            await channel.send(settings.last_resort_address, message)
        except PortError as error:
            logger.error("the last resort was not reached", extra={"reason": str(error)})
            return False
        return True
