"""Shifting traffic between the two revisions of a placement, and counting what happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from staycalm.core.placement import Placement

Slot = Literal["blue", "green"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one instance of a revision listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the proxy listens for a placement. Placements may share one; port 0 is refused."""

    address: str
    port: int
    certificate_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """Everything about a placement's traffic except its weights.

    `hosts` serve the split; `candidate_hosts` reach the candidate alone, before any traffic.
    A slot without members is a slot that serves nobody.
    """

    placement: Placement
    listener: Listener
    hosts: tuple[str, ...]
    candidate_hosts: tuple[str, ...] = ()
    path_prefix: str = "/"
    members: Mapping[Slot, tuple[Endpoint, ...]] = field(default_factory=dict)
    health_path: str | None = None
    request_timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Split:
    """Who serves: `candidate_weight` percent (0-100) of clients go to `candidate`, the rest to `stable`.

    A request that carries `preview_token` in the preview header always reaches the candidate.
    """

    stable: Slot
    candidate: Slot | None = None
    candidate_weight: float = 0.0
    preview_token: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The split of `generation` is in force at every edge, `took_s` seconds after it was asked for."""

    generation: int
    took_s: float


@dataclass(frozen=True, slots=True)
class EdgeObservation:
    """What one proxy really does for a placement; None where it does not know the placement.

    `age_days` is how long ago this line of the proxy's versions was first released; None where unknown.
    """

    edge: str
    is_live: bool
    version: str
    uptime_s: float
    generation: int | None
    split: Split | None
    healthy_members: Mapping[Slot, int]
    rejections: int
    problem: str | None = None
    age_days: int | None = None


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """Requests that ended in one slot since the cursor. `server_errors` include time-outs and resets.

    `latency_buckets` are (upper bound in ms, count in this bucket), ascending, the last bound infinite.
    `active` is a gauge: requests in flight now.
    """

    total: int = 0
    client_errors: int = 0
    server_errors: int = 0
    timeouts: int = 0
    resets: int = 0
    active: int = 0
    latency_buckets: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One finished request from the proxy's access log. `client` is a hash of the sticky cookie."""

    slot: Slot
    client: str
    status: int
    duration_ms: float
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Samples:
    """What happened to a placement's traffic since a cursor, at all edges together.

    `requests` is empty when the adapter has no access log (`has_requests` False): then only
    counters are known and a verdict is "per request". `was_reset` tells that a proxy restarted
    and counts between its last sample and its death are unknown.
    """

    cursor: str
    seconds: float
    slots: Mapping[Slot, SlotCounts]
    requests: tuple[RequestRecord, ...] = ()
    has_requests: bool = False
    was_reset: bool = False


class TrafficRouter(Protocol):
    """The proxy of the placements. Equal (generation, content) is a no-op; a lower one raises Fenced."""

    async def ensure(self, spec: RouteSpec) -> None:
        """The proxy knows the placement's listener, hosts and members; its weights are unchanged."""
        ...

    async def set_split(
        self, placement: Placement, split: Split, *, generation: int, fence: int, deadline_s: float = 5.0
    ) -> Confirmation:
        """The split is in force at every edge, and the file that rolls it back is on disk.

        That file holds generation + 1 with the candidate at weight 0.
        Raises Rejected, Unconfirmed, Fenced, OutsideUnavailable.
        """
        ...

    async def roll_back(self, placement: Placement, *, deadline_s: float = 5.0) -> Confirmation:
        """The reserved rollback generation is in force: stable serves everything. One rename, no database."""
        ...

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        """Return what every edge really does for the placement now."""
        ...

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        """Return what happened since `cursor`; with None, an empty sample and the cursor of now."""
        ...

    async def wait_drained(self, placement: Placement, slot: Slot, *, deadline_s: float) -> bool:
        """Return True once no request is in flight in the slot, False at the deadline."""
        ...

    async def remove(self, placement: Placement) -> None:
        """The proxy does not know the placement any more."""
        ...
