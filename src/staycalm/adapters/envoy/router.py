"""The TrafficRouter that drives one embedded Envoy through files."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace as changed
from pathlib import Path

from staycalm.adapters.envoy.binary import Binary, find_binary
from staycalm.adapters.envoy.counters import Cursor
from staycalm.adapters.envoy.edge import Edge
from staycalm.adapters.envoy.files import Layout, take_lock
from staycalm.adapters.envoy.kernel import hand_over
from staycalm.adapters.envoy.observing import (
    added,
    nothing,
    observe_edge,
    read_counters,
    read_cursor,
    samples_between,
    write_cursor,
)
from staycalm.adapters.envoy.proxy import Proxy, proxies, second
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.adapters.envoy.specs import Placed, check_split, is_repeated
from staycalm.adapters.envoy.structure import Structure
from staycalm.adapters.envoy.upkeep import Upkeep
from staycalm.core.placement import Placement
from staycalm.kit.clock import Clock
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, PortError
from staycalm.ports.traffic import Confirmation, EdgeObservation, RouteSpec, Samples, Slot, Split

_DRAIN_POLL_S = 0.02
_TOO_OFTEN = 3


class _Running:
    """Everything that exists only between start and stop."""

    def __init__(
        self, layout: Layout, settings: EnvoySettings, binary: Binary, proxies: tuple[Proxy, ...], clock: Clock
    ) -> None:
        self.binary = binary
        self.edge = Edge(layout, settings, proxies)
        self.structure = Structure(self.edge, binary)
        self.upkeeps = [Upkeep(self.edge, proxy, clock) for proxy in proxies]
        self.tasks: list[asyncio.Task[None]] = []


class EnvoyRouter:
    """Start it once, then use it as the port says. One process at a time may drive one directory.

    `stop` ends Envoy after draining it; `detach` leaves it serving, to be taken over by the next `start`.
    """

    def __init__(self, directory: Path, settings: EnvoySettings, clock: Clock) -> None:
        self._layout = Layout(directory.absolute())
        self._settings, self._clock = settings, clock
        self._proxies = proxies(self._layout, settings)
        self._running: _Running | None = None
        self._lock: int | None = None
        self.pair_problem: str | None = None

    async def start(self) -> bool:
        """Envoy serves what the files say; returns True when what runs now was running and was taken over.

        Raises Unsupported without a fitting binary, Fenced when another process drives the directory,
        OutsideUnavailable with the last lines of its log when Envoy does not start.
        """
        binary = await find_binary(self._settings.binary)
        self._layout.prepare()
        self._lock = take_lock(self._layout)
        try:
            for proxy in self._proxies:
                proxy.open()
            self._running = _Running(self._layout, self._settings, binary, self._proxies, self._clock)
            await self._write_files(self._running)
            adopted = await self._start_each(self._running)
        except PortError:
            await self.stop()
            raise
        self._running.tasks = [asyncio.create_task(upkeep.run()) for upkeep in self._running.upkeeps]
        return adopted

    async def _start_each(self, running: _Running) -> bool:
        """Every proxy that the settings ask for serves, and none besides; returns whether all of them did."""
        self.pair_problem = hand_over() if len(self._proxies) > 1 else None
        one_runs = any(proxy.process.was_left() for proxy in self._proxies)
        # One that was left holds the ports already; another of a pair may share them.
        checks = (lambda: None) if one_runs and len(self._proxies) > 1 else running.structure.check_ports
        starting = [proxy.process.start(running.binary, proxy.admin, checks) for proxy in self._proxies]
        outcomes = await asyncio.gather(*starting, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if len(self._proxies) == 1:
            await self._end_second()
        return all(outcomes)

    async def _end_second(self) -> bool:
        """The second one of a pair that settings no longer ask for is gone; returns whether it ran."""
        extra = second(self._layout, self._settings)
        if not extra.process.was_left():
            return False
        extra.open()
        try:
            return await extra.process.end_found(extra.admin)
        finally:
            await extra.close()

    async def _write_files(self, running: _Running) -> None:
        """The files say what was known before, in the words of this version of the adapter."""
        for proxy in self._proxies:
            for stale in (proxy.layout.root / "drafts").glob("*.json"):
                stale.unlink(missing_ok=True)
            proxy.write_bootstrap()
        running.edge.load()
        for listener in {one.listener for one in running.edge.placed.values()}:
            await running.edge.write_anew(listener)
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
        (first, *_) = self._proxies
        try:
            first.open()
            had_second = await self._end_second()
            return await first.process.end_found(first.admin) or had_second
        finally:
            await first.close()
            os.close(lock)

    async def _close(self, *, ends: bool) -> None:
        running, self._running = self._running, None
        if running is not None:
            for task in running.tasks:
                task.cancel()
            await asyncio.gather(*running.tasks, return_exceptions=True)
            closing = [p.process.end(p.admin) if ends else p.process.release() for p in self._proxies]
            await asyncio.gather(*closing)
            for upkeep in running.upkeeps:
                upkeep.log.close()
        for proxy in self._proxies:
            await proxy.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def pid(self) -> int | None:
        """Return the id of the running Envoy, of a pair the first that runs; None when there is none."""
        return next(iter(self.pids), None)

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the id of every Envoy that runs."""
        found = [proxy.process for proxy in self._proxies if proxy.process.is_alive()]
        return tuple(process.identity.pid for process in found if process.identity is not None)

    @property
    def restarts(self) -> int:
        """Return how often Envoy ended unasked and was started again."""
        return sum(proxy.process.restarts for proxy in self._proxies)

    @property
    def last_end(self) -> str:
        """Return why a proxy ended unasked, the last time one did."""
        return "; ".join(filter(None, (proxy.process.last_end for proxy in self._proxies)))

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return which proxies do not stay up, though each was started several times in a row, and why."""
        failing = [proxy for proxy in self._proxies if proxy.process.failures >= _TOO_OFTEN]
        return tuple(f"the proxy {one.name} does not stay up: {one.process.last_end}" for one in failing)

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
                await edge.confirm(known.listener, version, refused={}, deadline=began + deadline_s)
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
        await edge.confirm(listener, version, refused={}, deadline=began + deadline_s)
        edge.save_or_tell()
        return Confirmation(self._placed(placement).generation, loop.time() - began)

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        """See TrafficRouter.observe. A proxy that does not answer is one that is not live."""
        running = self._now_running
        seen = zip(self._proxies, running.upkeeps, strict=True)
        return tuple([await self._observe_one(running, *each, placement) for each in seen])

    async def _observe_one(
        self, running: _Running, proxy: Proxy, upkeep: Upkeep, placement: Placement
    ) -> EdgeObservation:
        version, problem = running.binary.version, proxy.process.problem or upkeep.problem
        try:
            seen = await observe_edge(running.edge, proxy, placement, version=version)
        except OutsideUnavailable as error:
            return EdgeObservation(proxy.name, False, version, 0.0, None, None, {}, 0, problem or str(error))
        age_days = running.binary.age_days(self._clock.now().date())
        return changed(seen, problem=problem or seen.problem, age_days=age_days)

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        """See TrafficRouter.samples. The access log follows the answers by up to 100 ms.

        What one of a pair counts while it does not answer is told once it does.
        """
        running = self._now_running
        self._placed(placement)
        before = read_cursor(cursor) if cursor is not None else None
        olds = [before, *before.others] if before is not None else []
        parts: list[tuple[Cursor, Samples]] = []
        failure: OutsideUnavailable | None = None
        for n, (proxy, upkeep) in enumerate(zip(self._proxies, running.upkeeps, strict=True)):
            old = olds[n] if n < len(olds) else None
            try:
                parts.append(await self._samples_of(proxy, upkeep, placement, old))
            except OutsideUnavailable as error:
                if old is None or failure is not None or len(self._proxies) == 1:
                    raise
                failure = error
                parts.append((old, nothing(old)))
        return added([part for _, part in parts], write_cursor([now for now, _ in parts]))

    async def _samples_of(
        self, proxy: Proxy, upkeep: Upkeep, placement: Placement, old: Cursor | None
    ) -> tuple[Cursor, Samples]:
        before = proxy.process.identity
        slots = await read_counters(proxy.admin, placement)
        at_s = self._clock.monotonic()
        if proxy.process.identity != before:
            raise OutsideUnavailable("the proxy was started again just now")
        await upkeep.read_log()
        now = Cursor(str(before), at_s, upkeep.log.position, slots)
        if old is None:
            return now, nothing(now)
        requests, is_incomplete = upkeep.log.since(placement, old.position)
        return now, samples_between(old, now, requests, is_incomplete=is_incomplete)

    async def wait_drained(self, placement: Placement, slot: Slot, *, deadline_s: float) -> bool:
        """See TrafficRouter.wait_drained."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_s
        while True:
            if not any([await self._active(proxy, placement, slot) for proxy in self._proxies]):
                return True
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_DRAIN_POLL_S)

    async def _active(self, proxy: Proxy, placement: Placement, slot: Slot) -> int:
        try:
            return (await read_counters(proxy.admin, placement))[slot].active
        except OutsideUnavailable:
            if self._now_running.edge.may_be_down(proxy):
                return 0
            raise

    async def remove(self, placement: Placement) -> None:
        """See TrafficRouter.remove."""
        await self._now_running.structure.remove(placement)
