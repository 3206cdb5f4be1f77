"""The TrafficRouter that drives one embedded Envoy through files."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace as changed
from pathlib import Path

import msgspec

from staycalm.adapters.envoy.admin import Admin
from staycalm.adapters.envoy.binary import Binary, find_binary
from staycalm.adapters.envoy.counters import Cursor
from staycalm.adapters.envoy.edge import Edge
from staycalm.adapters.envoy.files import Layout, replace, take_lock
from staycalm.adapters.envoy.listeners import compose_bootstrap
from staycalm.adapters.envoy.observing import (
    first_samples,
    observe_edge,
    read_counters,
    read_cursor,
    samples_between,
)
from staycalm.adapters.envoy.process import Process
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.adapters.envoy.specs import Placed, check_split, is_repeated
from staycalm.adapters.envoy.structure import Structure
from staycalm.adapters.envoy.upkeep import Upkeep
from staycalm.core.placement import Placement
from staycalm.kit.clock import Clock
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, PortError
from staycalm.ports.traffic import Confirmation, EdgeObservation, RouteSpec, Samples, Slot, Split

_DRAIN_POLL_S = 0.02


class _Running:
    """Everything that exists only between start and stop."""

    def __init__(
        self, layout: Layout, settings: EnvoySettings, binary: Binary, admin: Admin, clock: Clock
    ) -> None:
        self.binary, self.admin = binary, admin
        self.edge = Edge(layout, settings, admin)
        self.structure = Structure(self.edge, binary)
        self.upkeep = Upkeep(self.edge, clock)
        self.task: asyncio.Task[None] | None = None


class EnvoyRouter:
    """Start it once, then use it as the port says. One process at a time may drive one directory.

    `stop` ends Envoy after draining it; `detach` leaves it serving, to be taken over by the next `start`.
    """

    def __init__(self, directory: Path, settings: EnvoySettings, clock: Clock) -> None:
        self._layout = Layout(directory.absolute())
        self._settings, self._clock = settings, clock
        self._process = Process(self._layout, settings)
        self._running: _Running | None = None
        self._lock: int | None = None

    async def start(self) -> bool:
        """Envoy serves what the files say; returns True when a running one was taken over.

        Raises Unsupported without a fitting binary, Fenced when another process drives the directory,
        OutsideUnavailable with the last lines of its log when Envoy does not start.
        """
        binary = await find_binary(self._settings.binary)
        self._layout.prepare()
        self._lock = take_lock(self._layout)
        try:
            admin = Admin(self._process.socket, self._settings.admin_timeout_s)
            self._running = _Running(self._layout, self._settings, binary, admin, self._clock)
            await self._write_files(self._running)
            adopted = await self._process.start(binary, admin, self._running.structure.check_ports)
        except PortError:
            await self.stop()
            raise
        self._running.task = asyncio.create_task(self._running.upkeep.run())
        return adopted

    async def _write_files(self, running: _Running) -> None:
        """The files say what was known before, in the words of this version of the adapter."""
        for stale in (self._layout.root / "drafts").glob("*.json"):
            stale.unlink(missing_ok=True)
        bootstrap = compose_bootstrap(self._layout, self._settings, self._process.socket.name)
        replace(self._layout, self._layout.bootstrap, msgspec.json.encode(bootstrap))
        running.edge.load()
        for listener in {one.listener for one in running.edge.placed.values()}:
            await running.edge.write(listener)
        running.structure.write_everything()

    async def stop(self) -> None:
        """Envoy has finished its requests and is gone; nothing of it is left running."""
        await self._close(ends=True)

    async def detach(self) -> None:
        """This process has let go of Envoy, which serves on."""
        await self._close(ends=False)

    async def end_found(self) -> bool:
        """No proxy of this directory runs; returns whether one did. For a process that never started one.

        Raises Fenced while another process drives the directory.
        """
        self._layout.prepare()
        lock = take_lock(self._layout)
        admin = Admin(self._process.socket, self._settings.admin_timeout_s)
        try:
            return await self._process.end_found(admin)
        finally:
            await admin.close()
            os.close(lock)

    async def _close(self, *, ends: bool) -> None:
        running, self._running = self._running, None
        if running is not None:
            if running.task is not None:
                running.task.cancel()
                await asyncio.gather(running.task, return_exceptions=True)
            await (self._process.end(running.admin) if ends else self._process.release())
            await running.admin.close()
            running.upkeep.log.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def pid(self) -> int | None:
        """Return the id of the running Envoy, None when there is none."""
        return self._process.identity.pid if self._process.identity and self._process.is_alive() else None

    @property
    def restarts(self) -> int:
        """Return how often Envoy ended unasked and was started again."""
        return self._process.restarts

    @property
    def _now_running(self) -> _Running:
        if self._running is None:
            raise OutsideUnavailable("the proxy was not started")
        return self._running

    def _placed(self, placement: Placement) -> Placed:
        try:
            return self._now_running.edge.placed[placement]
        except KeyError:
            raise InvalidSpec(f"{placement} is not declared at the proxy; ensure it first") from None

    async def ensure(self, spec: RouteSpec) -> None:
        """See TrafficRouter.ensure. Raises InvalidSpec, Rejected, Unconfirmed, OutsideUnavailable."""
        await self._now_running.structure.ensure(spec)

    async def set_split(
        self, placement: Placement, split: Split, *, generation: int, fence: int, deadline_s: float = 5.0
    ) -> Confirmation:
        """See TrafficRouter.set_split. Raises InvalidSpec besides."""
        check_split(split)
        self._placed(placement)
        edge, loop = self._now_running.edge, asyncio.get_running_loop()
        began = loop.time()
        async with edge.shifting:
            known = self._placed(placement)
            if is_repeated(known, split, generation=generation, fence=fence):
                version = edge.version(known.listener)
                await edge.confirm(known.listener, version, refused=None, deadline=began + deadline_s)
            else:
                new = changed(known, split=split, generation=generation, fence=fence, is_rollback=False)
                await edge.shift(new, deadline=began + deadline_s)
        return Confirmation(generation, loop.time() - began)

    async def roll_back(self, placement: Placement, *, deadline_s: float = 5.0) -> Confirmation:
        """See TrafficRouter.roll_back. Without a candidate, or repeated, it changes nothing and confirms."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        edge, listener = self._now_running.edge, self._placed(placement).listener
        version = edge.roll_back(placement)
        await edge.confirm(listener, version, refused=None, deadline=began + deadline_s)
        return Confirmation(self._placed(placement).generation, loop.time() - began)

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        """See TrafficRouter.observe. A proxy that does not answer is one that is not live."""
        running = self._now_running
        version, problem = running.binary.version, self._process.problem or running.upkeep.problem
        try:
            seen = await observe_edge(running.edge, placement, version=version)
        except OutsideUnavailable as error:
            name = self._settings.edge_name
            return (EdgeObservation(name, False, version, 0.0, None, None, {}, 0, problem or str(error)),)
        age_days = running.binary.age_days(self._clock.now().date())
        return (changed(seen, problem=seen.problem or problem, age_days=age_days),)

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        """See TrafficRouter.samples. The access log follows the answers by up to 100 ms."""
        running = self._now_running
        self._placed(placement)
        before = self._process.identity
        slots = await read_counters(running.admin, placement)
        at_s = self._clock.monotonic()
        if self._process.identity != before:
            raise OutsideUnavailable("the proxy was started again just now")
        await running.upkeep.read_log()
        now = Cursor(str(before), at_s, running.upkeep.log.position, slots)
        if cursor is None:
            return first_samples(now)
        old = read_cursor(cursor)
        requests, is_incomplete = running.upkeep.log.since(placement, old.position)
        return samples_between(old, now, requests, is_incomplete=is_incomplete)

    async def wait_drained(self, placement: Placement, slot: Slot, *, deadline_s: float) -> bool:
        """See TrafficRouter.wait_drained."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_s
        while True:
            if (await read_counters(self._now_running.admin, placement))[slot].active == 0:
                return True
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_DRAIN_POLL_S)

    async def remove(self, placement: Placement) -> None:
        """See TrafficRouter.remove."""
        await self._now_running.structure.remove(placement)
