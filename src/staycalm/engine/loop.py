"""The loop: ask what is due, start it, sleep until the next due time or the next commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from staycalm.core.errors import Unavailable
from staycalm.core.events import Event, Recorded
from staycalm.engine import dispatch
from staycalm.engine.runner import LEASE_S, Pause, Runner, Spawn
from staycalm.engine.soonest import Soonest
from staycalm.kit.database import Database, ReadTx, Tx, leases
from staycalm.kit.reconcile import AnyReconciler
from staycalm.kit.subscriptions import Subscriptions

logger = logging.getLogger("staycalm.engine")
LONGEST_SLEEP_S = 1.0
SHORTEST_SLEEP_S = 0.005
BACK_FILL_EVERY_S = 5.0
LAST_EFFECTS_S = 2.0
BURIED_AFTER_S = 60.0
"""A lease that was never given back, and whose work nobody has had to take over for so long, is removed."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at the due times found: ids per runner, and the earliest due time of all."""

    due: list[list[str]]
    upcoming: datetime | None
    are_deliveries_due: bool


class Engine:
    """Drives deliveries and reconcilers. `turn` is one pass and never sleeps: simulation calls it directly."""

    def __init__(
        self,
        database: Database,
        subscriptions: Subscriptions,
        reconcilers: Sequence[AnyReconciler],
        *,
        holder: str,
        uses_leases: bool,
        spawn: Spawn | None = None,
        pause: Pause | None = None,
        has_edge: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self.holder = holder
        self._uses_leases = uses_leases
        self._has_edge = has_edge
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sightings = leases.Sightings(database.clock.monotonic)
        self.runners = tuple(
            Runner(
                database,
                reconciler,
                holder=holder,
                uses_leases=uses_leases,
                spawn=spawn or self._spawn_task,
                pause=pause or self._pause,
                sightings=self._sightings,
            )
            for reconciler in reconcilers
        )
        self._prefixes = tuple(runner.lease_name("") for runner in self.runners)
        self._ask = Soonest([dispatch.soonest(subscriptions), *(each.soonest for each in reconcilers)])
        self.last_turn_at: datetime | None = None
        self.longest_sleep_s = LONGEST_SLEEP_S
        database.commit_listeners.append(self._on_commit)

    async def run(self, stopping: asyncio.Event) -> None:
        """Drive everything until `stopping` is set; then what is in flight ends or is cancelled after 2 s."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        keeper = asyncio.create_task(self._keep(stopping))
        while not stopping.is_set():
            self._wake.clear()
            delay_s = self.longest_sleep_s
            try:
                delay_s = await self.turn()
            except Unavailable as error:
                logger.warning("the database does not answer", extra={"reason": error.message})
                for runner in self.runners:
                    runner.start_carried()
                delay_s = 0.25
            except Exception:  # the boundary: health says that the engine does not look; the server goes on
                logger.exception("the engine could not look")
                delay_s = 1.0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=delay_s)
        keeper.cancel()
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=LAST_EFFECTS_S)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def wake(self) -> None:
        """The loop looks again at once; callable from any thread."""
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def turn(self) -> float:
        """Start all that is due now; return the seconds until something may be due again (0 when it was busy)."""
        delivered = 0
        survey = await self._database.read(self._survey)
        while survey.are_deliveries_due:
            tried = await self._database.write(dispatch.deliver_batch, self._subscriptions)
            delivered += tried
            survey = await self._database.read(self._survey)
            if tried == 0:
                break
        started = sum(runner.start(ids) for runner, ids in zip(self.runners, survey.due, strict=True))
        self.last_turn_at = self._database.clock.now()
        if delivered or (started and self._loop is None):
            return 0.0
        if survey.upcoming is None:
            return self.longest_sleep_s
        # What is due and was not started is in other hands: look again soon, but do not spin.
        wait_s = (survey.upcoming - self._database.clock.now()).total_seconds()
        return max(SHORTEST_SLEEP_S, min(self.longest_sleep_s, wait_s))

    async def next_due(self) -> datetime | None:
        """Return the earliest due time of all; simulation jumps to it."""
        return (await self._database.read(self._survey)).upcoming

    async def back_fill(self) -> int:
        """Every subscriber has its deliveries; see dispatch.back_fill."""
        return await self._database.write(dispatch.back_fill, self._subscriptions)

    def _survey(self, tx: ReadTx) -> Survey:
        due: list[list[str]] = []
        upcoming: list[datetime] = []
        delivery, *earliest = self._ask.all(tx)
        elsewhere = self._held_by_others(tx) if self._uses_leases else frozenset[str]()
        for runner, soonest in zip(self.runners, earliest, strict=True):
            reconciler = runner.reconciler
            if reconciler.needs_edge and not self._has_edge():
                due.append([])
                continue
            if reconciler.soonest is None:
                soonest = reconciler.next_due(tx)
            ids, again_at = runner.look(tx, soonest, elsewhere)
            if again_at is not None:
                upcoming.append(again_at)
            due.append(ids)
        if delivery is not None:
            upcoming.append(delivery)
        is_due = delivery is not None and delivery <= tx.now
        return Survey(due, min(upcoming, default=None), is_due)

    def _held_by_others(self, tx: ReadTx) -> frozenset[str]:
        """Return the names of the leases that others have and go on renewing."""
        found = leases.held_by_others(tx, self.holder)
        held = {name: each for name, each in found.items() if name.startswith(self._prefixes)}
        self._sightings.look(held)
        return frozenset(held).difference(self._sightings.unchanged_for(LEASE_S))

    async def _keep(self, stopping: asyncio.Event) -> None:
        """Renew the leases of what is in flight, and fill gaps that old code leaves during an upgrade."""
        rounds = 0
        while not stopping.is_set():
            try:
                if self._uses_leases:
                    await self._database.write(self._renew_leases)
                if rounds % int(BACK_FILL_EVERY_S) == 0:
                    await self.back_fill()
            except Unavailable:
                logger.warning("leases were not renewed: the database does not answer")
            except Exception:  # the boundary: without renewals others would take over what we are doing
                logger.exception("leases were not renewed")
            rounds += 1
            await asyncio.sleep(1.0)

    def _renew_leases(self, tx: Tx) -> None:
        for runner in self.runners:
            for id in runner.in_flight:
                leases.renew(tx, runner.lease_name(id), self.holder, ttl_s=LEASE_S)
        for name, held in self._sightings.unchanged_for(BURIED_AFTER_S).items():
            leases.bury(tx, name, held)

    def _spawn_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._wake is not None:
            self._wake.set()

    async def _pause(self, seconds: float) -> None:
        if self._loop is not None:
            await asyncio.sleep(seconds)

    def _on_commit(self, _emitted: Sequence[Recorded[Event]]) -> None:
        self.wake()
