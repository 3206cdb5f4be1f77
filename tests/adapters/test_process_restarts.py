"""A program that dies by itself is started again, ever more rarely, and it is told."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from staycalm.adapters.process import ProcessSettings
from staycalm.ports.deploy import Instance
from tests.adapters.process_bench import LINUX, marked_below, play, state_of
from tests.adapters.target_suite import Bench, get, pids, until

pytestmark = LINUX


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
