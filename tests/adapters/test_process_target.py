"""Revisions as processes: the shared suite, what they are given, and what is told of them."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessTarget
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import HealthCheck, LogLine
from staycalm.ports.errors import InvalidSpec
from tests.adapters.process_bench import FAST, LINUX, marked_below, open_bench, place_of, play
from tests.adapters.target_suite import PYTHON, QUICK, Bench, TargetSuite, answers, get, get_json, until

pytestmark = LINUX


class TestProcessTarget(TargetSuite):
    def bench(self, tmp_path: Path) -> object:  # type: ignore[override]
        return open_bench(tmp_path)


# -- what it is given ---------------------------------------------------------------------------------


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


# -- what is told of it -------------------------------------------------------------------------------


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
