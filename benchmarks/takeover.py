"""How long the work of a killed server lies still, and a page where no server hears of commits.

`python benchmarks --only takeover`

Two and four servers on one PostgreSQL database and one data directory, with the settings they come with. A
receiver of webhooks keeps a page waiting until whoever sends it has been killed (SIGKILL), and takes it from the
next one; then whoever drives the edge is killed in a rollout of steps of 1 s, and the next weight is waited for.
At last nobody hears of commits, alerts are committed by a process without engine, and their pages are waited for.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from aiohttp import web
from postgres import empty_database
from report import Figure, Options
from running import Running, launched, started
from shop import ENVIRONMENT, FILE, HOST, Shop, free_port, visitors

from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM
from staycalm.domains.alerts.public import raise_alert
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.ids import Ids
from staycalm.kit.subscriptions import Subscriptions

COUNTS, ALERTS, RPS = (2, 4), 20, 100
GOAL_S, GOAL_MS = 5.0, 1000.0
PATIENCE_S = 60.0
STEPS = [{"weight": weight, "duration_s": 1.0, "min_requests": 0} for weight in (20.0, 60.0)]


class Receiver:
    """`at` says when a page that names `killed-N` or `deaf-N` was accepted, in monotonic seconds.

    Nobody answers the first request for `killed-N`; `held` are these.
    """

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.held: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        found = re.search(r"(?:killed|deaf)-\d+", await request.text())
        name = found.group() if found else ""
        if name.startswith("killed") and name not in self.held:
            self.held.add(name)
            await asyncio.sleep(PATIENCE_S)
        self.at.setdefault(name, time.monotonic())
        return web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@dataclass
class Servers:
    """Those that run now, on one directory and one database."""

    folder: Path
    url: str
    all: list[Running]

    async def join(self) -> None:
        """One more of them answers."""
        environment = {**ENVIRONMENT, "SC_DATABASE_URL": self.url, "SC_ENVOY_DIE_WITH_PARENT": "false"}
        process = launched(self.folder / "data", environment)
        try:
            http = await started(process, self.folder / "data")
        except BaseException:  # also when the benchmark is interrupted
            process.kill()
            raise
        self.all.append(Running(http, process, self.folder / "data", 0.0))

    async def kill(self, server: Running) -> float:
        """The server is gone without a word; returns when, in monotonic seconds."""
        self.all.remove(server)
        server.process.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        await asyncio.to_thread(server.process.wait)
        await server.http.close()
        return killed_at

    async def driver(self) -> Running:
        """Return the one that drives the edge."""
        for server in self.all:
            async with server.http.get("/health") as answer:
                if (await answer.json())["drives_edge"]:
                    return server
        raise SystemExit("nobody drives the edge")

    def sender(self) -> Running:
        """Return the one that is sending a page."""
        asked = "SELECT holder FROM leases WHERE name LIKE 'oncall.notifications:%' ORDER BY until DESC LIMIT 1"
        with psycopg.connect(self.url) as connection:
            (holder,) = connection.execute(asked).fetchone() or ("::",)
        return next(each for each in self.all if each.process.pid == int(holder.split(":")[1]))


@asynccontextmanager
async def together(folder: Path, url: str, count: int) -> AsyncIterator[Servers]:
    """So many servers answer; nothing of them runs afterwards."""
    servers = Servers(folder, url, [])
    try:
        for _ in range(count):
            await servers.join()
        yield servers
    finally:
        for server in servers.all:
            await server.http.close()
            server.process.terminate()
        for server in servers.all:
            await asyncio.to_thread(server.process.wait, 30)
        command = [sys.executable, "-m", "staycalm.app", "down", "--data", str(folder / "data")]
        environment = {**os.environ, "SC_DATABASE_URL": url}
        await asyncio.to_thread(
            subprocess.run, command, check=True, timeout=60, env=environment, stdout=subprocess.DEVNULL
        )


async def until(holds: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not happen within {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.005)


async def page_goes_on(servers: Servers, receiver: Receiver, number: int, later_s: float) -> float:
    """Return the seconds from the kill of a page's sender until the page was accepted."""
    name = f"killed-{number}"
    body = {"title": name, "priority": "P0", "service": "shop"}
    async with servers.all[number % len(servers.all)].http.post("/api/v1/incidents", json=body) as answer:
        assert answer.ok, await answer.text()
    await until(lambda: name in receiver.held, "a page")
    await asyncio.sleep(later_s)
    killed_at = await servers.kill(servers.sender())
    await until(lambda: name in receiver.at, "the page of a killed server")
    await servers.join()
    return receiver.at[name] - killed_at


