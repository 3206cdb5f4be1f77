"""Is it the same after an hour? 500 rps, a deployment every 2 min: `python benchmarks --only soak`.

Every third release is bad (5 % errors) and must roll itself back. Memory of the server, its proxy and its shims is
read every 10 s; growth is the median of the last fifth over that of the fifth after warm-up (a quarter of the
time). What the database gained is told per table, per deployment.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from report import Figure, Options
from running import Running, server
from shop import ENVIRONMENT, Shop, visitors

from processes import memory_mb, processes_of

RPS, EVERY_S, LOOK_S = 500, 120.0, 10.0
PATIENCE_S = 600.0  # how long a rollout takes on a busy machine is not what is measured here
STEPS = [
    {"weight": 20.0, "duration_s": 10, "min_requests": 0},
    {"weight": 50.0, "duration_s": 10, "min_requests": 0},
]


async def look(running: Running, samples: list[dict[str, float]], begin: float) -> None:
    """Memory is noted until this is cancelled."""
    while True:
        found = {"at_s": time.monotonic() - begin, "server": memory_mb(running.process.pid)[0]}
        for pid, line in (await asyncio.to_thread(processes_of, running.directory)).items():
            kind = "envoy" if "envoy" in line.split(" ")[0] else "shim" if "shim" in line else ""
            if kind and pid != running.process.pid:
                found[kind] = found.get(kind, 0.0) + memory_mb(pid)[0]
        samples.append(found)
        await asyncio.sleep(LOOK_S)


async def releases(shop: Shop, end: float, ends: list[dict[str, Any]]) -> None:
    """A release every two minutes; the bad ones turn bad when they have half of the traffic."""
    n = 0
    while time.monotonic() + 40.0 < end:
        due, n = time.monotonic() + EVERY_S, n + 1
        version, is_bad = f"v{n}", n % 3 == 0
        deployment = await shop.deploy(version, STEPS)
        if is_bad:
            await shop.wait(deployment, weight=50.0, within_s=PATIENCE_S)
            shop.bad_file(version).write_text("0.05", encoding="utf-8")
        ended = await shop.wait(deployment, state="rolled-back" if is_bad else "completed", within_s=PATIENCE_S)
        ends.append({"version": version, "is_bad": is_bad, "state": ended["state"]})
        await asyncio.sleep(max(0.0, min(due, end) - time.monotonic()))


def rows_of(database: Path) -> dict[str, int]:
    """Return how many rows each table holds."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    finally:
        connection.close()


async def measure(folder: Path, seconds: float) -> dict[str, Any]:
    samples: list[dict[str, float]] = []
    ends: list[dict[str, Any]] = []
    database = folder / "data" / "staycalm.db"
    async with server(folder / "data", ENVIRONMENT) as running:
        shop = await Shop.open(running, folder)
        await shop.wait(await shop.deploy("v0", [{"weight": 50, "duration_s": 1}]), state="completed")
        rows, size, begin = rows_of(database), database.stat().st_size, time.monotonic()
        looking = asyncio.create_task(look(running, samples, begin))
        with visitors(shop.port, RPS, keeps_all=False) as seen:
            await releases(shop, begin + seconds, ends)
        looking.cancel()
        grown = {name: many - rows.get(name, 0) for name, many in rows_of(database).items()}
        grown_bytes = database.stat().st_size - size
    log = (folder / "server.log").read_text(encoding="utf-8", errors="replace").splitlines()
    troubles = [line for line in log if '"level": "error"' in line or "Traceback" in line]
    return {"samples": samples, "deployments": ends, "requests": seen.requests, "failed": seen.failed,
            "rows": {name: many for name, many in grown.items() if many}, "bytes": grown_bytes,
            "troubles": troubles[:50]}  # fmt: skip


def growth_percent(samples: list[dict[str, float]], name: str) -> float:
    """Return how much more the last fifth holds than the fifth after warm-up."""
    values = [each.get(name, 0.0) for each in samples]
    start, part = len(values) // 4, max(1, len(values) // 5)
    early, late = statistics.median(values[start : start + part]), statistics.median(values[-part:])
    return 100 * (late - early) / early if early else 0.0


def measured(options: Options) -> tuple[list[Figure], Any]:
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        raw = asyncio.run(measure(Path(folder), 60 * options.soak_minutes))
    many = max(1, len(raw["deployments"]))
    what = f"soak, {options.soak_minutes:g} min at {RPS} rps, {many} deployments"
    bad = sum(each["is_bad"] for each in raw["deployments"])
    most = sorted(raw["rows"].items(), key=lambda each: -each[1])[:8]
    return [
        Figure(
            f"{what}: memory growth of the server after warm-up",
            growth_percent(raw["samples"], "server"),
            "%",
            5.0,
        ),
        Figure(f"{what}: memory growth of Envoy after warm-up", growth_percent(raw["samples"], "envoy"), "%", 5.0),
        Figure(f"{what}: failed of {raw['requests']:,} requests ({bad} bad releases)", raw["failed"], "requests"),
        Figure(f"{what}: errors in the server's log", len(raw["troubles"]), "lines", 0.0),
        Figure(f"{what}: database growth per deployment", raw["bytes"] / many / 1000, "kB"),
        *(Figure(f"  rows per deployment in {name}", grown / many, "rows") for name, grown in most),
    ], raw
