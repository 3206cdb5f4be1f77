"""How many alerts per second are taken in over HTTP and answered after the commit, beside Alertmanager.

`python benchmarks --only intake`

In the same run both get the same alerts (10,000 different ones in turn) over the same number of connections, from
a client process of its own with bodies made beforehand. StayCalm answers after fsync; Alertmanager keeps alerts in
memory and writes none to disk. All are
known after the first second or two; from then on half of what is sent changes one. How often this disk keeps a
single write per second is a figure, too.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from postgres import empty_database
from report import Figure, Options
from running import server

DIFFERENT = 10_000
CONNECTIONS = 16
GOALS = {100: 10_000.0, 1: 2_000.0}


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


def send(url: str, headers: dict[str, str], bodies: list[bytes], how: dict[str, Any], answer: Connection) -> None:
    """Send the bodies in turn until the time is over; answer how many were answered 2xx, and in what time."""

    async def run() -> tuple[int, float]:
        done, nth = 0, 0
        connector = aiohttp.TCPConnector(limit=how["connections"])
        async with aiohttp.ClientSession(headers=headers, connector=connector) as http:

            async def one(end: float) -> None:
                nonlocal done, nth
                while time.monotonic() < end:
                    body, nth = bodies[nth % len(bodies)], nth + 1
                    async with http.post(url, data=body) as reply:
                        text = await reply.read()
                        assert reply.status in (200, 201), text[:300]
                    done += 1

            await asyncio.gather(*(one(time.monotonic() + 1.0) for _ in range(how["connections"])))
            done, began = 0, time.monotonic()
            await asyncio.gather(*(one(began + how["seconds"]) for _ in range(how["connections"])))
            return done, time.monotonic() - began

    answer.send(asyncio.run(run()))


async def rate(url: str, headers: dict[str, str], make: Callable[[int, int], Any], how: dict[str, Any]) -> float:
    """Return alerts per second."""
    size = how["size"]
    # In every round a label of half the alerts is another than before, as when values move.
    alerts = [make(number, (turn + number % 2) // 2 % 2) for turn in range(4) for number in range(DIFFERENT)]
    bodies = [json.dumps(alerts[at : at + size]).encode() for at in range(0, len(alerts), size)]
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(url, headers, bodies, how, there))
    sender.start()
    requests, seconds = await asyncio.to_thread(here.recv)
    sender.join()
    return float(size * requests / seconds)


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


async def alertmanager(folder: Path, how: dict[str, Any]) -> float | None:
    """Return what the peer takes in; None where it is not installed."""
    port = free_port()
    process = launch_alertmanager(folder, port)
    if process is None:
        return None
    try:
        url = f"http://127.0.0.1:{port}/api/v2/alerts"
        async with aiohttp.ClientSession() as http:
            for _ in range(200):
                try:
                    async with http.get(url):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        return await rate(url, {"Content-Type": "application/json"}, for_alertmanager, how)
    finally:
        process.terminate()
        process.wait(10)


async def staycalm(folder: Path, how: dict[str, Any], environment: dict[str, str]) -> float:
    async with server(folder / "data", environment) as running:
        headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"}
        return await rate(f"{running.url}/api/v1/alerts/webhook", headers, for_staycalm, how)


def syncs_per_second(folder: Path, seconds: float = 2.0) -> float:
    """Return how often this disk keeps 4 KiB appended to a file, one after another."""
    with open(folder / "sync", "wb", buffering=0) as file:
        began, many = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            many += 1
        return many / (time.monotonic() - began)


def figure(raw: dict[str, Any], engine: str, size: int, goal: float) -> Figure:
    what, ours = f"alerts taken in, batches of {size}, {engine}", statistics.median(raw[f"{engine} {size}"])
    peers = [one for one in raw[f"Alertmanager {size}"] if one is not None]
    peer = statistics.median(peers) if peers else None
    return Figure(what, ours, "/s", goal, is_rate=True, peer=peer, peer_name="Alertmanager")


def measured(options: Options) -> tuple[list[Figure], Any]:
    raw: dict[str, Any] = {"fsync_per_s": []}
    seconds = 5.0 if options.is_quick else 10.0
    for run in range(options.runs):
        for size in GOALS:
            how = {"size": size, "seconds": seconds, "connections": CONNECTIONS}
            with tempfile.TemporaryDirectory(prefix="sc-bench-") as name, ExitStack() as stack:
                folder = Path(name)
                engines: dict[str, dict[str, str]] = {"SQLite": {}}
                if options.postgres:
                    database = stack.enter_context(empty_database(options.postgres, f"intake_{run}_{size}"))
                    engines["PostgreSQL"] = {"SC_DATABASE_URL": database}
                raw["fsync_per_s"].append(syncs_per_second(folder))
                raw.setdefault(f"Alertmanager {size}", []).append(asyncio.run(alertmanager(folder, how)))
                for engine, environment in engines.items():
                    (folder / engine).mkdir()
                    taken = asyncio.run(staycalm(folder / engine, how, environment))
                    raw.setdefault(f"{engine} {size}", []).append(taken)
    found = [figure(raw, engine, size, goal) for engine in engines for size, goal in GOALS.items()]
    syncs = Figure("single writes this disk keeps (fsync)", statistics.median(raw["fsync_per_s"]), "/s")
    return [*found, syncs], raw
