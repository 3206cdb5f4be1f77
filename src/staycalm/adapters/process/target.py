"""The deploy target that runs revisions as processes of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from staycalm.adapters.filestore.store import disk_errors
from staycalm.adapters.process import logs, proc, shims
from staycalm.adapters.process.health import is_well
from staycalm.adapters.process.layout import (
    MARK,
    InstancePlace,
    RevisionPlace,
    ShimState,
    list_places,
    place_of,
)
from staycalm.adapters.process.program import environment_of, filled, program_of
from staycalm.adapters.process.settings import ProcessSettings
from staycalm.adapters.process.unpacking import Measured, measure, running_file_digest, unpack_artifact
from staycalm.kit.clock import Clock
from staycalm.packing import remove_tree
from staycalm.ports.artifacts import ArtifactStore
from staycalm.ports.deploy import (
    Adoption,
    Instance,
    LogLine,
    Readiness,
    RevisionSpec,
    RevisionStatus,
)
from staycalm.ports.errors import DigestMismatch, InvalidSpec
from staycalm.ports.traffic import Endpoint

MOST_INSTANCES = 100
FOLLOW_EVERY_S = 0.2
CPU_SAMPLE_S = 1.0
# A placement may give its program an hour at most; its supervisor knows how long exactly.
LONGEST_GRACE_S = 3600.0
_Life = tuple[str, int, int, int | None]


class ProcessTarget:
    """Revisions as processes, one shim each (`shim.py`); all that is known lies in `directory`.

    This object holds nothing that a new one, after a restart of the server, does not find again.
    With `die_with_parent` the shims, and all they run, end with this process, even if it is killed.
    """

    def __init__(
        self,
        settings: ProcessSettings,
        store: ArtifactStore,
        clock: Clock,
        *,
        directory: Path,
        die_with_parent: bool = False,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._directory = directory.absolute()
        self._die_with = os.getpid() if die_with_parent else None
        self._locks: dict[str, asyncio.Lock] = {}
        self._measured: dict[str, tuple[float, Measured | None]] = {}
        self._was_ready: set[_Life] = set()
        self._cpu: dict[_Life, tuple[float, float, float]] = {}

    async def prepare(self, spec: RevisionSpec) -> None:
        """The artifact is unpacked where it will run, its digest verified. Raises DigestMismatch, InvalidSpec."""
        place = self._checked(spec)
        async with self._lock(spec.revision):
            await self._prepare(place, spec)

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        """`spec.instances` copies run or are starting; the same revision started twice is one revision."""
        return await self.scale(spec, spec.instances)

    async def scale(self, spec: RevisionSpec, instances: int) -> RevisionStatus:
        """Exactly `instances` copies (0-100) run; those with the highest numbers go first."""
        place = self._checked(spec)
        if not 0 <= instances <= MOST_INSTANCES:
            raise InvalidSpec(f"{spec.revision}: {instances} instances; a machine runs 0 to {MOST_INSTANCES}")
        async with self._lock(spec.revision):
            with disk_errors(place.directory):
                if instances:
                    await self._prepare(place, spec)
                surplus = [i for i in place.instances() if i.number >= instances]
                await asyncio.gather(*(shims.stop(i, spec.stop_grace_s, "scaled down") for i in surplus))
                wanted = [place.instance(number) for number in range(instances)]
                await asyncio.gather(*(self._ensure_runs(place, i, spec) for i in wanted if not i.is_supervised()))
        return await self.status(spec)

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        """Return the live state, having run the health check once against every instance.

        `digest` is that of the files on disk (see `unpacking.measure`), or of the program file that really
        runs where it is another one. CPU is a fraction of one processor over at least a second.
        """
        place = self._checked(spec)
        if not place.directory.is_dir():
            return RevisionStatus(spec.revision, exists=False, digest=None)
        with disk_errors(place.directory):
            found = await asyncio.gather(*(self._look(place, i, spec) for i in place.instances()))
            instances = tuple(i for i in found if i is not None)
            measured = await self._measure(place)
            digest = measured.digest if measured is not None else None
            for instance in instances:
                if instance.pid is not None:
                    digest = await asyncio.to_thread(running_file_digest, place, instance.pid) or digest
        return RevisionStatus(spec.revision, exists=True, digest=digest, instances=instances)

    async def stop(self, spec: RevisionSpec, *, reason: str) -> None:
        """No copy runs; each got SIGTERM, then SIGKILL after `stop_grace_s`. Files and logs are kept."""
        place = self._checked(spec)
        async with self._lock(spec.revision):
            with disk_errors(place.directory):
                await asyncio.gather(*(shims.stop(i, spec.stop_grace_s, reason) for i in place.instances()))

    async def stop_all(self, *, reason: str) -> tuple[str, ...]:
        """No copy of any revision runs here; returns the names of those of which one did. Files are kept.

        Every supervisor gives its program the grace it was told; then nothing of it is left.
        """
        names = sorted(await asyncio.to_thread(self._running))
        with disk_errors(self._directory):
            copies = [copy for name in names for copy in place_of(self._directory, name).instances()]
            await asyncio.gather(*(shims.stop(copy, LONGEST_GRACE_S, reason) for copy in copies))
        return tuple(names)

    async def remove(self, spec: RevisionSpec) -> None:
        """Nothing of the revision is left, logs included."""
        place = self._checked(spec)
        await self.stop(spec, reason="removed")
        async with self._lock(spec.revision):
            with disk_errors(place.directory):
                await asyncio.to_thread(remove_tree, place.directory)
        self._measured.pop(spec.revision, None)
        self._was_ready = {life for life in self._was_ready if life[0] != spec.revision}
        self._cpu = {life: sample for life, sample in self._cpu.items() if life[0] != spec.revision}

    async def adopt(self, known: tuple[RevisionSpec, ...]) -> Adoption:
        """Return which known revisions still run, and what runs here that nobody asked for; nothing is killed."""
        running = await asyncio.to_thread(self._running)
        names = {spec.revision for spec in known}
        return Adoption(
            revisions=tuple(sorted(running & names)),
            orphans=tuple(sorted(running - names)),
        )

    async def logs(self, revision: str, *, tail: int = 200) -> tuple[LogLine, ...]:
        """Return the last `tail` lines (1-10,000) over all instances, oldest first."""
        if not 1 <= tail <= 10_000:
            raise InvalidSpec(f"a tail of {tail} lines; ask for 1 to 10,000")
        place = place_of(self._directory, revision)
        with disk_errors(place.directory):
            return await asyncio.to_thread(logs.read_tail, place, tail)

    async def follow(self, revision: str) -> AsyncIterator[LogLine]:
        """Yield lines as they are written, from now on, until the consumer stops."""
        place = place_of(self._directory, revision)
        with disk_errors(place.directory):
            follower = await asyncio.to_thread(logs.Follower, place)
            try:
                while True:
                    for line in await asyncio.to_thread(follower.read):
                        yield line
                    await asyncio.sleep(FOLLOW_EVERY_S)
            finally:
                follower.close()

    # -- inside --------------------------------------------------------------------------------------

    def _lock(self, revision: str) -> asyncio.Lock:
        return self._locks.setdefault(revision, asyncio.Lock())

    def _checked(self, spec: RevisionSpec) -> RevisionPlace:
        if spec.health.kind in ("http", "tcp") and not spec.needs_port:
            raise InvalidSpec(f"{spec.revision}: a health check by {spec.health.kind} needs a port; use a command")
        if spec.health.kind == "http" and not (spec.health.path or "").startswith("/"):
            raise InvalidSpec(f"{spec.revision}: the health check's path must begin with a slash")
        if any("\0" in text or "=" in name for name, text in spec.environment.items()):
            raise InvalidSpec(f"{spec.revision}: an environment variable has = in its name or a zero byte")
        return place_of(self._directory, spec.revision)

    async def _prepare(self, place: RevisionPlace, spec: RevisionSpec) -> None:
        with disk_errors(place.directory):
            measured = await self._measure(place, is_fresh=True)
            if measured is not None and measured.digest == spec.digest:
                return
            if measured is not None and any(i.is_supervised() for i in place.instances()):
                raise DigestMismatch(
                    f"{spec.revision} runs from files that were changed: "
                    f"{measured.digest} instead of {spec.digest}; stop it and start it again"
                )
            stored = await self._store.find(spec.digest)
            if stored is None:
                raise InvalidSpec(f"{spec.revision}: the artifact store has no {spec.digest}")
            await asyncio.to_thread(unpack_artifact, place, spec.digest, Path(stored.path))
            await self._measure(place, is_fresh=True)

    async def _measure(self, place: RevisionPlace, *, is_fresh: bool = False) -> Measured | None:
        now_s = self._clock.monotonic()
        looked_at_s, before = self._measured.get(place.revision, (-float("inf"), None))
        if is_fresh or now_s - looked_at_s >= self._settings.digest_recheck_s:
            before = await asyncio.to_thread(measure, place, before)
            self._measured[place.revision] = (now_s, before)
        return before

    async def _ensure_runs(self, place: RevisionPlace, instance: InstancePlace, spec: RevisionSpec) -> None:
        program = program_of(place, instance, spec, self._settings)
        await shims.clear(instance)
        await asyncio.to_thread(shims.launch, instance, program, self._settings, die_with=self._die_with)

    async def _look(self, place: RevisionPlace, instance: InstancePlace, spec: RevisionSpec) -> Instance | None:
        """Return the instance as it is now, or None when it is stopped and nobody misses it."""
        state = instance.read_state()
        if state is None or state.phase == "stopped":
            return None
        endpoint = Endpoint(self._settings.address, state.port) if state.port else None
        is_supervised = instance.is_supervised()
        is_up = is_supervised and state.pid is not None and proc.is_alive(state.pid, state.ticks)
        life = (spec.revision, instance.number, state.pid or 0, state.ticks)
        readiness: Readiness = "exited"
        reason = state.reason
        if is_up and state.phase == "stopping":
            readiness, reason = "unhealthy", "stopping"
        elif is_up:
            readiness = await self._readiness(place, instance, spec, state, endpoint, life)
        elif not is_supervised and state.phase != "failed":
            reason = "its supervisor is gone"
        used = proc.usage(state.pid) if is_up and state.pid is not None else None
        return Instance(
            number=instance.number,
            endpoint=endpoint,
            pid=state.pid if is_up else None,
            started_at_s=state.started_at_s,
            restarts=state.restarts,
            readiness=readiness,
            cpu_fraction=self._cpu_fraction(life, used, state) if used is not None else None,
            memory_bytes=used.memory_bytes if used is not None else None,
            exit_reason=reason,
        )

    async def _readiness(
        self,
        place: RevisionPlace,
        instance: InstancePlace,
        spec: RevisionSpec,
        state: ShimState,
        endpoint: Endpoint | None,
        life: _Life,
    ) -> Readiness:
        port = str(state.port or "")
        ok = await is_well(
            spec.health,
            endpoint,
            command=tuple(filled(part, place, spec).replace("{port}", port) for part in spec.health.command),
            environment=environment_of(place, instance, spec, self._settings, port=port),
            directory=place.root,
        )
        if ok:
            self._was_ready.add(life)
            return "ready"
        age_s = self._clock.now().timestamp() - (state.started_at_s or 0.0)
        if life not in self._was_ready and age_s < spec.health.start_deadline_s:
            return "starting"
        return "unhealthy"

    def _cpu_fraction(self, life: _Life, used: proc.Usage, state: ShimState) -> float:
        now_s = self._clock.monotonic()
        last = self._cpu.get(life)
        if last is None:
            age_s = self._clock.now().timestamp() - (state.started_at_s or 0.0)
            fraction = used.cpu_s / max(age_s, CPU_SAMPLE_S)
        elif now_s - last[0] < CPU_SAMPLE_S:
            return last[2]
        else:
            fraction = max(0.0, used.cpu_s - last[1]) / (now_s - last[0])
        self._cpu[life] = (now_s, used.cpu_s, fraction)
        return fraction

    def _running(self) -> set[str]:
        """Return the names of revisions of which something runs, under a shim or without one. Blocking."""
        found = {p.revision for p in list_places(self._directory) if any(i.is_supervised() for i in p.instances())}
        for mark in proc.list_marks(MARK).values():
            path = Path(mark)
            if path.is_relative_to(self._directory):
                found.add(path.relative_to(self._directory).parts[0])
        return found
