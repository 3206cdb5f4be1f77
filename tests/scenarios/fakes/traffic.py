"""A proxy in memory: checks generations and fences as the port demands, and makes traffic on a virtual clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf, log
from statistics import NormalDist

import numpy as np

from staycalm.core.placement import Placement
from staycalm.kit.clock import Clock
from staycalm.ports.errors import Fenced, InvalidSpec, PortError, Unconfirmed
from staycalm.ports.traffic import (
    Confirmation,
    EdgeObservation,
    RouteSpec,
    Samples,
    Slot,
    SlotCounts,
    Split,
)

# From so many requests on, drawing each by itself takes longer than drawing them together.
MANY = 40
BUCKETS_MS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, inf)


@dataclass(frozen=True)
class Behaviour:
    """How a revision answers: its share of errors, and its median response time (log-normal)."""

    error_rate: float = 0.0
    median_ms: float = 20.0
    is_healthy: bool = True


@dataclass
class Edge:
    """What the proxy has for one placement. `in_force` and `reserved` are (generation, split)."""

    spec: RouteSpec
    in_force: tuple[int, Split] | None = None
    reserved: tuple[int, Split] | None = None
    fence: int = 0
    requests_per_s: float = 0.0
    counted_until_s: float = 0.0
    carry: float = 0.0
    totals: dict[Slot, SlotCounts] = field(default_factory=dict)
    changes: list[tuple[float, int, Split]] = field(default_factory=list)


class FakeRouter:
    """One edge. `behave` says how the revision behind a slot's first endpoint answers.

    `fail(method, error, times)` injects a failure before the effect; `lose(method)` one after it.
    """

    def __init__(self, clock: Clock, *, seed: int = 3) -> None:
        self.clock = clock
        self.edges: dict[Placement, Edge] = {}
        self.behaviour: dict[int, Behaviour] = {}
        self.calls: list[tuple[str, Placement]] = []
        self.is_live = True
        self._random = random.Random(seed)
        self._numbers = np.random.default_rng(seed)
        self._before: dict[str, list[PortError]] = {}
        self._after: dict[str, list[PortError]] = {}

    def behave(self, port: int, behaviour: Behaviour) -> None:
        self.behaviour[port] = behaviour

    def send_traffic(self, placement: Placement, requests_per_s: float) -> None:
        edge = self._edge(placement)
        self._count(edge)
        edge.requests_per_s = requests_per_s

    def fail(self, method: str, error: PortError, times: int = 1) -> None:
        self._before.setdefault(method, []).extend([error] * times)

    def lose(self, method: str, times: int = 1) -> None:
        self._after.setdefault(method, []).extend([Unconfirmed("the answer was lost")] * times)

    def forget_everything(self) -> None:
        """The proxy was started again without its files."""
        self.edges.clear()

    def split(self, placement: Placement) -> Split | None:
        edge = self.edges.get(placement)
        return edge.in_force[1] if edge is not None and edge.in_force else None

    def generation(self, placement: Placement) -> int | None:
        edge = self.edges.get(placement)
        return edge.in_force[0] if edge is not None and edge.in_force else None

    async def ensure(self, spec: RouteSpec) -> None:
        self._enter("ensure", spec.placement)
        for ends in spec.members.values():
            if not ends:
                raise InvalidSpec("a slot without members must be left out")
        edge = self.edges.get(spec.placement)
        if edge is None:
            self.edges[spec.placement] = Edge(spec, counted_until_s=self.clock.monotonic())
        else:
            self._count(edge)
            edge.spec = spec
        self._leave("ensure")

    async def set_split(
        self, placement: Placement, split: Split, *, generation: int, fence: int, deadline_s: float = 5.0
    ) -> Confirmation:
        self._enter("set_split", placement)
        edge = self._edge(placement)
        if not 0 <= split.candidate_weight <= 100:
            raise InvalidSpec(f"weight {split.candidate_weight} is out of range")
        current = edge.in_force
        if fence < edge.fence:
            raise Fenced(f"fence {edge.fence} is in force, {fence} was offered")
        if current is not None and generation < current[0]:
            raise Fenced(f"generation {current[0]} is in force, {generation} was offered")
        if current is not None and generation == current[0] and split != current[1]:
            raise Fenced(f"generation {generation} is in force with other weights")
        edge.fence = fence
        if current is None or generation > current[0]:
            self._put(edge, generation, split)
            edge.reserved = (generation + 1, replace(split, candidate_weight=0.0))
        self._leave("set_split")
        return Confirmation(generation, 0.002)

    async def roll_back(self, placement: Placement, *, deadline_s: float = 5.0) -> Confirmation:
        self._enter("roll_back", placement)
        edge = self._edge(placement)
        if edge.in_force is None:
            raise InvalidSpec(f"{placement} was never given weights")
        if edge.reserved is not None:
            self._put(edge, *edge.reserved)
            edge.reserved = None
        self._leave("roll_back")
        return Confirmation(edge.in_force[0], 0.001)

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        self._enter("observe", placement)
        edge = self.edges.get(placement)
        healthy: dict[Slot, int] = {}
        if edge is not None:
            for slot, ends in edge.spec.members.items():
                healthy[slot] = sum(self._behaviour(end.port).is_healthy for end in ends)
        current = edge.in_force if edge is not None else None
        self._leave("observe")
        return (
            EdgeObservation(
                edge="edge-1",
                is_live=self.is_live,
                version="1.40",
                uptime_s=self.clock.monotonic(),
                generation=current[0] if current else None,
                split=current[1] if current else None,
                healthy_members=healthy,
                rejections=0,
            ),
        )

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        self._enter("samples", placement)
        edge = self._edge(placement)
        self._count(edge)
        now = self.clock.monotonic()
        mark = _write_cursor(now, edge.totals)
        self._leave("samples")
        if cursor is None:
            return Samples(mark, 0.0, {})
        at, before = _read_cursor(cursor)
        slots = {slot: _minus(edge.totals.get(slot, SlotCounts()), before.get(slot)) for slot in edge.totals}
        return Samples(mark, now - at, slots)

    async def wait_drained(self, placement: Placement, slot: Slot, *, deadline_s: float) -> bool:
        self._enter("wait_drained", placement)
        return True

    async def remove(self, placement: Placement) -> None:
        self._enter("remove", placement)
        self.edges.pop(placement, None)
        self._leave("remove")

    def _enter(self, method: str, placement: Placement) -> None:
        self.calls.append((method, placement))
        waiting = self._before.get(method)
        if waiting:
            raise waiting.pop(0)

    def _leave(self, method: str) -> None:
        waiting = self._after.get(method)
        if waiting:
            raise waiting.pop(0)

    def _edge(self, placement: Placement) -> Edge:
        try:
            return self.edges[placement]
        except KeyError:
            raise InvalidSpec(f"the proxy does not know {placement}") from None

    def _behaviour(self, port: int) -> Behaviour:
        return self.behaviour.get(port, Behaviour())

    def _put(self, edge: Edge, generation: int, split: Split) -> None:
        self._count(edge)
        edge.in_force = (generation, split)
        edge.changes.append((self.clock.monotonic(), generation, split))

    def _count(self, edge: Edge) -> None:
        """The requests since the last count are in the totals, shared out by the split in force."""
        now = self.clock.monotonic()
        wanted = edge.requests_per_s * (now - edge.counted_until_s) + edge.carry
        edge.counted_until_s = now
        number = int(wanted)
        edge.carry = wanted - number
        if edge.in_force is None or not number:
            return
        split = edge.in_force[1]
        to_candidate = 0
        if split.candidate is not None and split.candidate_weight > 0:
            to_candidate = self._binomial(number, split.candidate_weight / 100.0)
        for slot, requests in ((split.stable, number - to_candidate), (split.candidate, to_candidate)):
            if slot is not None and requests:
                self._answer(edge, slot, requests)

    def _answer(self, edge: Edge, slot: Slot, requests: int) -> None:
        ends = edge.spec.members.get(slot, ())
        behaviour = self._behaviour(ends[0].port) if ends else Behaviour(error_rate=1.0)
        errors = self._binomial(requests, behaviour.error_rate)
        counts = self._spread(requests, behaviour.median_ms)
        old = edge.totals.get(slot, SlotCounts())
        before = [n for _, n in old.latency_buckets] or [0] * len(BUCKETS_MS)
        buckets = tuple((bound, a + b) for bound, a, b in zip(BUCKETS_MS, before, counts, strict=True))
        edge.totals[slot] = SlotCounts(
            total=old.total + requests, server_errors=old.server_errors + errors, latency_buckets=buckets
        )

    def _spread(self, requests: int, median_ms: float) -> list[int]:
        """Return how many of the requests fell into each bucket."""
        shares = _shares(median_ms)
        if requests > MANY:
            each = [b - a for a, b in zip((0.0, *shares), shares, strict=False)]
            return [int(n) for n in self._numbers.multinomial(requests, each)]
        counts = [0] * len(BUCKETS_MS)
        for place in self._random.choices(_PLACES, cum_weights=shares, k=requests):
            counts[place] += 1
        return counts

    def _binomial(self, number: int, share: float) -> int:
        if share <= 0:
            return 0
        if number > MANY:
            return int(self._numbers.binomial(number, min(share, 1.0)))
        return sum(self._random.random() < share for _ in range(number))


_PLACES = range(len(BUCKETS_MS))


@cache
def _shares(median_ms: float) -> tuple[float, ...]:
    """Return which share of log-normal response times (sigma 0.4) is within each bucket's bound."""
    spread = NormalDist(log(median_ms), 0.4)
    return tuple(1.0 if bound == inf else spread.cdf(log(bound)) for bound in BUCKETS_MS)


def _write_cursor(now: float, totals: dict[Slot, SlotCounts]) -> str:
    parts = [repr(now)]
    for slot in sorted(totals):
        counts = totals[slot]
        numbers = [counts.total, counts.server_errors, *(n for _, n in counts.latency_buckets)]
        parts.append(f"{slot}:" + ",".join(map(str, numbers)))
    return "|".join(parts)


def _read_cursor(cursor: str) -> tuple[float, dict[str, list[int]]]:
    at, *slots = cursor.split("|")
    found = {}
    for text in slots:
        slot, _, numbers = text.partition(":")
        found[slot] = [int(n) for n in numbers.split(",")]
    return float(at), found


def _minus(now: SlotCounts, before: list[int] | None) -> SlotCounts:
    if before is None:
        return now
    total, errors, *buckets = before
    held = buckets or [0] * len(now.latency_buckets)
    return SlotCounts(
        total=now.total - total,
        server_errors=now.server_errors - errors,
        latency_buckets=tuple((bound, n - b) for (bound, n), b in zip(now.latency_buckets, held, strict=True)),
    )
