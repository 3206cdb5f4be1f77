"""What outlives whom: the program, its supervisor and the server that started them."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessTarget, proc
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import Adoption
from tests.adapters.process_bench import FAST, LINUX, marked_below, place_of, play, state_of
from tests.adapters.target_suite import Bench, answers, get, pids, until

pytestmark = LINUX

# Another server process: starts the revision, ends its event loop, says so, and waits to be killed.
CONTROLLER = """
import asyncio, json, signal, sys
from pathlib import Path
from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessSettings, ProcessTarget
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import HealthCheck, RevisionSpec

told = json.loads(sys.argv[1])
base = Path(told["base"])
target = ProcessTarget(
    ProcessSettings(), FileStore(base / "store"), SystemClock(),
    directory=base / "run", die_with_parent=told["die"],
)
spec = RevisionSpec(
    told["revision"], Placement("shop", "production"), told["digest"], "", tuple(told["command"]), instances=2,
    stop_grace_s=0.2, environment={"BEHAVIOUR": told["behaviour"]},
)
asyncio.run(target.start(spec))
print("started", flush=True)
signal.pause()
"""


def start_controller(tmp_path: Path, bench: Bench, *, die: bool, behaviour: str = "") -> subprocess.Popen[bytes]:
    told = {
        "base": str(tmp_path),
        "die": die,
        "revision": bench.spec.revision,
        "digest": bench.spec.digest,
        "command": bench.spec.command,
        "behaviour": behaviour,
    }
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, json.dumps(told)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert controller.stdout is not None
    assert controller.stdout.readline() == b"started\n"
    return controller


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_revisions_survive_the_servers_death_and_are_adopted_by_the_next(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        controller = await asyncio.to_thread(start_controller, tmp_path, bench, die=False)
        spec = replace(bench.spec, instances=2)
        before = await bench.ready(spec)
        await asyncio.to_thread(kill, controller)
        assert await bench.target.adopt((spec,)) == Adoption((spec.revision,), ())
        assert await bench.target.adopt(()) == Adoption((), (spec.revision,))
        after = await bench.ready(spec)
        assert pids(after) == pids(before)
        assert len(after.instances) == 2
        assert [i.restarts for i in after.instances] == [0, 0]
        for instance in after.instances:
            assert await answers(instance.endpoint)

    play(tmp_path, story)


def test_a_supervisor_that_could_not_write_its_state_writes_it_later(tmp_path: Path) -> None:
    """A full disk at the start: the program runs, and is found, and can be stopped, once there is space."""

    async def story(bench: Bench) -> None:
        in_the_way = place_of(tmp_path).directory / "state.json.new"
        in_the_way.mkdir(parents=True)
        assert (await bench.target.start(bench.spec)).instances == ()
        in_the_way.rmdir()
        (instance,) = (await bench.ready()).instances
        assert await answers(instance.endpoint)
        await bench.target.stop(bench.spec, reason="the test is over")
        assert marked_below(tmp_path) == {}

    play(tmp_path, story)


def test_a_demo_leaves_nothing_behind_when_its_server_is_killed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        controller = await asyncio.to_thread(start_controller, tmp_path, bench, die=True, behaviour="family")
        status = await bench.ready(bench.behaving("family", instances=2))
        assert [await answers(i.endpoint) for i in status.instances] == [True, True]
        shims = [state_of(tmp_path, number) for number in (0, 1)]
        await asyncio.to_thread(kill, controller)

        async def is_empty() -> bool:
            left = [s for s in shims if proc.is_alive(s.shim_pid, s.shim_ticks)]
            return not left and marked_below(tmp_path / "run") == {}

        await until(is_empty)

    play(tmp_path, story)


def test_the_servers_own_secrets_are_not_in_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready()
        environment = (proc.PROC / str(state_of(tmp_path).shim_pid) / "environ").read_bytes()
        assert b"hunter2" not in environment

    monkeypatch.setenv("SC_SMTP_PASSWORD", "hunter2")
    play(tmp_path, story)


def test_a_program_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        family = bench.behaving("family", stop_grace_s=0.2)
        status = await bench.ready(family)
        state = state_of(tmp_path)
        os.kill(state.shim_pid, signal.SIGKILL)

        async def is_seen() -> bool:
            now = (await bench.target.status(family)).instances[0]
            return (now.readiness, now.exit_reason) == ("exited", "its supervisor is gone")

        await until(is_seen)
        assert not await answers(status.instances[0].endpoint)
        assert (await bench.target.adopt(())).orphans == (family.revision,)
        again = await bench.ready(family)
        assert pids(again) != pids(status)
        assert len(marked_below(tmp_path / "run")) == 3
        await bench.target.stop(family, reason="test")

    play(tmp_path, story)


def test_a_revision_whose_supervisor_was_killed_can_be_stopped(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        family = bench.behaving("family", stop_grace_s=0.2)
        await bench.ready(family)
        os.kill(state_of(tmp_path).shim_pid, signal.SIGKILL)
        await bench.target.stop(family, reason="the test ends it")
        assert marked_below(tmp_path / "run") == {}
        assert (await bench.target.status(family)).instances == ()
        assert state_of(tmp_path).reason == "the test ends it"

    play(tmp_path, story)


def test_state_of_another_boot_is_not_believed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready()
        path = place_of(tmp_path).directory / "state.json"
        true_state = path.read_text()
        path.write_text(json.dumps({**json.loads(true_state), "boot": "yesterday"}))
        assert not place_of(tmp_path).is_supervised()
        path.write_text(true_state)
        assert place_of(tmp_path).is_supervised()
        path.write_text('{"half":')
        assert place_of(tmp_path).read_state() is None
        path.write_text(true_state)

    play(tmp_path, story)


def test_a_full_disk_loses_log_lines_and_not_the_program(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.target.prepare(bench.spec)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # The supervisor inherits it: to it, a disk that is full after 20,000 bytes of a file.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            await bench.target.start(bench.spec)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        status = await bench.ready()
        await get(status.instances[0].endpoint, "/print/2000")
        assert await answers(status.instances[0].endpoint)

        async def some_lines() -> int:
            count = len(await bench.target.logs(bench.spec.revision, tail=10_000))
            return count if count > 10 else 0

        assert await until(some_lines) < 2000
        assert (place_of(tmp_path).directory / "log.jsonl").stat().st_size <= 20_000
        assert pids(await bench.target.status(bench.spec)) == pids(status)

    play(tmp_path, story)


def test_two_servers_that_start_one_revision_start_it_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        targets = [
            ProcessTarget(FAST, FileStore(tmp_path / "store"), SystemClock(), directory=tmp_path / "run")
            for _ in range(3)
        ]
        await bench.target.prepare(bench.spec)
        await asyncio.gather(*(target.start(bench.spec) for target in targets))
        await bench.ready()
        assert len(marked_below(tmp_path / "run")) == 1

    play(tmp_path, story)
