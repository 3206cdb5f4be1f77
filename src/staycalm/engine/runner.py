"""Driving reconcilers: claim and plan in one transaction, perform with none open, settle in another."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.errors import PortError, Unavailable
from staycalm.kit.database import Database, ReadTx, Tx, leases
from staycalm.kit.reconcile import AnyReconciler, Effect

logger = logging.getLogger("staycalm.engine.runner")
LEASE_S = 3.0
"""Renewed every second: two renewals may be missed. What a killed process had in hand lies still for so long."""

CARRY_PAUSE_S = 0.25
TAKEN_PAUSE_S = 0.1
TAKEN = Effect(key="taken by another process")

Spawn = Callable[[Coroutine[Any, Any, None]], object]
Pause = Callable[[float], Awaitable[None]]


class Runner:
    """Runs one reconciler. Each id is driven by at most one task here, and by one process where leases are on."""

    def __init__(
        self,
        database: Database,
        reconciler: AnyReconciler,
        *,
        holder: str,
        uses_leases: bool,
        spawn: Spawn,
        pause: Pause,
        sightings: leases.Sightings,
    ) -> None:
        self.reconciler = reconciler
        self._database = database
        self._holder = holder
        self._uses_leases = uses_leases
        self._spawn = spawn
        self._pause = pause
        self._sightings = sightings
        self._in_flight: set[str] = set()
        self._carried: dict[str, Effect] = {}

    @property
    def in_flight(self) -> frozenset[str]:
        """The ids being driven now."""
        return frozenset(self._in_flight)

    def look(
        self, tx: ReadTx, soonest: datetime | None, held_by_others: frozenset[str]
    ) -> tuple[list[str], datetime | None]:
        """Return the ids to drive now, at most `batch` at once, and when to look again (None: at a commit)."""
        if soonest is None or soonest > tx.now:
            return [], soonest
        room = self.reconciler.batch - len(self._in_flight)
        if room <= 0:
            return [], None
        prefix = self.lease_name("")
        elsewhere = {name.removeprefix(prefix) for name in held_by_others if name.startswith(prefix)}
        ids = self.reconciler.due(tx, self.reconciler.batch + len(self._in_flight | elsewhere))
        fresh = [id for id in ids if id not in self._in_flight and id not in elsewhere][:room]
        if fresh or not ids:
            return fresh, soonest
        # All that is due is being driven: by us, whose end wakes the loop, or by another process.
        return [], tx.now + timedelta(seconds=TAKEN_PAUSE_S) if elsewhere.intersection(ids) else None

    def start(self, due: list[str]) -> int:
        """Every due id that nobody drives yet is being driven; returns how many were started."""
        fresh = [id for id in due if id not in self._in_flight]
        for id in fresh:
            self._in_flight.add(id)
            self._spawn(self._drive(id))
        return len(fresh)

    def start_carried(self) -> None:
        """While the database does not answer, what was under observation goes on being observed."""
        self.start(list(self._carried))

    def lease_name(self, id: str) -> str:
        return f"{self.reconciler.name}:{id}"

    async def _drive(self, id: str) -> None:
        try:
            effect = await self._plan(id)
            if effect is TAKEN:
                await self._pause(TAKEN_PAUSE_S)
            elif effect is not None:
                await self._perform_and_settle(id, effect)
        except Unavailable as error:
            logger.warning(
                "the database did not take a step", extra={"id": self.lease_name(id), "reason": error.message}
            )
            await self._pause(CARRY_PAUSE_S)
        except Exception:  # the row boundary: one broken row must not stop the others
            logger.exception("a reconcile step failed", extra={"id": self.lease_name(id)})
            await self._pause(1.0)
        finally:
            self._in_flight.discard(id)

    async def _plan(self, id: str) -> Effect | None:
        try:
            effect: Effect | None = await self._database.write(self._claim_and_plan, id)
        except Unavailable:
            if id not in self._carried:
                raise
            return self._carried[id]
        if effect is None:
            self._carried.pop(id, None)
        return effect

    def _claim_and_plan(self, tx: Tx, id: str) -> Effect | None:
        if self._uses_leases and not self._claim(tx, self.lease_name(id)):
            return TAKEN
        effect: Effect | None = self.reconciler.plan(tx, id)
        if effect is None and self._uses_leases:
            leases.give_back(tx, self.lease_name(id), self._holder)
        return effect

    def _claim(self, tx: Tx, name: str) -> bool:
        over = self._sightings.find_over(name, LEASE_S)
        return leases.acquire(tx, name, self._holder, ttl_s=LEASE_S, over=over) is not None

    async def _perform_and_settle(self, id: str, effect: Effect) -> None:
        carry = self.reconciler.carry
        while True:
            try:
                outcome: Any = await self.reconciler.perform(effect)
            except PortError as error:
                outcome = error
            following = None
            if carry is not None and not isinstance(outcome, PortError):
                following = carry(effect, outcome)
            try:
                await self._database.write(self._settle_and_release, id, effect, outcome)
            except Unavailable:
                if following is None:
                    raise
                effect = following
                await self._pause(CARRY_PAUSE_S)
                continue
            if following is not None:
                self._carried[id] = following
            else:
                self._carried.pop(id, None)
            return

    def _settle_and_release(self, tx: Tx, id: str, effect: Effect, outcome: Any) -> None:
        if self._uses_leases and not leases.give_back(tx, self.lease_name(id), self._holder):
            # Another process took over meanwhile and acts on newer rows; this outcome is too late to count.
            logger.warning("a step was taken over by another process", extra={"id": self.lease_name(id)})
            return
        self.reconciler.settle(tx, id, effect, outcome)
