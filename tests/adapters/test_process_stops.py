"""How a process ends when it is told to, with everything it started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from staycalm.adapters.process import proc
from tests.adapters.process_bench import LINUX, marked_below, place_of, play
from tests.adapters.target_suite import Bench

pytestmark = LINUX


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
