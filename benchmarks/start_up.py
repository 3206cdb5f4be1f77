"""How long `sc` takes beside an interpreter that does nothing: `python benchmarks --only start_up`.

A server of its own runs, so that the commands that ask one are measured, too. Commands and floor take
turns, so that a machine that gets slower meanwhile slows both; the figures are medians. `cpu` is user and
system time of the process, which says more than `wall` on a busy machine.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import Figure, Options
from running import server

GOAL_MS = 150.0
FLOOR = (sys.executable, "-c", "pass")
COMMANDS = ("--version", "ops --help", "ops status", "ops deployments", "oncall", "whoami")


@dataclass(frozen=True)
class Figures:
    """Medians over the runs, in milliseconds."""

    command: str
    wall_ms: float
    cpu_ms: float
    floor_wall_ms: float
    floor_cpu_ms: float

    @property
    def wall_ratio(self) -> float:
        return self.wall_ms / self.floor_wall_ms


def once(command: tuple[str, ...]) -> tuple[float, float, int]:
    """Return wall and processor time of one run in milliseconds, and its exit code."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall_ms = (time.perf_counter() - started) * 1e3
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall_ms, cpu_s * 1e3, done.returncode


def measure(words: str, runs: int) -> Figures | None:
    """Return the figures of `sc WORDS`; None when it needs a server and there is none."""
    command = (sys.executable, "-m", "staycalm.cli", *words.split())
    # The first run compiles and fills the file cache; exit code 8 only says that production is not well.
    if once(command)[2] not in (0, 8):
        return None
    ours, floor = [], []
    for _ in range(runs):
        ours.append(once(command))
        floor.append(once(FLOOR))
    return Figures(
        words,
        statistics.median(wall for wall, _, _ in ours),
        statistics.median(cpu for _, cpu, _ in ours),
        statistics.median(wall for wall, _, _ in floor),
        statistics.median(cpu for _, cpu, _ in floor),
    )


def measured(options: Options) -> tuple[list[Figure], Any]:
    os.environ.pop("CLICOLOR_FORCE", None)
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        found = asyncio.run(_beside_a_server(Path(folder) / "data", 5 if options.is_quick else 15))
    figures = []
    for each in found:
        goal = GOAL_MS if each.command == "ops status" else None
        what = f"`sc {each.command}`"
        figures.append(Figure(what, each.wall_ms, "ms", goal, peer=each.floor_wall_ms, peer_name="python -c pass"))
    return figures, [vars(each) for each in found]


async def _beside_a_server(directory: Path, runs: int) -> list[Figures]:
    async with server(directory):
        os.environ["SC_DATA"] = str(directory)
        try:
            each = [await asyncio.to_thread(measure, words, runs) for words in COMMANDS]
        finally:
            del os.environ["SC_DATA"]
    return [figures for figures in each if figures is not None]
