"""When a proxy that does not answer counts as hung, and when only as slow."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys

import pytest

from staycalm.adapters.envoy import EnvoySettings
from staycalm.adapters.envoy.identity import IS_LINUX, Identity, exists, is_kept_waiting, look
from staycalm.adapters.envoy.liveness import Patience, Silence
from tests.adapters.shop import until

STOPPED, BUSY, WE_WERE_LATE = Silence(False), Silence(True), Silence(False, late_s=0.6)


@pytest.mark.parametrize(
    ("heard", "is_over"),
    [
        ([STOPPED], False),
        ([STOPPED, STOPPED], True),
        ([STOPPED, None, STOPPED], False),
        ([STOPPED, WE_WERE_LATE], False),
        ([STOPPED, WE_WERE_LATE, STOPPED], True),
        ([WE_WERE_LATE] * 50, False),
        ([BUSY, BUSY, BUSY], False),
        ([BUSY, BUSY, BUSY, BUSY], True),
        ([BUSY, BUSY, None, BUSY, BUSY, BUSY], False),
        ([BUSY, STOPPED, BUSY], True),
    ],
)
def test_patience_ends_with_silence_that_nothing_else_explains(heard: list[Silence | None], is_over: bool) -> None:
    patience, over = Patience(2), False
    for silence in heard:
        assert not over
        if silence is None:
            patience.heard()
        else:
            over = patience.missed(silence)
    assert over is is_over


def test_a_stopped_proxy_is_noticed_within_five_seconds() -> None:
    settings = EnvoySettings()
    assert settings.liveness_interval_s + settings.liveness_misses * settings.admin_timeout_s < 5


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_what_computes_is_kept_waiting_and_what_is_stopped_is_not() -> None:
    async def story(pid: int) -> None:
        async def is_busy() -> bool:
            return is_kept_waiting(pid)

        async def is_idle() -> bool:
            return not is_kept_waiting(pid)

        await until(is_busy)
        os.kill(pid, signal.SIGSTOP)
        await until(is_idle)

    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"]) as child:
        try:
            asyncio.run(story(child.pid))
        finally:
            child.kill()


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_a_process_is_not_taken_for_dead_where_no_file_can_be_opened() -> None:
    mine = look(os.getpid())
    assert mine is not None and exists(mine)
    assert not exists(Identity(mine.pid, "another time"))
    child = os.fork()
    if child == 0:
        # A process of its own, which may open nothing any more: only to exit does it not need to.
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        os._exit(0 if exists(mine) and not exists(Identity(2**22 + 1, "1")) else 1)
    assert os.waitpid(child, 0)[1] == 0
