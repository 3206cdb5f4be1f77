"""From the first bad answer of a candidate to 100 % stable: `python benchmarks --only rollback_time`.

The real product with its proxy, 500 requests per second, the candidate at 50 %. A healthy candidate turns bad
(5 % or 100 % of its answers are errors), or is killed. Times are what the visitors saw: from the first bad answer
to the start of the last request that the candidate answered. A killed candidate must cost no request: the proxy
falls back to stable by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import tempfile
from pathlib import Path
from typing import Any

from report import Figure, Options
from running import server
from shop import ENVIRONMENT, HOST, Shop, Visit, visitors

RPS, WEIGHT, CALM_S, AFTER_S = 500, 50.0, 3.0, 1.5
GOAL_S = {"5 % errors": 1.5, "100 % errors": 0.3}
SHARE = {"5 % errors": 0.05, "100 % errors": 1.0}
KILLED = "candidate killed"


async def trial(shop: Shop, version: str, case: str) -> dict[str, Any]:
    """Return how long one rollback took and what it cost."""
    deployment = await shop.deploy(version, [{"weight": WEIGHT, "duration_s": 600, "min_requests": 0}])
    with visitors(shop.port, RPS) as seen:
        await shop.wait(deployment, weight=WEIGHT)
        await asyncio.sleep(CALM_S)
        if case == KILLED:
            os.kill(await process_of(shop, version), signal.SIGKILL)
        else:
            shop.bad_file(version).write_text(str(SHARE[case]), encoding="utf-8")
        ended = await shop.wait(deployment, state="rolled-back")
        await asyncio.sleep(AFTER_S)
    return {**measured_by(seen.visits, version), "detected_after_s": ended["detected_after_s"],
            "rollback_took_s": ended["rollback_took_s"], "why": ended["end_reason"]}  # fmt: skip


async def process_of(shop: Shop, version: str) -> int:
    """Return the process of a version, which every answer of it names."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
        writer.write(f"GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n".encode())
        body = (await reader.read()).partition(b"\r\n\r\n")[2].decode()
        writer.close()
        name, _, process = body.partition(" ")
        if name == version:
            return int(process)


def measured_by(visits: list[Visit], version: str) -> dict[str, Any]:
    """Return seconds from the first bad answer to the last request on the candidate, and the failed requests."""
    failed = [visit for visit in visits if visit.status != 200]
    first_bad = min((visit.until for visit in failed), default=None)
    last = max((visit.at for visit in visits if visit.version == version), default=0.0)
    took = None if first_bad is None else max(0.0, last - first_bad)
    return {"took_s": took, "failed": len(failed), "requests": len(visits)}


async def measure(folder: Path, runs: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    async with server(folder / "data", ENVIRONMENT) as running:
        shop = await Shop.open(running, folder)
        first = await shop.deploy("v0", [{"weight": 50, "duration_s": 1}])
        await shop.wait(first, state="completed")
        for number in range(runs):
            for nth, case in enumerate((*GOAL_S, KILLED)):
                found.setdefault(case, []).append(await trial(shop, f"v{1 + number}-{nth}", case))
    return found


def measured(options: Options) -> tuple[list[Figure], Any]:
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        raw = asyncio.run(measure(Path(folder), 2 if options.is_quick else 10))
    figures = []
    for case, goal in GOAL_S.items():
        took = [each["took_s"] for each in raw[case] if each["took_s"] is not None]
        failed = statistics.median(each["failed"] for each in raw[case])
        what = f"first bad answer -> 100 % stable, {case}, {RPS} rps at {WEIGHT:.0f} %"
        figures += [
            Figure(f"{what}: median of {len(took)}", statistics.median(took), "s", goal),
            Figure(f"{what}: failed requests", failed, "requests"),
        ]
    killed = sum(each["failed"] for each in raw[KILLED])
    what = f"{KILLED} at {RPS} rps and {WEIGHT:.0f} %: failed of all requests"
    return [*figures, Figure(what, killed, "requests", 0.0)], raw
