"""How long from the report of a P0 alert until its page has been accepted by a webhook, at 20 per second.

`python benchmarks --only page_latency`

A real server gets alerts over HTTP, open loop, each for another service; a receiver in this process takes the
pages. Measured from before the request is sent to the first byte of the page's request, so that the answer
after commit (fsync), the incident, the escalation, the message and both HTTP hops are in it. Goal: p99 1 s;
goal of the heart: 250 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from postgres import empty_database
from report import Figure, Options, percentile
from running import server

from processes import processor_s

PER_SECOND = 20
GOAL_MS, HEART_MS = 1000.0, 250.0
PATIENCE_S = 60.0
FILE = """
organisation: {{name: Bench, escalation_policy: default}}
people:
  alice: {{name: Alice, email: alice@example.com, contact_methods: [{{webhook: "{url}"}}]}}
teams:
  platform: {{members: [alice]}}
services:
{services}
escalation_policies:
  default: {{rounds: 1, steps: [{{page: person alice, wait: 1h}}]}}
"""


class Receiver:
    """Takes pages; `at` says when the first one that names a service arrived, in monotonic seconds."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.are_all_here = asyncio.Event()
        self.at: dict[str, float] = {}
        self.doubled = 0
        self._keys: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        arrived = time.monotonic()
        key = request.headers["webhook-id"]
        self.doubled += key in self._keys
        self._keys.add(key)
        text = await request.text()
        for word in text.replace('"', " ").replace(",", " ").split():
            if word.startswith("bench-"):
                self.at.setdefault(word.rstrip(".:"), arrived)
        if len(self.at) >= self.expected:
            self.are_all_here.set()
        return web.Response(status=204)

    async def listen(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_post("/", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return runner, f"http://127.0.0.1:{port}/"


async def measure(directory: Path, environment: dict[str, str], per_second: int, seconds: float) -> dict[str, Any]:
    count = int(per_second * seconds)
    receiver = Receiver(count)
    runner, url = await receiver.listen()
    try:
        async with server(directory, environment) as running:
            session = running.http
            services = "\n".join(f"  bench-{n}: {{team: platform}}" for n in range(count))
            text = FILE.format(url=url, services=services)
            await running.apply(text)
            await asyncio.sleep(1.0)
            sent: dict[str, float] = {}
            answered_ms: list[float] = []

            async def report(number: int) -> None:
                name = f"bench-{number}"
                sent[name] = time.monotonic()
                body = {"summary": f"{name} is down", "priority": "P0", "service": name, "dedup_key": name}
                async with session.post("/api/v1/alerts", json=body) as reply:
                    assert reply.status == 201, await reply.text()
                answered_ms.append(1000 * (time.monotonic() - sent[name]))

            begin, before = time.monotonic(), processor_s(running.process.pid)
            reports = []
            for number in range(count):
                await asyncio.sleep(max(0.0, begin + number / per_second - time.monotonic()))
                reports.append(asyncio.create_task(report(number)))
            await asyncio.gather(*reports)
            with suppress(TimeoutError):
                await asyncio.wait_for(receiver.are_all_here.wait(), PATIENCE_S)
            cost_ms = 1000 * (processor_s(running.process.pid) - before) / count
    finally:
        await runner.cleanup()
    page_ms = sorted(1000 * (receiver.at[name] - sent[name]) for name in sent if name in receiver.at)
    return {
        "page_ms": page_ms, "processor_ms": cost_ms, "answered_ms": sorted(answered_ms),
        "lost": count - len(page_ms), "doubled": receiver.doubled,
    }  # fmt: skip


def measured(options: Options) -> tuple[list[Figure], Any]:
    seconds = 10.0 if options.is_quick else 20.0
    raw: dict[str, list[dict[str, Any]]] = {}
    for run in range(options.runs):
        with ExitStack() as stack:
            engines: dict[str, dict[str, str]] = {"SQLite": {}}
            if options.postgres:
                url = stack.enter_context(empty_database(options.postgres, f"page_latency_{run}"))
                engines["PostgreSQL"] = {"SC_DATABASE_URL": url}
            for engine, environment in engines.items():
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-bench-")))
                found = asyncio.run(measure(folder / "data", environment, PER_SECOND, seconds))
                raw.setdefault(engine, []).append(found)
    figures = []
    for engine, runs in raw.items():
        p99 = statistics.median(percentile(run["page_ms"], 0.99) for run in runs)
        median = statistics.median(statistics.median(run["page_ms"]) for run in runs)
        what = f"P0 alert -> page accepted, {PER_SECOND}/s, {engine}"
        figures += [
            Figure(f"{what}: p99", p99, "ms", GOAL_MS),
            Figure(f"{what}: p99, goal of the heart", p99, "ms", HEART_MS),
            Figure(f"{what}: median", median, "ms"),
            Figure(
                f"{what}: processor time of the server each",
                statistics.median(run["processor_ms"] for run in runs),
                "ms",
            ),
            Figure(f"{what}: lost or doubled", sum(run["lost"] + run["doubled"] for run in runs), "pages", 0.0),
        ]
    return figures, raw
