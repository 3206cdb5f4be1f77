"""The traffic router that leaves weights to commands of the server's settings, and believes what it reads back."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from staycalm.adapters.exec.answers import read_counters, read_weight, subtract
from staycalm.adapters.exec.commands import Commands, NamesOf
from staycalm.adapters.exec.ledger import (
    Entry,
    from_json,
    other_slot,
    rolled_back,
    route_variables,
    to_json,
    version_of,
    wanted,
    weight_variables,
)
from staycalm.adapters.exec.memory import Memory
from staycalm.adapters.exec.settings import ExecSettings
from staycalm.core.placement import Placement, check_name
from staycalm.kit.clock import Clock
from staycalm.ports.errors import Fenced, InvalidSpec, OutsideUnavailable, PortError, Unconfirmed
from staycalm.ports.traffic import Confirmation, EdgeObservation, RouteSpec, Samples, Slot, SlotCounts, Split

T = TypeVar("T")
READ_AGAIN_S = 0.5
NEEDED = ("set-weight", "read-weight")
NO_COUNTERS = "none"


class ExecRouter:
    """A load balancer behind the commands `set-weight` and `read-weight`. README.md tells their contract.

    What was wanted is written to a file before a command runs, so that a new server knows the generation.
    A command's own time-out is its deadline, also where the caller hoped for less: a rollback that takes
    the balancer eight seconds must not be given up after five.
    """

    def __init__(self, settings: ExecSettings, names_of: NamesOf, clock: Clock, *, directory: Path) -> None:
        self._settings = settings
        self._commands = Commands(settings, names_of)
        self._clock = clock
        self._memory = Memory(directory / "routes")
        self._locks: dict[Placement, asyncio.Lock] = {}
        self._in_flight: dict[Placement, asyncio.Task[Confirmation]] = {}

    async def ensure(self, spec: RouteSpec) -> None:
        """Members and hosts are remembered, and the `ensure` command, if there is one, was told them."""
        async with self._lock(spec.placement):
            entry = replace(await self._entry(spec.placement), route=route_variables(spec))
            await self._keep(spec.placement, entry)
            if await self._commands.find(spec.placement, "ensure") is not None:
                await self._commands.run(spec.placement, "ensure", {**entry.route})

    async def set_split(
        self, placement: Placement, split: Split, *, generation: int, fence: int, deadline_s: float = 5.0
    ) -> Confirmation:
        """The balancer says that it does the split. Raises Rejected, Unconfirmed, Fenced, OutsideUnavailable."""
        if not 0 <= split.candidate_weight <= 100:
            raise InvalidSpec(f"{placement}: weight {split.candidate_weight:g} is not 0 to 100 percent")
        names = {role: await self._commands.require(placement, role) for role in NEEDED}
        async with self._lock(placement):
            entry = wanted(await self._entry(placement), placement, split, generation, fence)
            entry = replace(entry, commands=names)
            await self._keep(placement, entry)
            done = await self._interruptible(placement, self._apply(placement, entry, split, deadline_s))
            await self._keep(placement, replace(entry, is_confirmed=True))
            return done

    async def roll_back(self, placement: Placement, *, deadline_s: float = 5.0) -> Confirmation:
        """The balancer says that the candidate gets nothing; a change that was under way is ended first.

        Nothing but the placement's file and the settings is needed for it.
        """
        if (task := self._in_flight.get(placement)) is not None:
            task.cancel()
        async with self._lock(placement):
            entry = await self._entry(placement)
            if entry.split is None:
                raise InvalidSpec(f"{placement} was never given a split; there is nothing to roll back")
            back = replace(entry.split, candidate_weight=0.0)
            entry = rolled_back(entry, back)
            await self._keep(placement, entry)
            done = await self._apply(placement, entry, back, deadline_s)
            await self._keep(placement, replace(entry, is_confirmed=True))
            return done

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        """Return what the balancer says. The generation is known only while it does what was wanted last.

        Nothing is known of its members' health (`healthy_members` is empty) and of its uptime (0).
        """
        entry = await self._entry(placement)
        if entry.split is None:
            return ()
        problem, generation, split = None, None, None
        try:
            actual = await self._read(placement, entry, entry.split)
        except PortError as error:
            problem = str(error)
        else:
            split = replace(entry.split, candidate_weight=actual)
            if self._is_close(actual, entry.split):
                generation, split = entry.generation, entry.split
            else:
                problem = self._difference(placement, actual, entry.split)
        return (
            EdgeObservation(
                edge="exec",
                is_live=split is not None,
                version=version_of(entry),
                uptime_s=0.0,
                generation=generation,
                split=split,
                healthy_members={},
                rejections=0,
                problem=problem,
            ),
        )

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        """Return the differences of the counters that the `samples` command prints.

        Without such a command there are never any slots in a sample: a metric source has to count then.
        """
        if await self._commands.find(placement, "samples") is None:
            return Samples(cursor=NO_COUNTERS, seconds=0.0, slots={})
        now = read_counters(await self._commands.run(placement, "samples", {}))
        at_s = self._clock.now().timestamp()
        if cursor is None or cursor == NO_COUNTERS:
            return Samples(cursor=_cursor(at_s, now), seconds=0.0, slots={})
        before_s, before = _counters_of(cursor)
        deltas: dict[Slot, SlotCounts] = {}
        was_reset = False
        # A slot that was not told of before begins its count here: what it counted since ever is not news.
        for slot, counts in ((slot, counts) for slot, counts in now.items() if slot in before):
            delta = subtract(counts, before[slot])
            was_reset |= delta is None
            deltas[slot] = counts if delta is None else delta
        fresh = _cursor(at_s, {**before, **now})
        return Samples(cursor=fresh, seconds=max(0.0, at_s - before_s), slots=deltas, was_reset=was_reset)

    async def wait_drained(self, placement: Placement, slot: Slot, *, deadline_s: float) -> bool:
        """Return True once the `samples` command says that nothing is in flight in the slot.

        Without one the whole time is waited for and False returned: nobody knows.
        """
        end_s = self._clock.monotonic() + deadline_s
        has_gauge = await self._commands.find(placement, "samples") is not None
        while True:
            if has_gauge:
                now = read_counters(await self._commands.run(placement, "samples", {}))
                if now.get(slot, SlotCounts()).active == 0:
                    return True
            left_s = end_s - self._clock.monotonic()
            if left_s <= 0:
                return False
            await asyncio.sleep(min(READ_AGAIN_S if has_gauge else left_s, left_s))

    async def remove(self, placement: Placement) -> None:
        """The `remove-route` command, if there is one, ended well, and nothing is remembered."""
        async with self._lock(placement):
            entry = await self._entry(placement)
            if await self._commands.find(placement, "remove-route") is not None:
                await self._commands.run(placement, "remove-route", entry.route)
            await asyncio.to_thread(self._memory.forget, _file_of(placement))

    # -- inside --------------------------------------------------------------------------------------

    def _lock(self, placement: Placement) -> asyncio.Lock:
        return self._locks.setdefault(placement, asyncio.Lock())

    async def _entry(self, placement: Placement) -> Entry:
        raw = await asyncio.to_thread(self._memory.read, _file_of(placement))
        try:
            return from_json(raw)
        except (KeyError, TypeError):
            raise OutsideUnavailable(
                f"what is remembered of {placement} is damaged; remove its file and set a split anew",
                retryable=False,
            ) from None

    async def _keep(self, placement: Placement, entry: Entry) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(self._memory.write, _file_of(placement), to_json(entry)))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: the lock is kept until it has written.
            await asyncio.wait({writing})
            raise

    async def _interruptible(self, placement: Placement, work: Coroutine[Any, Any, Confirmation]) -> Confirmation:
        """Return what the work returns; a rollback may end it, and then it raises Fenced."""
        task = asyncio.ensure_future(work)
        self._in_flight[placement] = task
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            del self._in_flight[placement]
        if task.cancelled():
            raise Fenced(f"{placement}: a rollback came in between")
        return task.result()

    async def _apply(self, placement: Placement, entry: Entry, split: Split, deadline_s: float) -> Confirmation:
        """The balancer was told, unless it does it already, and seen to do it."""
        began_s = self._clock.monotonic()
        if not entry.is_confirmed or not self._is_close(await self._read(placement, entry, split), split):
            await self._weigh("set-weight", placement, entry, split)
            while not self._is_close(actual := await self._read(placement, entry, split), split):
                if self._clock.monotonic() - began_s >= deadline_s:
                    raise Unconfirmed(self._difference(placement, actual, split))
                await asyncio.sleep(READ_AGAIN_S)
        return Confirmation(entry.generation, self._clock.monotonic() - began_s)

    async def _read(self, placement: Placement, entry: Entry, split: Split) -> float:
        return read_weight(await self._weigh("read-weight", placement, entry, split))

    async def _weigh(self, role: str, placement: Placement, entry: Entry, split: Split) -> str:
        return await self._commands.run_for(
            placement, role, entry.commands.get(role, role), weight_variables(entry, split)
        )

    def _is_close(self, actual: float, split: Split) -> bool:
        return abs(actual - _weight(split)) <= self._settings.weight_tolerance

    def _difference(self, placement: Placement, actual: float, split: Split) -> str:
        return f"{placement}: the balancer gives {other_slot(split)} {actual:g} percent, not {_weight(split):g}"


def _weight(split: Split) -> float:
    return split.candidate_weight if split.candidate is not None else 0.0


def _file_of(placement: Placement) -> str:
    return f"{check_name(placement.service, 'service')}@{check_name(placement.environment, 'environment')}"


def _cursor(at_s: float, slots: Mapping[Slot, SlotCounts]) -> str:
    return json.dumps({"at": at_s, "slots": {slot: asdict(counts) for slot, counts in slots.items()}})


def _counters_of(cursor: str) -> tuple[float, dict[Slot, SlotCounts]]:
    """Return when and what was counted; raises InvalidSpec for a cursor that is none of ours."""
    try:
        raw = json.loads(cursor)
        slots = {
            slot: SlotCounts(**{**f, "latency_buckets": tuple((b, c) for b, c in f["latency_buckets"])})
            for slot, f in raw["slots"].items()
        }
        at_s = float(raw["at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidSpec("the cursor was not made by this router; ask without one") from None
    if not math.isfinite(at_s):
        raise InvalidSpec("the cursor was not made by this router; ask without one")
    return at_s, slots
