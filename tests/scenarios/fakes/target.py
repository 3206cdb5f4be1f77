"""A deploy target in memory: revisions by name, digests checked, processes that start, sicken and die."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from staycalm.kit.clock import Clock
from staycalm.ports.deploy import Adoption, Instance, LogLine, Readiness, RevisionSpec, RevisionStatus
from staycalm.ports.errors import DigestMismatch, InvalidSpec, OutsideUnavailable, PortError
from staycalm.ports.traffic import Endpoint


@dataclass(frozen=True)
class Program:
    """What the bytes of a digest do when they run."""

    starts_after_s: float = 1.0
    never_ready: bool = False
    real_digest: str | None = None


@dataclass
class Running:
    """One revision outside."""

    spec: RevisionSpec
    instances: int = 0
    started_at: float = 0.0
    ports: tuple[int, ...] = ()
    readiness: Readiness | None = None
    restarts: int = 0
    exit_reason: str | None = None
    log: list[LogLine] = field(default_factory=list)


class FakeTarget:
    """Every revision it was ever asked for; `fail` and `lose` inject faults before and after an effect."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.revisions: dict[str, Running] = {}
        self.programs: dict[str, Program] = {}
        self.calls: list[tuple[str, str]] = []
        self._next_port = 20_000
        self._before: dict[str, list[PortError]] = {}
        self._after: dict[str, list[PortError]] = {}

    def fail(self, method: str, error: PortError, times: int = 1) -> None:
        self._before.setdefault(method, []).extend([error] * times)

    def lose(self, method: str, times: int = 1) -> None:
        lost = OutsideUnavailable("the answer was lost")
        self._after.setdefault(method, []).extend([lost] * times)

    def sicken(self, revision: str) -> None:
        self.revisions[revision].readiness = "unhealthy"

    def heal(self, revision: str) -> None:
        self.revisions[revision].readiness = None

    def kill(self, revision: str, reason: str = "killed by signal 9") -> None:
        self.revisions[revision].readiness = "exited"
        self.revisions[revision].exit_reason = reason

    def reboot(self) -> None:
        """Every process is gone, files are kept."""
        for each in self.revisions.values():
            each.instances = 0

    def port(self, revision: str) -> int:
        return self.revisions[revision].ports[0]

    def running(self) -> set[str]:
        return {name for name, each in self.revisions.items() if each.instances}

    async def prepare(self, spec: RevisionSpec) -> None:
        self._enter("prepare", spec.revision)
        real = self._program(spec).real_digest
        if real is not None and real != spec.digest:
            raise DigestMismatch(f"the artifact's bytes are {real}, not {spec.digest}")
        self.revisions.setdefault(spec.revision, Running(spec))
        self._leave("prepare")

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        self._enter("start", spec.revision)
        if spec.revision not in self.revisions:
            raise InvalidSpec(f"{spec.revision} was not prepared")
        if not self.revisions[spec.revision].instances:
            self._set(spec, spec.instances)
        self._leave("start")
        return self._status(spec)

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        self._enter("status", spec.revision)
        return self._status(spec)

    async def scale(self, spec: RevisionSpec, instances: int) -> RevisionStatus:
        self._enter("scale", spec.revision)
        if spec.revision not in self.revisions:
            raise InvalidSpec(f"{spec.revision} was not prepared")
        self._set(spec, instances)
        self._leave("scale")
        return self._status(spec)

    async def stop(self, spec: RevisionSpec, *, reason: str) -> None:
        self._enter("stop", spec.revision)
        if spec.revision in self.revisions:
            self.revisions[spec.revision].instances = 0
        self._leave("stop")

    async def remove(self, spec: RevisionSpec) -> None:
        self._enter("remove", spec.revision)
        self.revisions.pop(spec.revision, None)
        self._leave("remove")

    async def adopt(self, known: tuple[RevisionSpec, ...]) -> Adoption:
        names = {spec.revision for spec in known}
        alive = self.running()
        return Adoption(tuple(sorted(alive & names)), tuple(sorted(alive - names)))

    async def logs(self, revision: str, *, tail: int = 200) -> tuple[LogLine, ...]:
        self._enter("logs", revision)
        found = self.revisions.get(revision)
        return tuple(found.log[-tail:]) if found is not None else ()

    async def follow(self, revision: str) -> AsyncIterator[LogLine]:
        for line in self.revisions[revision].log:
            yield line

    def _program(self, spec: RevisionSpec) -> Program:
        return self.programs.get(spec.digest, Program())

    def _set(self, spec: RevisionSpec, instances: int) -> None:
        each = self.revisions[spec.revision]
        if instances and not each.instances:
            each.started_at = self.clock.monotonic()
            each.log.append(LogLine(spec.revision, 0, self.clock.now().timestamp(), "out", "started"))
        while len(each.ports) < instances:
            each.ports = (*each.ports, self._next_port)
            self._next_port += 1
        each.instances = instances
        each.spec = replace(spec)

    def _status(self, spec: RevisionSpec) -> RevisionStatus:
        each = self.revisions.get(spec.revision)
        if each is None:
            return RevisionStatus(spec.revision, exists=False, digest=None)
        instances = tuple(
            Instance(
                number=number,
                endpoint=Endpoint("127.0.0.1", each.ports[number]) if spec.needs_port else None,
                pid=1000 + each.ports[number],
                started_at_s=each.started_at,
                restarts=each.restarts,
                readiness=self._readiness(each),
                exit_reason=each.exit_reason,
            )
            for number in range(each.instances)
        )
        return RevisionStatus(spec.revision, exists=True, digest=each.spec.digest, instances=instances)

    def _readiness(self, each: Running) -> Readiness:
        if each.readiness is not None:
            return each.readiness
        program = self._program(each.spec)
        if program.never_ready or self.clock.monotonic() < each.started_at + program.starts_after_s:
            return "starting"
        return "ready"

    def _enter(self, method: str, revision: str) -> None:
        self.calls.append((method, revision))
        waiting = self._before.get(method)
        if waiting:
            raise waiting.pop(0)

    def _leave(self, method: str) -> None:
        waiting = self._after.get(method)
        if waiting:
            raise waiting.pop(0)
