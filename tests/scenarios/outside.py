"""The outside of a scenario: one machine with a proxy, programs, visitors, mail, and whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from staycalm.adapters.envoy.routes import TOTAL_WEIGHT, weights
from staycalm.core.placement import Placement
from staycalm.kit.clock import Clock
from staycalm.ports.messages import Channel
from staycalm.ports.metrics import InstanceCounters
from staycalm.ports.probes import Probe, ProbeResult
from staycalm.ports.traffic import RouteSpec, Slot, Split
from tests.conftest import VirtualClock
from tests.scenarios.fakes.channel import FakeChannel
from tests.scenarios.fakes.metrics import FakeMetrics
from tests.scenarios.fakes.prober import FakeHost, FakeProber
from tests.scenarios.fakes.smoke import FakeSmoke
from tests.scenarios.fakes.target import FakeTarget, Program, Running
from tests.scenarios.fakes.traffic import Behaviour, Edge, FakeRouter
from tests.scenarios.traffic import Served


class SteppedClock(VirtualClock):
    """Virtual time whose wall clock can be set, as an administrator or a bad time server does."""

    stepped_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() - self.stepped_s

    def step(self, seconds: float) -> None:
        """The wall clock shows another time; no time has passed."""
        self._now += timedelta(seconds=seconds)
        self.stepped_s += seconds


@dataclass(frozen=True)
class Version:
    """How a release behaves: errors (0-1), its median response time, its first minutes, how it starts."""

    error_rate: float = 0.0
    median_ms: float = 20.0
    starts_after_s: float = 1.0
    never_ready: bool = False
    cold_for_s: float = 0.0
    cold_ms: float = 0.0
    errors_after_s: float = 0.0


class Machine(FakeTarget):
    """Programs that behave as their release does; a whole service can be made to suffer, whatever runs."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.versions: dict[str, Version] = {}
        self.suffering: dict[str, Version] = {}
        self._by_port: dict[int, Running] = {}

    def put(self, digest: str, version: Version) -> None:
        self.versions[digest] = version
        self.programs[digest] = Program(version.starts_after_s, version.never_ready)

    def at(self, port: int) -> Running | None:
        """Return the revision that was ever given this port."""
        found = self._by_port.get(port)
        if found is None or self.revisions.get(found.spec.revision) is not found:
            self._by_port = {p: each for each in self.revisions.values() for p in each.ports}
            found = self._by_port.get(port)
        return found

    def is_up(self, revision: str) -> bool:
        each = self.revisions.get(revision)
        return each is not None and each.instances > 0 and self._readiness(each) == "ready"

    def behaviour(self, port: int) -> Behaviour:
        """Return how whatever listens there answers now; nothing there is an error."""
        each = self.at(port)
        if each is None or not self.is_up(each.spec.revision):
            return Behaviour(error_rate=1.0, is_healthy=False)
        version = self.suffering.get(each.spec.placement.service) or self.versions.get(each.spec.digest, Version())
        age_s = self.clock.monotonic() - each.started_at
        is_cold = age_s < version.cold_for_s
        return Behaviour(
            error_rate=version.error_rate if age_s >= version.errors_after_s else 0.0,
            median_ms=version.cold_ms if is_cold else version.median_ms,
        )


class Proxy(FakeRouter):
    """A proxy in front of the machine: what it counts is what the programs answer.

    `served` is what each placement's clients got, from change to change, as the weights of the adapter have it.
    """

    def __init__(self, clock: Clock, machine: Machine, *, seed: int) -> None:
        super().__init__(clock, seed=seed)
        self.machine = machine
        self.served: dict[Placement, list[Served]] = {}

    async def ensure(self, spec: RouteSpec) -> None:
        await super().ensure(spec)
        self._note(self.edges[spec.placement])

    def shares(self, placement: Placement) -> dict[str, float]:
        """Return the percent of clients by revision now."""
        edge = self.edges.get(placement)
        return dict(self._serving(edge).shares) if edge is not None and edge.in_force is not None else {}

    def _behaviour(self, port: int) -> Behaviour:
        return self.behaviour.get(port) or self.machine.behaviour(port)

    def _put(self, edge: Edge, generation: int, split: Split) -> None:
        super()._put(edge, generation, split)
        self._note(edge)

    def _note(self, edge: Edge) -> None:
        served = self.served.setdefault(edge.spec.placement, [])
        if edge.in_force is not None and (now := self._serving(edge)) not in served[-1:]:
            served.append(now)

    def _serving(self, edge: Edge) -> Served:
        assert edge.in_force is not None
        generation, split = edge.in_force
        by_slot = weights(split)
        shares: dict[str, float] = {}
        for slot in (split.stable, split.candidate):
            if slot is not None:
                name = self._revision(edge, slot)
                shares[name] = shares.get(name, 0.0) + 100.0 * by_slot[slot] / TOTAL_WEIGHT
        candidate = self._revision(edge, split.candidate) if split.candidate is not None else None
        return Served(generation, by_slot, shares, candidate)

    def _revision(self, edge: Edge, slot: Slot) -> str:
        ends = edge.spec.members.get(slot, ())
        each = self.machine.at(ends[0].port) if ends else None
        return each.spec.revision if each is not None else "nobody"


class Onlooker(FakeProber):
    """Looks at a service through the proxy: it is up while whoever serves most is."""

    def __init__(self, proxy: Proxy, machine: Machine) -> None:
        super().__init__()
        self._proxy, self._machine = proxy, machine

    async def look(self, probe: Probe) -> ProbeResult:
        seen = await super().look(probe)
        if probe.kind != "http" or not seen.ok:
            return seen
        for placement, edge in self._proxy.edges.items():
            if f":{edge.spec.listener.port}/" in probe.target:
                shares = self._proxy.shares(placement)
                serving = max(shares, key=lambda name: shares[name], default="")
                if not self._machine.is_up(serving):
                    return ProbeResult(False, 0.001, "HTTP 503")
        return seen


@dataclass
class Fakes:
    """Everything outside, by the names that wiring asks for; it lives on when the server crashes."""

    clock: SteppedClock
    machine: Machine
    proxy: Proxy
    prober: Onlooker
    host: FakeHost = field(default_factory=FakeHost)
    smoke: FakeSmoke = field(default_factory=FakeSmoke)
    email: FakeChannel = field(default_factory=lambda: FakeChannel("email"))
    ntfy: FakeChannel = field(default_factory=lambda: FakeChannel("ntfy"))
    webhook: FakeChannel = field(default_factory=lambda: FakeChannel("webhook"))
    sources: dict[str, FakeMetrics] = field(default_factory=dict)
    instances: InstanceCounters | None = None

    @property
    def routers(self) -> Mapping[str, Proxy]:
        return {"envoy": self.proxy}

    @property
    def targets(self) -> Mapping[str, Machine]:
        return {"process": self.machine}

    @property
    def channels(self) -> Mapping[str, Channel]:
        return {"email": self.email, "ntfy": self.ntfy, "webhook": self.webhook}

    def suffer(self, service: str, **how: float) -> None:
        """From now on whatever runs of the service answers like this."""
        known = self.machine.suffering.get(service, Version())
        self.machine.suffering[service] = replace(known, **how)  # type: ignore[arg-type]

    def recover(self, service: str) -> None:
        self.machine.suffering.pop(service, None)


def make_outside(clock: SteppedClock, *, seed: int) -> Fakes:
    """Return an outside in which everything works."""
    machine = Machine(clock)
    proxy = Proxy(clock, machine, seed=seed)
    return Fakes(clock, machine, proxy, Onlooker(proxy, machine))
