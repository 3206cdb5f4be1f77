"""The deploy target that leaves the work to commands of the server's settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from staycalm.adapters.exec.answers import ToldInstance, read_endpoints, read_status
from staycalm.adapters.exec.commands import Commands, NamesOf
from staycalm.adapters.exec.memory import Memory
from staycalm.adapters.exec.settings import ExecSettings
from staycalm.adapters.process.health import is_well
from staycalm.adapters.process.layout import place_of
from staycalm.core.placement import Placement
from staycalm.kit.clock import Clock
from staycalm.ports.deploy import Adoption, Instance, LogLine, Readiness, RevisionSpec, RevisionStatus
from staycalm.ports.errors import InvalidSpec, Unsupported
from staycalm.ports.traffic import Endpoint


class ExecTarget:
    """Revisions that commands start and stop. README.md tells the contract of each command.

    Remembered per revision: its placement and the endpoints that its start command printed.
    """

    def __init__(self, settings: ExecSettings, names_of: NamesOf, clock: Clock, *, directory: Path) -> None:
        self._commands = Commands(settings, names_of)
        self._clock = clock
        self._directory = directory / "revisions"
        self._memory = Memory(self._directory)
        self._locks: dict[str, asyncio.Lock] = {}

    async def prepare(self, spec: RevisionSpec) -> None:
        """The `prepare` command, if there is one, was given digest and reference. Raises InvalidSpec, Rejected."""
        self._check(spec)
        if await self._commands.find(spec.placement, "prepare") is not None:
            await self._run("prepare", spec)

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        """The `start` command ended well; its endpoints are remembered. Repeated as often as asked."""
        self._check(spec)
        async with self._lock(spec.revision):
            endpoints = read_endpoints(await self._run("start", spec))
            await self._remember(spec, endpoints)
        return await self.status(spec)

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        """Return what the `status` command tells, having run the health check against every endpoint.

        Without such a command a revision exists from its start to its stop, and its digest is unknown.
        """
        self._check(spec)
        remembered = await asyncio.to_thread(self._memory.read, spec.revision)
        endpoints = [Endpoint(host, port) for host, port in (remembered or {}).get("endpoints", [])]
        known = tuple(ToldInstance(endpoint, "ready") for endpoint in endpoints)
        if await self._commands.find(spec.placement, "status") is None:
            exists, digest, told = remembered is not None, None, known
        else:
            status = read_status(await self._run("status", spec))
            exists, digest = status.exists, status.digest
            told = (status.instances if status.instances is not None else known) if exists else ()
        started_at_s = (remembered or {}).get("started_at")
        instances = await asyncio.gather(*(self._look(n, t, spec, started_at_s) for n, t in enumerate(told)))
        return RevisionStatus(spec.revision, exists=exists, digest=digest, instances=tuple(instances))

    async def scale(self, spec: RevisionSpec, instances: int) -> RevisionStatus:
        """The `scale` command set the number; without one only 0 and the specified number are possible."""
        self._check(spec)
        if instances < 0:
            raise InvalidSpec(f"{spec.revision}: {instances} instances")
        if await self._commands.find(spec.placement, "scale") is not None:
            async with self._lock(spec.revision):
                printed = await self._run("scale", spec, SC_INSTANCES=str(instances))
                await self._remember(spec, read_endpoints(printed))
            return await self.status(spec)
        if instances == spec.instances:
            return await self.start(spec)
        if instances == 0:
            await self.stop(spec, reason="scaled to nothing")
            return await self.status(spec)
        raise Unsupported(f"{spec.placement} has no command for 'scale', only start and stop")

    async def stop(self, spec: RevisionSpec, *, reason: str) -> None:
        """The `stop` command ended well: it waits until nothing of the revision runs."""
        self._check(spec)
        async with self._lock(spec.revision):
            await self._run("stop", spec, SC_REASON=reason)
            if await asyncio.to_thread(self._memory.read, spec.revision) is not None:
                await self._remember(spec, ())

    async def remove(self, spec: RevisionSpec) -> None:
        """It is stopped, the `remove` command, if there is one, ended well, and nothing is remembered."""
        await self.stop(spec, reason="removed")
        async with self._lock(spec.revision):
            if await self._commands.find(spec.placement, "remove") is not None:
                await self._run("remove", spec)
            await asyncio.to_thread(self._memory.forget, spec.revision)

    async def adopt(self, known: tuple[RevisionSpec, ...]) -> Adoption:
        """Return what the `list` commands tell; without one, known revisions by their status and no orphans."""
        names = {spec.revision for spec in known}
        listed: set[str] = set()
        unlisted: list[RevisionSpec] = []
        asked: set[str] = {"list"} if self._commands.has("list") else set()
        for spec in known:
            name = await self._commands.find(spec.placement, "list")
            asked |= {name} if name is not None else set()
            unlisted += [spec] if name is None else []
        for name in sorted(asked):
            listed |= set((await self._commands.run_named(name, {"SC_ROLE": "list"})).split())
        for spec in unlisted:
            listed |= {spec.revision} if (await self.status(spec)).instances else set()
        return Adoption(tuple(sorted(listed & names)), tuple(sorted(listed - names)))

    async def logs(self, revision: str, *, tail: int = 200) -> tuple[LogLine, ...]:
        """Return the last lines that the `logs` command prints, all as of now; none without such a command."""
        if not 1 <= tail <= 10_000:
            raise InvalidSpec(f"a tail of {tail} lines; ask for 1 to 10,000")
        place_of(self._directory, revision)
        remembered = await asyncio.to_thread(self._memory.read, revision)
        if remembered is None:
            return ()
        placement = Placement.parse(remembered["placement"])
        if await self._commands.find(placement, "logs") is None:
            return ()
        printed = await self._commands.run(placement, "logs", {"SC_REVISION": revision, "SC_TAIL": str(tail)})
        at_s = self._clock.now().timestamp()
        return tuple(LogLine(revision, 0, at_s, "out", line) for line in printed.splitlines()[-tail:])

    def follow(self, revision: str) -> AsyncIterator[LogLine]:
        """Raises Unsupported: a command cannot be followed."""
        raise Unsupported(f"{revision} was started by a command and cannot be followed; ask for its last lines")

    # -- inside --------------------------------------------------------------------------------------

    def _lock(self, revision: str) -> asyncio.Lock:
        return self._locks.setdefault(revision, asyncio.Lock())

    def _check(self, spec: RevisionSpec) -> None:
        place_of(self._directory, spec.revision)
        if spec.health.kind == "command":
            raise InvalidSpec(
                f"{spec.revision}: commands of the catalog are not run here; "
                "let the status command tell the health, or check by http or tcp"
            )

    async def _remember(self, spec: RevisionSpec, endpoints: tuple[Endpoint, ...]) -> None:
        before = await asyncio.to_thread(self._memory.read, spec.revision)
        is_same = before is not None and before["endpoints"] == [[e.host, e.port] for e in endpoints]
        now_s = self._clock.now().timestamp()
        await asyncio.to_thread(
            self._memory.write,
            spec.revision,
            {
                "placement": str(spec.placement),
                "endpoints": [[e.host, e.port] for e in endpoints],
                "started_at": before["started_at"] if before is not None and is_same else now_s,
            },
        )

    async def _run(self, role: str, spec: RevisionSpec, **more: str) -> str:
        variables = {
            "SC_REVISION": spec.revision,
            "SC_DIGEST": spec.digest,
            "SC_REFERENCE": spec.reference,
            "SC_INSTANCES": str(spec.instances),
            "SC_GRACE_S": f"{spec.stop_grace_s:g}",
            **{f"SC_ENV_{name}": value for name, value in spec.environment.items()},
            **more,
        }
        return await self._commands.run(spec.placement, role, variables)

    async def _look(self, number: int, told: ToldInstance, spec: RevisionSpec, since_s: float | None) -> Instance:
        readiness: Readiness = told.readiness
        started_at_s = told.started_at_s if told.started_at_s is not None else since_s
        has_check = told.endpoint is not None and spec.health.kind in ("http", "tcp")
        if readiness == "ready" and has_check and not await is_well(spec.health, told.endpoint):
            age_s = self._clock.now().timestamp() - (started_at_s or 0.0)
            readiness = "starting" if age_s < spec.health.start_deadline_s else "unhealthy"
        return Instance(
            number=number,
            endpoint=told.endpoint,
            pid=told.pid,
            started_at_s=started_at_s,
            restarts=told.restarts,
            readiness=readiness,
            cpu_fraction=told.cpu_fraction,
            memory_bytes=told.memory_bytes,
            exit_reason=told.exit_reason,
        )
