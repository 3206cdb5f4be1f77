"""How many alerts per second are taken in over HTTP and answered after the commit, beside Alertmanager.

`python benchmarks --only intake`

In the same run both get the same alerts over the same 64 connections, from a client process that costs a tenth of
the server (sending.py). StayCalm answers after fsync; Alertmanager keeps alerts in memory and writes none to disk.
*New* is a different alert each time (to ours; whoever is faster gets some again). *Resent* are 10,000 in turn, as
Alertmanager and its like repeat what still fires; half of them say something else than the time before.

Beside it stands what each alert cost in processor time of the server, which a busy machine changes little, and
two floors: how often this disk keeps a single write per second, and how often the same HTTP server answers when it
does nothing at all.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from postgres import empty_database
from report import Figure, Options
from running import server
from sending import Load, send

DIFFERENT = 10_000
NEW = {100: 450_000, 1: 80_000}
"""More than are taken in while it is measured, by how many are sent together."""
CONNECTIONS = 64
Rate = dict[str, float]
"""Alerts per second, and the server's processor time for one of them in microseconds."""
GOALS = {100: 10_000.0, 1: 2_000.0}
CASES = ("new", "resent")


def for_staycalm(number: int, turn: int) -> dict[str, Any]:
    return {
        "summary": f"disk {number} is almost full", "priority": "P3", "service": f"service-{number % 50}",
        "dedup_key": f"disk-{number}", "labels": {"host": f"host-{number % 200}", "turn": str(turn)},
    }  # fmt: skip


def for_alertmanager(number: int, turn: int) -> dict[str, Any]:
    return {
        "labels": {"alertname": "DiskFull", "disk": f"disk-{number}", "service": f"service-{number % 50}"},
        "annotations": {"summary": f"disk {number} is almost full", "turn": str(turn)},
        "startsAt": datetime.now(UTC).isoformat(),
    }


async def rate(url: str, token: str, make: Callable[[int, int], Any], how: dict[str, Any], pid: int) -> Rate:
    """Return how fast the alerts are taken in, and what one of them costs the process `pid`."""
    if how["is_new"]:
        alerts = [make(number, 0) for number in range(NEW[how["size"]])]
    else:
        # In every round a label of half the alerts is another than before, as when values move.
        alerts = [make(number, (turn + number % 2) // 2 % 2) for turn in range(4) for number in range(DIFFERENT)]
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    size = how["size"]
    bodies = [json.dumps(alerts[at : at + size]).encode() for at in range(0, len(alerts), size)]
    found = await send(Load(url, headers, bodies, how["connections"], how["seconds"], pid))
    many = size * found.requests
    return {"per_s": many / found.seconds, "processor_us": 1e6 * found.processor_s / many, "many": many}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch_alertmanager(folder: Path, port: int) -> subprocess.Popen[bytes] | None:
    """Return the peer's process; None where it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        return None
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    return subprocess.Popen(
        [program, f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'am'}",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


async def answers(url: str) -> None:
    """Somebody answers at the URL."""
    async with aiohttp.ClientSession() as http:
        for _ in range(400):
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise SystemExit(f"nobody answers at {url}")


async def alertmanager(folder: Path, how: dict[str, Any]) -> Rate | None:
    """Return what the peer takes in; None where it is not installed."""
    port = free_port()
    process = launch_alertmanager(folder, port)
    if process is None:
        return None
    try:
        url = f"http://127.0.0.1:{port}/api/v2/alerts"
        await answers(url)
        return await rate(url, "", for_alertmanager, how, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def launch_bare(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(Path(__file__).parent / "bare_server.py"), str(port)])


async def nothing(how: dict[str, Any]) -> Rate:
    """Return how fast the HTTP server alone answers."""
    port = free_port()
    process = launch_bare(port)
    try:
        await answers(f"http://127.0.0.1:{port}/")
        return await rate(f"http://127.0.0.1:{port}/", "", for_staycalm, how, process.pid)
    finally:
        process.terminate()
        process.wait(10)


async def staycalm(folder: Path, how: dict[str, Any], environment: dict[str, str]) -> Rate:
    async with server(folder / "data", environment) as running:
        url = f"{running.url}/api/v1/alerts/webhook"
        found = await rate(url, running.token, for_staycalm, how, running.process.pid)
    assert not how["is_new"] or found["many"] < NEW[how["size"]], "so fast that alerts came twice: raise NEW"
    return found


def syncs_per_second(folder: Path, seconds: float = 2.0) -> float:
    """Return how often this disk keeps 4 KiB appended to a file, one after another."""
    with open(folder / "sync", "wb", buffering=0) as file:
        began, many = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            many += 1
        return many / (time.monotonic() - began)


def middle(rates: list[Rate | None], what: str) -> float | None:
    known = [one[what] for one in rates if one is not None]
    return statistics.median(known) if known else None


def figures(raw: dict[str, list[Any]], engine: str, case: str, size: int) -> list[Figure]:
    what = f"alerts taken in, {case}, {f'batches of {size}' if size > 1 else 'one by one'}, {engine}"
    ours, peers = raw[f"{engine} {case} {size}"], raw[f"Alertmanager {case} {size}"]
    return [
        Figure(what, middle(ours, "per_s") or 0.0, "/s", GOALS[size], is_rate=True,
               peer=middle(peers, "per_s"), peer_name="Alertmanager"),
        Figure(f"{what}: processor time of the server each", middle(ours, "processor_us") or 0.0, "us",
               1e6 / GOALS[size], peer=middle(peers, "processor_us"), peer_name="Alertmanager"),
    ]  # fmt: skip


def floors(raw: dict[str, list[Any]]) -> list[Figure]:
    return [
        Figure("the HTTP server alone, doing nothing: answers", middle(raw["nothing"], "per_s") or 0.0, "/s"),
        Figure("the same: processor time each", middle(raw["nothing"], "processor_us") or 0.0, "us"),
        Figure("single writes this disk keeps (fsync)", statistics.median(raw["fsync_per_s"]), "/s"),
    ]


def measured(options: Options) -> tuple[list[Figure], Any]:
    raw: dict[str, list[Any]] = {"fsync_per_s": [], "nothing": []}
    engines: dict[str, dict[str, str]] = {"SQLite": {}}
    for run in range(options.runs):
        for case, size in itertools.product(CASES, GOALS):
            how = {"size": size, "seconds": 5.0 if options.is_quick else 10.0, "connections": CONNECTIONS,
                   "is_new": case == "new"}  # fmt: skip
            with tempfile.TemporaryDirectory(prefix="sc-bench-") as name, ExitStack() as stack:
                folder = Path(name)
                if options.postgres:
                    database = stack.enter_context(empty_database(options.postgres, f"intake_{run}_{case}_{size}"))
                    engines["PostgreSQL"] = {"SC_DATABASE_URL": database}
                raw["fsync_per_s"].append(syncs_per_second(folder))
                raw.setdefault(f"Alertmanager {case} {size}", []).append(asyncio.run(alertmanager(folder, how)))
                for engine, environment in engines.items():
                    (folder / engine).mkdir()
                    taken = asyncio.run(staycalm(folder / engine, how, environment))
                    raw.setdefault(f"{engine} {case} {size}", []).append(taken)
                if size == 1 and case == "new":
                    raw["nothing"].append(asyncio.run(nothing(how)))
    kinds = itertools.product(engines, CASES, GOALS)
    found = [one for engine, case, size in kinds for one in figures(raw, engine, case, size)]
    return [*found, *floors(raw)], raw
