"""How long from the report of a P0 alert until its page has been accepted by a webhook, at 20 per second.

`python benchmarks/page_latency.py [--per-second 20] [--seconds 20] [--postgres URL] [--json FILE]`

A real server gets alerts over HTTP, open loop, each for another service; a receiver in this process takes the
pages. Measured from before the request is sent to the first byte of the page's request, so that the answer
after commit (fsync), the incident, the escalation, the message and both HTTP hops are in it. Goal: p99 1 s;
goal of the heart: 250 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

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


def launched(directory: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Return the server's process; its log lies beside its data directory."""
    with open(directory.parent / "server.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "staycalm.app", "up", "--data", str(directory)],
            env={**os.environ, "SC_SERVER_PORT": "0", "SC_ENVOY_DIE_WITH_PARENT": "true",
                 "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8", **environment},
            stdout=log, stderr=log,
        )  # fmt: skip


async def started(process: subprocess.Popen[bytes], directory: Path) -> aiohttp.ClientSession:
    """Return a session with the server once it answers."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            url = json.loads((directory / "server.json").read_text())["url"]
            token = (directory / "cli-token").read_text().strip()
            return aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"})
        except (OSError, ValueError, KeyError):
            await asyncio.sleep(0.05)
    raise SystemExit("the server did not start")


async def measure(directory: Path, environment: dict[str, str], per_second: int, seconds: float) -> dict[str, Any]:
    count = int(per_second * seconds)
    receiver = Receiver(count)
    runner, url = await receiver.listen()
    process = launched(directory, environment)
    try:
        session = await started(process, directory)
        async with session:
            services = "\n".join(f"  bench-{n}: {{team: platform}}" for n in range(count))
            text = FILE.format(url=url, services=services)
            async with session.post("/api/v1/catalog/apply", json={"text": text}) as answer:
                assert answer.status == 200, await answer.text()
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

            begin = time.monotonic()
            reports = []
            for number in range(count):
                await asyncio.sleep(max(0.0, begin + number / per_second - time.monotonic()))
                reports.append(asyncio.create_task(report(number)))
            await asyncio.gather(*reports)
            with suppress(TimeoutError):
                await asyncio.wait_for(receiver.are_all_here.wait(), PATIENCE_S)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
        await runner.cleanup()
    page_ms = sorted(1000 * (receiver.at[name] - sent[name]) for name in sent if name in receiver.at)
    return {
        "page_ms": page_ms, "answered_ms": sorted(answered_ms), "lost": count - len(page_ms),
        "doubled": receiver.doubled,
    }  # fmt: skip


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-second", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--postgres", help="URL of an empty database to measure besides SQLite")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    engines = {"SQLite": {}} | ({"PostgreSQL": {"SC_DATABASE_URL": wanted.postgres}} if wanted.postgres else {})
    raw: dict[str, Any] = {}
    print(f"{wanted.per_second} P0 alerts per second for {wanted.seconds:.0f} s, each on another service")
    print(f"{'':12}{'pages':>7}{'lost':>6}{'doubled':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'goal':>8}  met?")
    for engine, environment in engines.items():
        with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
            found = asyncio.run(measure(Path(folder) / "data", environment, wanted.per_second, wanted.seconds))
        raw[engine], pages = found, found["page_ms"]
        p99 = percentile(pages, 0.99)
        met = "yes, the heart's too" if p99 <= HEART_MS else "yes" if p99 <= GOAL_MS else "no"
        print(
            f"{engine:12}{len(pages):7}{found['lost']:6}{found['doubled']:9}{statistics.median(pages):9.1f}"
            f"{p99:9.1f}{pages[-1]:9.1f}{GOAL_MS:8.0f}  {met}"
        )
    if wanted.json:
        wanted.json.write_text(json.dumps(raw))


if __name__ == "__main__":
    main()
