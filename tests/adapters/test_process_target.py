"""Revisions as processes: what they are given, what they may not do, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessSettings, ProcessTarget, proc
from staycalm.adapters.process.layout import MARK, InstancePlace
from staycalm.adapters.process.waiting import wait_ready
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import HealthCheck, LogLine, RevisionSpec
from staycalm.ports.errors import DigestMismatch, InvalidSpec, PortError
from tests.adapters.target_suite import (
    PYTHON,
    QUICK,
    SHOP,
    Bench,
    TargetSuite,
    answers,
    get,
    get_json,
    pids,
    until,
    write_server,
)
from tests.adapters.trees import HOSTILE, tar_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
FAST = ProcessSettings(restart_first_s=0.05, restart_max_s=0.2, restart_reset_s=600.0, digest_recheck_s=0.0)


def marked_below(directory: Path) -> dict[int, str]:
    return {p: mark for p, mark in proc.list_marks(MARK).items() if mark.startswith(f"{directory}/")}


def place_of(tmp_path: Path, revision: str = "shop-production-7", number: int = 0) -> InstancePlace:
    return InstancePlace(revision, number, tmp_path / "run" / revision / "instances" / str(number))


@asynccontextmanager
async def open_bench(tmp_path: Path, settings: ProcessSettings = FAST) -> AsyncIterator[Bench]:
    store = FileStore(tmp_path / "store")
    stored = await store.put(str(write_server(tmp_path / "tree")))
    spec = RevisionSpec(
        revision="shop-production-7",
        placement=SHOP,
        digest=stored.digest,
        reference=stored.path,
        command=(*PYTHON, "{root}/server.py"),
        health=QUICK,
        stop_grace_s=20.0,
    )
    target = ProcessTarget(settings, store, SystemClock(), directory=tmp_path / "run")
    try:
        yield Bench(target, spec)
        await target.stop(spec, reason="the test is over")
    finally:
        left = marked_below(tmp_path / "run")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for state in (tmp_path / "run").glob("*/instances/*/state.json"):
            shim = json.loads(state.read_text())
            proc.send_signal(shim["shim_pid"], shim["shim_ticks"], signal.SIGKILL)
    assert left == {}, "processes were left behind"


def spoil(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"goodbye", b"bad bye"))


Story = Callable[[Bench], Awaitable[None]]


def play(tmp_path: Path, story: Story, settings: ProcessSettings = FAST) -> None:
    async def inside() -> None:
        async with open_bench(tmp_path, settings) as bench:
            await story(bench)

    asyncio.run(inside())


class TestProcessTarget(TargetSuite):
    def bench(self, tmp_path: Path) -> object:  # type: ignore[override]
        return open_bench(tmp_path)


# -- what it is given ----------------------------------------------------------------------------------


def test_a_revision_gets_its_own_environment_and_nothing_of_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        spec = replace(bench.spec, environment={"COLOUR": "blue", "PORT": "1", "URL": "http://me:{port}/"})
        status = await bench.ready(spec)
        endpoint = status.instances[0].endpoint
        assert endpoint is not None
        seen = await get_json(endpoint, "/env")
        assert "SC_SMTP_PASSWORD" not in seen
        assert seen["COLOUR"] == "blue"
        assert seen["PORT"] == str(endpoint.port)
        assert seen["URL"] == f"http://me:{endpoint.port}/"
        assert seen["SC_DIGEST"] == spec.digest
        assert seen["SC_REVISION"] == spec.revision
        assert (seen["SC_SERVICE"], seen["SC_ENVIRONMENT"]) == ("shop", "production")
        assert os.access(seen["SC_ROOT"] + "/server.py", os.R_OK)
        assert os.access(seen["SC_WORK"], os.W_OK)

    monkeypatch.setenv("SC_SMTP_PASSWORD", "hunter2")
    play(tmp_path, story)


def test_secrets_of_a_revision_are_never_written_to_disk(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready(replace(bench.spec, environment={"TOKEN": "correct-horse"}))
        written = [p for p in (tmp_path / "run").rglob("*") if p.is_file()]
        assert written
        assert not [p for p in written if b"correct-horse" in p.read_bytes()]

    play(tmp_path, story)


def test_a_single_file_is_made_executable_and_runs_by_itself(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        program = tmp_path / "program"
        program.write_text(f"#!{sys.executable} -IS\n" + (tmp_path / "tree" / "server.py").read_text())
        stored = await FileStore(tmp_path / "store").put(str(program))
        status = await bench.ready(replace(bench.spec, digest=stored.digest, command=()))
        assert status.digest == stored.digest
        assert await answers(status.instances[0].endpoint)

    play(tmp_path, story)


def test_a_worker_needs_no_port_and_is_asked_by_a_command(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        code = "import os, time; open(os.environ['SC_WORK'] + '/up', 'w'); time.sleep(600)"
        check = ("sh", "-c", 'test -e "$SC_WORK/up"')
        worker = replace(
            bench.spec,
            command=(*PYTHON, "-c", code),
            needs_port=False,
            health=HealthCheck("command", path=None, command=check, interval_s=0.02, timeout_s=10.0),
        )
        status = await bench.ready(worker)
        assert status.instances[0].endpoint is None
        (place_of(tmp_path).work / "up").unlink()
        assert (await bench.target.status(worker)).instances[0].readiness == "unhealthy"

    play(tmp_path, story)


def test_a_health_command_that_hangs_ends_at_its_time_out(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        check = HealthCheck("command", path=None, command=("sh", "-c", "sleep 600 & sleep 600"), timeout_s=0.2)
        status = await bench.target.start(replace(bench.spec, health=check))
        assert status.instances[0].readiness == "starting"
        running = status.instances[0].pid

        async def is_alone() -> bool:
            return {p for p in marked_below(tmp_path / "run") if p != running} == set()

        await until(is_alone)

    play(tmp_path, story)


@pytest.mark.parametrize("kind", ["tcp", "none"])
def test_other_health_checks_are_passed_by_a_running_program(tmp_path: Path, kind: Literal["tcp", "none"]) -> None:
    async def story(bench: Bench) -> None:
        spec = bench.behaving("sick", health=replace(QUICK, kind=kind, path=None))
        assert (await bench.ready(spec)).is_ready

    play(tmp_path, story)


def test_it_tells_what_a_revision_uses(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        status = await bench.ready()
        await get(status.instances[0].endpoint, "/burn")
        fresh = ProcessTarget(FAST, FileStore(tmp_path), SystemClock(), directory=tmp_path / "run")
        used = (await fresh.status(bench.spec)).instances[0]
        assert used.cpu_fraction is not None
        assert used.cpu_fraction > 0
        assert used.memory_bytes is not None
        assert 1_000_000 < used.memory_bytes < 200_000_000

    play(tmp_path, story)


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ("/no/such/program",)}, "/no/such/program cannot be run: No such file"),
        ({"command": ("{root}/server.py",)}, "cannot be run: Permission denied"),
        ({"command": ()}, "there is no command"),
        ({"digest": "sha256:" + "0" * 64}, "has no sha256:000"),
        ({"digest": "v1.2"}, "is no digest"),
        ({"instances": 101}, "0 to 100"),
        ({"instances": -1}, "0 to 100"),
        ({"needs_port": False}, "needs a port"),
        ({"health": replace(QUICK, path="health")}, "begin with a slash"),
        ({"environment": {"A=B": "x"}}, "environment variable"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(InvalidSpec, match=words):
            await bench.target.start(replace(bench.spec, **changes))  # type: ignore[arg-type]
        assert marked_below(tmp_path / "run") == {}

    play(tmp_path, story)


def test_stored_bytes_that_changed_are_never_started(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        spoil(Path(bench.spec.reference))
        with pytest.raises(DigestMismatch, match="nothing was started"):
            await bench.target.start(bench.spec)
        assert marked_below(tmp_path / "run") == {}
        assert list((tmp_path / "run").glob("*/*")) == []

    play(tmp_path, story)


def test_a_tar_that_would_write_outside_is_never_unpacked(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (tmp_path / "evil.tar").write_bytes(tar_of(*HOSTILE["a path upwards"]).getvalue())
        stored = await FileStore(tmp_path / "store").put(str(tmp_path / "evil.tar"))
        with pytest.raises(InvalidSpec, match="outside its tree"):
            await bench.target.prepare(replace(bench.spec, digest=stored.digest))
        assert list((tmp_path / "run").rglob("evil")) == []

    play(tmp_path, story)


def test_files_that_change_under_a_running_revision_are_seen_and_mended(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready()
        root = tmp_path / "run" / bench.spec.revision / "root"
        root.chmod(0o755)
        (root / "planted.py").write_text("x")
        seen = (await bench.target.status(bench.spec)).digest
        assert seen is not None
        assert seen != bench.spec.digest
        with pytest.raises(DigestMismatch, match="files that were changed"):
            await bench.target.start(bench.spec)
        await bench.target.stop(bench.spec, reason="test")
        assert (await bench.ready()).digest == bench.spec.digest
        assert not (root / "planted.py").exists()

    play(tmp_path, story)


def test_a_tar_made_by_others_is_proven_by_its_tree(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        with tarfile.open(tmp_path / "other.tar", "w") as tar:
            tar.add(tmp_path / "tree", arcname=".")
        stored = await FileStore(tmp_path / "store").put(str(tmp_path / "other.tar"))
        assert stored.digest != bench.spec.digest
        assert (await bench.ready(replace(bench.spec, digest=stored.digest))).digest == stored.digest

    play(tmp_path, story)


def test_the_digest_is_that_of_the_program_that_runs_not_of_the_file_put_in_its_place(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        stored = await FileStore(tmp_path / "store").put("/bin/sleep")
        sleeper = replace(
            bench.spec,
            digest=stored.digest,
            command=("{root}/artifact", "600"),
            needs_port=False,
            health=HealthCheck("none", path=None),
        )
        assert (await bench.ready(sleeper)).digest == stored.digest
        root = tmp_path / "run" / sleeper.revision / "root"
        root.chmod(0o755)
        (root / "artifact").unlink()
        (root / "artifact").write_bytes(b"something else")
        assert (await bench.target.status(sleeper)).digest == stored.digest

    play(tmp_path, story)


# -- how it ends ---------------------------------------------------------------------------------------


def test_a_polite_program_gets_time_to_finish(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        polite = bench.behaving("polite")
        await bench.ready(polite)
        await bench.target.stop(polite, reason="test")
        assert [line.text for line in await bench.target.logs(polite.revision, tail=1)] == ["goodbye"]
        state = place_of(tmp_path).read_state()
        assert state is not None
        assert (state.phase, state.reason) == ("stopped", "exit code 0")

    play(tmp_path, story)


def test_a_deaf_program_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        deaf = bench.behaving("deaf", stop_grace_s=0.2)
        await bench.ready(deaf)
        await bench.target.stop(deaf, reason="test")
        state = place_of(tmp_path).read_state()
        assert state is not None
        assert (state.phase, state.reason) == ("stopped", "killed by SIGKILL")

    play(tmp_path, story)


def test_children_end_with_the_program_even_those_that_left_its_session(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        family = bench.behaving("family", stop_grace_s=0.2)
        await bench.ready(family)
        assert len(marked_below(tmp_path / "run")) == 3
        await bench.target.stop(family, reason="test")
        assert marked_below(tmp_path / "run") == {}

    play(tmp_path, story)


def test_a_stopped_instance_gets_its_port_again_unless_somebody_took_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        first = (await bench.ready()).instances[0].endpoint
        await bench.target.stop(bench.spec, reason="test")
        assert (await bench.ready()).instances[0].endpoint == first
        await bench.target.stop(bench.spec, reason="test")
        assert first is not None
        with socket.create_server((first.host, first.port)):
            second = (await bench.ready()).instances[0].endpoint
            assert second is not None
            assert second != first
            assert await answers(second)

    play(tmp_path, story)


def test_a_start_that_fails_because_the_port_was_taken_meanwhile_is_made_on_another(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"

    async def story(bench: Bench) -> None:
        spec = replace(bench.spec, command=(*PYTHON, "-c", wait + "exec(open('server.py').read())"))
        first = (await bench.target.start(spec)).instances[0].endpoint
        assert first is not None
        with socket.socket() as other:
            other.bind((first.host, first.port))
            gate.touch()
            (instance,) = (await wait_ready(bench.target, spec, SystemClock())).instances
        assert instance.endpoint not in (None, first)
        told = " ".join(line.text for line in await bench.target.logs(spec.revision))
        assert f"port {first.port} is taken by another process" in told

    play(tmp_path, story)


def test_a_port_is_none_that_an_outgoing_connection_may_be_given(tmp_path: Path) -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first_outgoing < 25_000:
        pytest.skip("this machine gives nearly every port to outgoing connections")

    async def story(bench: Bench) -> None:
        (instance,) = (await bench.ready()).instances
        assert instance.endpoint is not None
        assert instance.endpoint.port < first_outgoing

    play(tmp_path, story)


def test_logs_are_told_by_stream_and_in_order(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready()

        async def two_lines() -> tuple[LogLine, ...]:
            lines = await bench.target.logs(bench.spec.revision)
            return lines if len(lines) == 2 else ()

        lines = await until(two_lines)
        assert {(line.stream, line.text) for line in lines} == {
            ("out", f"starting {bench.spec.revision}"),
            ("err", "a complaint"),
        }
        assert [line.at_s for line in lines] == sorted(line.at_s for line in lines)
        for tail in (0, 10_001):
            with pytest.raises(InvalidSpec, match="1 to 10,000"):
                await bench.target.logs(bench.spec.revision, tail=tail)

    play(tmp_path, story)


def test_logs_stay_within_their_bound_and_can_be_followed_across_rotation(tmp_path: Path) -> None:
    settings = replace(FAST, log_max_bytes=20_000, log_files=8)

    async def story(bench: Bench) -> None:
        status = await bench.ready()
        seen: list[str] = []

        async def follow() -> None:
            async for line in bench.target.follow(bench.spec.revision):
                seen.append(line.text)
                if line.text.startswith("line 999 "):
                    return

        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        for _ in range(20):
            await get(status.instances[0].endpoint, "/print/50")

        async def is_written() -> bool:
            tail = await bench.target.logs(bench.spec.revision, tail=1)
            return bool(tail) and tail[-1].text.startswith("line 49 ")

        await until(is_written)
        await get(status.instances[0].endpoint, "/print/1000")
        await asyncio.wait_for(following, 120)
        assert [text.split()[1] for text in seen[-1000:]] == [str(n) for n in range(1000)]
        files = list(place_of(tmp_path).directory.glob("log*.jsonl"))
        assert 1 < len(files) <= 8
        # A file is rotated before the write that would exceed it; one write is at most one pipe read.
        assert sum(f.stat().st_size for f in files) < 8 * (20_000 + 150_000)
        assert [line.text for line in await bench.target.logs(bench.spec.revision, tail=3)] == [
            f"line {n} {'.' * 40}" for n in (997, 998, 999)
        ]

    play(tmp_path, story, settings)


def test_a_target_that_cannot_write_says_so_as_a_port_error(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (tmp_path / "file").write_text("")
        target = ProcessTarget(
            FAST, FileStore(tmp_path / "store"), SystemClock(), directory=tmp_path / "file" / "x"
        )
        with pytest.raises(PortError, match="cannot use"):
            await target.start(bench.spec)

    play(tmp_path, story)


def test_a_zombie_and_a_used_again_pid_are_not_alive() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    ticks = proc.start_ticks(pid)
    assert ticks is not None
    assert not proc.is_alive(pid, ticks)
    os.waitpid(pid, 0)
    own = proc.start_ticks(os.getpid())
    assert own is not None
    assert proc.is_alive(os.getpid(), own)
    assert not proc.is_alive(os.getpid(), own + 1)
    assert not proc.send_signal(os.getpid(), own + 1, signal.SIGKILL)


def test_pids_are_told_apart(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        status = await bench.ready()
        with pytest.raises(aiohttp.ClientError):
            await get(status.instances[0].endpoint, "/die")

        async def is_back() -> bool:
            now = await bench.target.status(bench.spec)
            return now.is_ready and pids(now) != pids(status)

        await until(is_back)

    play(tmp_path, story)
