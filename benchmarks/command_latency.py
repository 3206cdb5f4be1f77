"""From a command over HTTP to the last request on the old weights: `python benchmarks --only command_latency`.

The whole product: `promote` and `rollback` are asked of the API at 500 requests per second with the candidate at
50 %, so that permission, commit (fsync), engine, proxy and the proxy's confirmation are in it. For each: the time
from the request being sent to the start of the last visit that the old version (promote) or the candidate
(rollback) answered. Visitors go on for a second and a half, so that a late one is seen.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from report import Figure, Options, percentile
from running import Running, server
from shop import ENVIRONMENT, Shop, visitors

RPS, WEIGHT, CALM_S, AFTER_S = 500, 50.0, 1.0, 1.5
GOAL_MS = 100.0


async def commanded(running: Running, shop: Shop, before: str, version: str, command: str) -> dict[str, Any]:
    """Return how long after the command its last visit met the version that had to go."""
    deployment = await shop.deploy(version, [{"weight": WEIGHT, "duration_s": 600, "min_requests": 0}])
    with visitors(shop.port, RPS) as seen:
        await shop.wait(deployment, weight=WEIGHT)
        await asyncio.sleep(CALM_S)
        asked = time.monotonic()
        body = {"reason": "measuring"}
        async with running.http.post(f"/api/v1/deployments/{deployment}/{command}", json=body) as answer:
            assert answer.ok, await answer.text()
        answered = time.monotonic()
        await asyncio.sleep(AFTER_S)
    gone = version if command == "rollback" else before
    last = max((visit.at for visit in seen.visits if visit.at >= asked and visit.version == gone), default=asked)
    await shop.wait(deployment, state="rolled-back" if command == "rollback" else "completed")
    failed = sum(visit.status != 200 for visit in seen.visits)
    return {"late_ms": 1000 * (last - asked), "answered_ms": 1000 * (answered - asked),
            "failed": failed, "requests": len(seen.visits)}  # fmt: skip


async def measure(folder: Path, cycles: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"promote": [], "rollback": []}
    async with server(folder / "data", ENVIRONMENT) as running:
        shop = await Shop.open(running, folder)
        await shop.wait(await shop.deploy("v0", [{"weight": 50, "duration_s": 1}]), state="completed")
        stable = "v0"
        for n in range(1, cycles + 1):
            found["rollback"].append(await commanded(running, shop, stable, f"v{n}-bad", "rollback"))
            found["promote"].append(await commanded(running, shop, stable, f"v{n}", "promote"))
            stable = f"v{n}"
    return found


def measured(options: Options) -> tuple[list[Figure], Any]:
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        raw = asyncio.run(measure(Path(folder), 5 if options.is_quick else 20))
    figures = []
    for command, gone in (("promote", "stable"), ("rollback", "the candidate")):
        late = percentile([each["late_ms"] for each in raw[command]], 0.99)
        what = f"`{command}` over HTTP -> last request on {gone}, {RPS} rps, worst of {len(raw[command])}"
        figures.append(Figure(what, late, "ms", GOAL_MS))
    failed = sum(each["failed"] for trials in raw.values() for each in trials)
    requests = sum(each["requests"] for trials in raw.values() for each in trials)
    return [*figures, Figure(f"failed of {requests:,} requests around them", failed, "requests", 0.0)], raw