async def rollout_goes_on(servers: Servers, shop_port: int, version: str, later_s: float) -> float:
    """Return the seconds from the kill of the server that drives the edge until the next weight is in force."""
    driver = await servers.driver()
    other = next(each for each in servers.all if each is not driver)
    shop = Shop(other, servers.folder, shop_port)
    deployment = await shop.deploy(version, STEPS)
    await shop.wait(deployment, weight=STEPS[0]["weight"])
    await asyncio.sleep(later_s)
    killed_at = await servers.kill(driver)
    await shop.wait(deployment, weight=STEPS[1]["weight"])
    took_s = time.monotonic() - killed_at
    await shop.wait(deployment, state="completed")
    await servers.join()
    return took_s


@contextmanager
def deaf(url: str) -> Iterator[None]:
    """No server hears of a commit: their listening is cut off every 50 ms."""
    stop = threading.Event()

    def cut_off() -> None:
        with psycopg.connect(url, autocommit=True) as admin:
            while not stop.wait(0.05):
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'staycalm-listen'"
                )

    thread = threading.Thread(target=cut_off)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def pages_unheard(url: str, receiver: Receiver) -> list[float]:
    """Return the milliseconds from the P0 alert of a process without engine until its page was accepted."""
    clock = SystemClock()
    silent = Database(url, clock, Ids(clock), inline=True)
    silent.subscriptions = Subscriptions(wiring.subscriptions(Settings()))
    took_ms: list[float] = []
    try:
        with deaf(url):
            await asyncio.sleep(2.0)
            for number in range(ALERTS):
                name = f"deaf-{number}"
                began = time.monotonic()
                about = {"dedup_key": name, "summary": name, "priority": "P0", "service": name}
                await silent.write(lambda tx, about=about: raise_alert(tx, SYSTEM, **about))
                await until(lambda name=name: name in receiver.at, "a page that nobody heard of")
                took_ms.append(1000 * (receiver.at[name] - began))
    finally:
        silent.close()
    return took_ms


async def measure(folder: Path, url: str, count: int, kills: int) -> dict[str, list[float]]:
    rng, port = random.Random(1), free_port()
    async with receiving() as (receiver, hook), together(folder, url, count) as servers:
        webhook = f'email: alice@example.com, contact_methods: [{{webhook: "{hook}"}}]'
        quiet = "\n".join(f"  deaf-{n}: {{team: platform}}" for n in range(ALERTS))
        text = FILE.format(port=port, host=HOST, python=sys.executable).replace(
            "email: alice@example.com", webhook
        )
        await servers.all[0].apply(text.replace("services:\n", f"services:\n{quiet}\n"))
        pages = [await page_goes_on(servers, receiver, n, rng.uniform(0.0, 2.0)) for n in range(kills)]
        shop = Shop(servers.all[0], folder, port)
        await shop.wait(await shop.deploy("v", []), state="completed")
        with visitors(port, RPS, keeps_all=False):
            shifts = [await rollout_goes_on(servers, port, f"v{n}", rng.uniform(0.0, 0.5)) for n in range(kills)]
        return {"page_s": pages, "shift_s": shifts, "unheard_ms": await pages_unheard(url, receiver)}


def measured(options: Options) -> tuple[list[Figure], Any]:
    if options.postgres is None:
        return [], {}
    kills, raw, figures = 5 if options.is_quick else 10, {}, []
    for count in COUNTS:
        with (
            empty_database(options.postgres, f"takeover_{count}") as url,
            tempfile.TemporaryDirectory(prefix="sc-bench-") as folder,
        ):
            found = raw[count] = asyncio.run(measure(Path(folder), url, count, kills))
        for what, key in (("a page on its way is accepted", "page_s"), ("a rollout's next weight", "shift_s")):
            whole = f"one of {count} servers killed: its work goes on, {what}"
            figures += [
                Figure(f"{whole}, median of {kills}", statistics.median(found[key]), "s", GOAL_S),
                Figure(f"{whole}, worst of {kills}", max(found[key]), "s", GOAL_S),
            ]
        figures.append(
            Figure(
                f"notifications of commits lost, {count} servers: P0 alert -> page accepted, worst of {ALERTS}",
                max(found["unheard_ms"]),
                "ms",
                GOAL_MS,
            )
        )
    return figures, raw
