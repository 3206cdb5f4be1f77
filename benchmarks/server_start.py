"""How soon the server answers after `sc up`, and what it holds when idle: `python benchmarks --only server_start`.

Ready is the first 200 of /health. The existing database is that of pages.py: 100,000 alerts, 10,000 incidents and
50,000 deployments. Memory is read 20 s later with one service deployed, so that its proxy and the shims of its
instances are there to be told of beside it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

from pages import fill, seed
from report import Figure, Options
from running import server
from shop import ENVIRONMENT

from processes import memory_mb, processes_of, processor_s

IDLE_S = 20.0


async def measure(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with server(folder / "data", ENVIRONMENT) as running:
        found["new_s"], found["new_cpu_s"] = running.ready_s, processor_s(running.process.pid)
        await seed(running, folder)
    await asyncio.to_thread(fill, f"sqlite:///{folder}/data/staycalm.db")
    async with server(folder / "data", ENVIRONMENT) as running:
        found["existing_s"], found["existing_cpu_s"] = running.ready_s, processor_s(running.process.pid)
        await asyncio.sleep(IDLE_S)
        found["server_mb"] = memory_mb(running.process.pid)
        for pid, line in processes_of(folder / "data").items():
            if pid != running.process.pid:
                kind = "Envoy" if "envoy" in line.split(" ")[0] else "shim" if "shim" in line else "service"
                found.setdefault(f"{kind}_mb", []).append(memory_mb(pid))
    return found


def measured(options: Options) -> tuple[list[Figure], Any]:
    raw = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
            raw.append(asyncio.run(measure(Path(folder))))

    def median(name: str) -> float:
        return statistics.median(run[name] for run in raw)

    figures = [
        Figure("server ready after `sc up`, existing database", median("existing_s"), "s", 2.0),
        Figure("server ready after `sc up`, new database", median("new_s"), "s", 10.0),
        Figure("processor time until ready, existing database", median("existing_cpu_s"), "s"),
        Figure("idle memory of the server (PSS)", statistics.median(r["server_mb"][0] for r in raw), "MB", 150.0),
        Figure("idle memory of the server (RSS)", statistics.median(r["server_mb"][1] for r in raw), "MB"),
    ]
    for kind in ("Envoy", "shim"):
        pss = [sum(pss for pss, _ in run.get(f"{kind}_mb", ())) for run in raw]
        figures.append(Figure(f"beside it, {kind} (PSS)", statistics.median(pss), "MB"))
    return figures, raw
