"""What 500 open live pages cost while 50 events happen each second: `python benchmarks --only live_browsers`.

Each browser holds a stream (server-sent events) of the overview and of another page. Events are alerts of new
rules, reported one by one over HTTP and open loop; their own cost (HTTP, fsync, deliveries) is measured first with
nobody watching, and the figure is what watching adds. The total stands below it.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from report import Figure, Options
from running import Running, server

from processes import processor_s

BROWSERS, PER_SECOND, OWNERS, SERVICES = 500, 50, 4, 50
GOAL_PERCENT = 25.0
SET_UP = re.compile(r"/set-up/[A-Za-z0-9_-]+")
PASSWORD = "five hundred calm browsers"
TOPICS = ("alerts:open", "incidents:open", "oncall:now", "services:all")
FILE = "teams:\n  platform: {{}}\nservices:\n{services}\n"


async def watch(http: aiohttp.ClientSession, token: str, topic: str, counts: dict[str, int]) -> None:
    """One browser reads its stream until it is cancelled."""
    headers = {"Authorization": f"Bearer {token}"}
    query = [("topic", "overview:now"), ("topic", topic)]
    no_end = aiohttp.ClientTimeout(total=None)
    async with http.get("/live", params=query, headers=headers, timeout=no_end) as answer:
        assert answer.status == 200, await answer.text()
        counts["open"] += 1
        async for chunk in answer.content.iter_any():
            counts["fragments"] += chunk.count(b"event: ")
            counts["bytes"] += len(chunk)


async def happen(running: Running, seconds: float, turn: str) -> float:
    """So many alerts per second are reported; returns the server's processor time as percent of one core."""

    async def report(n: int) -> None:
        body = {"summary": f"{turn} {n}", "priority": "P3", "service": f"service-{n % SERVICES}",
                "dedup_key": f"{turn}-{n}", "rule": f"{turn}-{n}"}  # fmt: skip
        async with running.http.post("/api/v1/alerts/webhook", json=body) as answer:
            assert answer.status == 200, await answer.text()

    pid = running.process.pid
    before, begin = processor_s(pid), time.monotonic()
    reports = []
    for n in range(int(seconds * PER_SECOND)):
        await asyncio.sleep(max(0.0, begin + n / PER_SECOND - time.monotonic()))
        reports.append(asyncio.create_task(report(n)))
    await asyncio.gather(*reports)
    # By the time the events should have taken: a machine that gives no processor must not make us look frugal.
    return 100 * (processor_s(pid) - before) / seconds


async def tokens_of(running: Running, folder: Path) -> list[str]:
    """Return tokens of the first person: a token may hold so and so many streams, and no more."""
    link = SET_UP.search((folder / "server.log").read_text(encoding="utf-8"))
    assert link is not None, "the server printed no set-up link"
    account = {"handle": "viewer", "name": "Viewer", "email": "viewer@example.com", "time_zone": "UTC"}
    form = {**account, "password": PASSWORD}
    async with (
        aiohttp.ClientSession(headers={"Origin": running.url}) as http,
        http.post(running.url + link.group(0), data=form, allow_redirects=False) as answer,
    ):
        assert answer.status < 400, await answer.text()
    tokens = []
    for n in range(OWNERS):
        log_in = {"handle": "viewer", "password": PASSWORD, "token_name": f"browsers {n}"}
        async with running.http.post("/api/v1/login", json=log_in) as answer:
            assert answer.ok, await answer.text()
            tokens.append(str((await answer.json())["token"]))
    return tokens


async def measure(folder: Path, seconds: float) -> dict[str, Any]:
    async with server(folder / "data") as running:
        await running.apply(
            FILE.format(services="\n".join(f"  service-{n}: {{team: platform}}" for n in range(SERVICES)))
        )
        tokens = await tokens_of(running, folder)
        await happen(running, 2.0, "warm")
        alone = await happen(running, seconds, "alone")
        counts = {"open": 0, "fragments": 0, "bytes": 0}
        connector = aiohttp.TCPConnector(limit=BROWSERS)
        async with aiohttp.ClientSession(running.url, connector=connector) as http:
            browsers = [
                asyncio.create_task(watch(http, tokens[n % OWNERS], TOPICS[n % len(TOPICS)], counts))
                for n in range(BROWSERS)
            ]
            while counts["open"] < BROWSERS:
                await asyncio.sleep(0.1)
                for each in browsers:
                    if each.done():
                        await each
            await asyncio.sleep(2.0)
            watched = await happen(running, seconds, "watched")
            for each in browsers:
                each.cancel()
            for each in browsers:
                with suppress(asyncio.CancelledError):
                    await each
    return {"alone_percent": alone, "watched_percent": watched, **counts}


def measured(options: Options) -> tuple[list[Figure], Any]:
    raw = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
            raw.append(asyncio.run(measure(Path(folder), 10.0 if options.is_quick else 20.0)))
    added = statistics.median(run["watched_percent"] - run["alone_percent"] for run in raw)
    whole = statistics.median(run["watched_percent"] for run in raw)
    alone = statistics.median(run["alone_percent"] for run in raw)
    what = f"{BROWSERS} live browsers while {PER_SECOND} events/s happen"
    return [
        Figure(f"{what}: server processor they add", added, "% of a core", GOAL_PERCENT),
        Figure(f"{what}: with the events' own", whole, "% of a core", peer=alone, peer_name="events alone"),
    ], raw
