"""Real revisions as processes below a test's own directory, and what can be seen of them from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessSettings, ProcessTarget, proc
from staycalm.adapters.process.layout import MARK, InstancePlace, ShimState
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import RevisionSpec
from tests.adapters.target_suite import PYTHON, QUICK, SHOP, Bench, write_server

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
FAST = ProcessSettings(restart_first_s=0.05, restart_max_s=0.2, restart_reset_s=600.0, digest_recheck_s=0.0)


def marked_below(directory: Path) -> dict[int, str]:
    return {p: mark for p, mark in proc.list_marks(MARK).items() if mark.startswith(f"{directory}/")}


def place_of(tmp_path: Path, revision: str = "shop-production-7", number: int = 0) -> InstancePlace:
    return InstancePlace(revision, number, tmp_path / "run" / revision / "instances" / str(number))


def state_of(tmp_path: Path, number: int = 0) -> ShimState:
    state = place_of(tmp_path, number=number).read_state()
    assert state is not None
    return state


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


Story = Callable[[Bench], Awaitable[None]]


def play(tmp_path: Path, story: Story, settings: ProcessSettings = FAST) -> None:
    async def inside() -> None:
        async with open_bench(tmp_path, settings) as bench:
            await story(bench)

    asyncio.run(inside())
