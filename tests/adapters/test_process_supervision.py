"""What outlives whom: the program, its supervisor and the server that started them."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessSettings, ProcessTarget, proc
from staycalm.adapters.process.layout import ShimState
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import Adoption, Instance
from tests.adapters.target_suite import Bench, answers, get, pids, until
from tests.adapters.test_process_target import FAST, marked_below, place_of, play

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")

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


def state_of(tmp_path: Path, number: int = 0) -> ShimState:
    state = place_of(tmp_path, number=number).read_state()
    assert state is not None
    return state


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


def test_a_crashed_program_is_started_again_on_its_port_and_counted(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        first = (await bench.ready()).instances[0]
        for restarts in (1, 2):
            with pytest.raises(aiohttp.ClientError):
                await get(first.endpoint, "/die")

            async def is_back(wanted: int = restarts) -> Instance | None:
                instance = (await bench.target.status(bench.spec)).instances[0]
                return instance if instance.restarts == wanted and instance.readiness == "ready" else None

            now = await until(is_back)
            assert now is not None
            assert now.endpoint == first.endpoint
            assert now.pid != first.pid
            assert now.exit_reason == "exit code 7"
        texts = [line.text for line in await bench.target.logs(bench.spec.revision)]
        assert "[staycalm] exit code 7; starting again in 0.05 s" in texts
        assert "[staycalm] exit code 7; starting again in 0.1 s" in texts

    play(tmp_path, story)


def test_a_program_that_always_exits_is_tried_ever_more_rarely(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        crashing = bench.behaving("crash")
        await bench.target.start(crashing)

        async def has_tried_often() -> bool:
            return (await bench.target.status(crashing)).instances[0].restarts >= 4

        await until(has_tried_often)
        notes = [
            line.text for line in await bench.target.logs(crashing.revision) if line.text.startswith("[staycalm]")
        ]
        assert notes[:4] == [
            f"[staycalm] exit code 3; starting again in {wait_s:g} s" for wait_s in (0.05, 0.1, 0.2, 0.2)
        ]

    play(tmp_path, story)


def test_the_wait_between_starts_ends_when_it_is_told_to_stop(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        crashing = bench.behaving("crash")
        await bench.target.start(crashing)

        async def is_waiting() -> bool:
            return state_of(tmp_path).phase == "waiting"

        await until(is_waiting)
        exited = (await bench.target.status(crashing)).instances[0]
        assert (exited.readiness, exited.pid, exited.exit_reason) == ("exited", None, "exit code 3")
        await bench.target.stop(crashing, reason="test")
        assert state_of(tmp_path).phase == "stopped"

    play(tmp_path, story, ProcessSettings(restart_first_s=600.0))


def test_children_of_a_crashed_program_end_before_it_starts_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        family = bench.behaving("family", stop_grace_s=0.2)
        endpoint = (await bench.ready(family)).instances[0].endpoint
        before = set(marked_below(tmp_path / "run"))
        with pytest.raises(aiohttp.ClientError):
            await get(endpoint, "/die")

        async def is_back() -> bool:
            now = (await bench.target.status(family)).instances[0]
            return now.restarts == 1 and now.readiness == "ready"

        await until(is_back)
        assert before & set(marked_below(tmp_path / "run")) == set()
        await bench.target.stop(family, reason="test")

    play(tmp_path, story)


def test_a_program_that_dies_and_finds_its_port_taken_runs_on_another_and_says_so(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        status = await bench.ready()
        endpoint, pid = status.instances[0].endpoint, status.instances[0].pid
        assert endpoint is not None
        assert pid is not None
        state = state_of(tmp_path)
        # Its supervisor held still, the program dies and somebody else listens on its port.
        os.kill(state.shim_pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)

        async def is_free() -> bool:
            return not await answers(endpoint)

        await until(is_free)
        with socket.create_server((endpoint.host, endpoint.port)):
            os.kill(state.shim_pid, signal.SIGCONT)

            async def is_elsewhere() -> bool:
                now = await bench.target.status(bench.spec)
                return now.is_ready and now.instances[0].endpoint != endpoint

            await until(is_elsewhere)
        told = " ".join(line.text for line in await bench.target.logs(bench.spec.revision))
        assert f"port {endpoint.port} is taken by another process" in told

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
