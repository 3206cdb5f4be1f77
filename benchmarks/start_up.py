"""How long `sc` takes beside an interpreter that does nothing: `python benchmarks/start_up.py [--runs 15]`.

With a server running (SC_DATA or SC_SERVER) it measures the commands that ask it, too. Commands and floor take
turns, so that a machine that gets slower meanwhile slows both; the figures are medians. `cpu` is user and
system time of the process, which says more than `wall` on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

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


def main() -> None:
    """Print one line per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.pop("CLICOLOR_FORCE", None)
    found = [figures for words in COMMANDS if (figures := measure(words, options.runs)) is not None]
    if options.json:
        print(json.dumps([vars(each) for each in found], indent=2))
        return
    print(f"Medians of {options.runs} runs")
    print(f"{'command':<20} {'ours':>9} {'floor':>9} {'ratio':>6}   {'cpu':>8} {'floor':>8}")
    for each in found:
        print(
            f"sc {each.command:<17} {each.wall_ms:6.0f} ms {each.floor_wall_ms:6.0f} ms {each.wall_ratio:6.1f}"
            f"   {each.cpu_ms:5.0f} ms {each.floor_cpu_ms:5.0f} ms"
        )


if __name__ == "__main__":
    main()
