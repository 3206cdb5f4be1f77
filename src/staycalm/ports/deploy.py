"""Starting and stopping revisions: a program of known bytes, in some number of instances."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from staycalm.core.placement import Placement
from staycalm.ports.traffic import Endpoint

Readiness = Literal["starting", "ready", "unhealthy", "exited", "unknown"]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a revision says it is well: an HTTP path that answers 2xx or 3xx, a TCP accept, or a command's exit 0.

    Exactly one of `path`, `command` is set for kinds http and command; neither for tcp and none.
    """

    kind: Literal["http", "tcp", "command", "none"] = "http"
    path: str | None = "/health"
    command: tuple[str, ...] = ()
    timeout_s: float = 2.0
    interval_s: float = 0.2
    start_deadline_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RevisionSpec:
    """What to run. `revision` is unique for ever and names it outside, e.g. `shop-production-7`.

    `digest` is `sha256:…` of the artifact; `reference` is where its bytes are (a path in the object
    store, or an opaque reference for the exec target). `command` may use {port}, {root}, {digest},
    {reference}, {revision}; the same are in the environment as PORT, SC_ROOT, SC_DIGEST, SC_REVISION.
    """

    revision: str
    placement: Placement
    digest: str
    reference: str
    command: tuple[str, ...]
    instances: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    health: HealthCheck = HealthCheck()
    stop_grace_s: float = 10.0
    needs_port: bool = True


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy, identified by pid and start time (a pid alone is re-used)."""

    number: int
    endpoint: Endpoint | None
    pid: int | None
    started_at_s: float | None
    restarts: int
    readiness: Readiness
    cpu_fraction: float | None = None
    memory_bytes: int | None = None
    exit_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RevisionStatus:
    """The revision as the live system shows it; `digest` is computed from what really runs, or None."""

    revision: str
    exists: bool
    digest: str | None
    instances: tuple[Instance, ...] = ()

    @property
    def is_ready(self) -> bool:
        return bool(self.instances) and all(i.readiness == "ready" for i in self.instances)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was found after a restart of ours: revisions that still run, and orphans nobody asked for."""

    revisions: tuple[str, ...]
    orphans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a revision wrote. `at_s` is seconds since the epoch, `stream` out or err."""

    revision: str
    instance: int
    at_s: float
    stream: str
    text: str


class DeployTarget(Protocol):
    """What starts and stops revisions. Every method may be repeated with no harm."""

    async def prepare(self, spec: RevisionSpec) -> None:
        """The artifact is unpacked where it will run, its digest verified. Raises DigestMismatch, InvalidSpec."""
        ...

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        """`spec.instances` copies run or are starting; the same revision started twice is one revision."""
        ...

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        """Return the live state, having run the health check once against every instance."""
        ...

    async def scale(self, spec: RevisionSpec, instances: int) -> RevisionStatus:
        """Exactly `instances` copies run (0 keeps the files and logs); how a worker is shifted."""
        ...

    async def stop(self, spec: RevisionSpec, *, reason: str) -> None:
        """No copy runs; each got SIGTERM, then SIGKILL after `stop_grace_s`. Files and logs are kept."""
        ...

    async def remove(self, spec: RevisionSpec) -> None:
        """Nothing of the revision is left, logs included."""
        ...

    async def adopt(self, known: tuple[RevisionSpec, ...]) -> Adoption:
        """Supervision of every known revision that still runs is taken up again; orphans are only reported."""
        ...

    async def logs(self, revision: str, *, tail: int = 200) -> tuple[LogLine, ...]:
        """Return the last `tail` lines (1-10,000) over all instances, oldest first."""
        ...

    def follow(self, revision: str) -> AsyncIterator[LogLine]:
        """Yield lines as they are written, from now on, until the consumer stops."""
        ...
