"""A small fast service that is deployed by the product, and visitors of it in a process of their own."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running import Running

from staycalm.packing import file_digest, pack_directory

HOST = "shop.example"
FILE = """
organisation: {{name: Bench, escalation_policy: default}}
people:
  alice: {{name: Alice, email: alice@example.com}}
teams:
  platform: {{members: [alice]}}
environments:
  production: {{production: true}}
services:
  shop:
    team: platform
    placements:
      production:
        listener: {{address: 127.0.0.1, port: {port}}}
        hosts: [{host}]
        command: ["{python}", "-I", "-S", "shop.py"]
        health: {{path: /health}}
        smoke_tests: [/health]
        rollback: {{warm_for: 2s}}
escalation_policies:
  default: {{rounds: 1, steps: [{{page: person alice, wait: 24h}}]}}
"""
ENVIRONMENT = {
    "SC_DEPLOYMENTS_BASELINE_S": "2", "SC_DEPLOYMENTS_VERIFY_S": "1", "SC_DEPLOYMENTS_KEEP_FAILED_S": "1",
    "SC_DEPLOYMENTS_DRAIN_S": "1", "SC_DEPLOYMENTS_LATENCY_GRACE_S": "600",
}  # fmt: skip
# Answers `VERSION PID`; while the file `bad` of its build exists, the share in it of the answers is a 500.
PROGRAM = """
import asyncio, json, os, random
about = json.load(open("release.json"))
name = ("%s %d" % (about["version"], os.getpid())).encode()
bad, share, checked = about["bad"], 0.0, 0.0
def answer(status, body):
    return b"HTTP/1.1 %s\\r\\ncontent-length: %d\\r\\n\\r\\n%s" % (status, len(body), body)
fine, broken = answer(b"200 OK", name), answer(b"500 Internal Server Error", name)
async def watch():
    global share
    while True:
        try:
            share = float(open(bad).read() or 0)
        except (OSError, ValueError):
            share = 0.0
        await asyncio.sleep(0.02)
async def talk(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            is_health = head.startswith(b"GET /health ")
            writer.write(broken if not is_health and random.random() < share else fine)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(talk, "127.0.0.1", int(os.environ["PORT"]))
    await asyncio.gather(server.serve_forever(), watch())
asyncio.run(main())
"""
# Open loop: a request starts on time on a free connection, or on a new one. Prints one row per request at the end.
VISITORS = """
import asyncio, json, sys, time
port, rps, host = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
keeps_all = sys.argv[4] == "all"
free, seen, going = [], [], True
counts = {"requests": 0, "failed": 0}
request = b"GET / HTTP/1.1\\r\\nhost: " + host.encode() + b"\\r\\n\\r\\n"
async def visit():
    at, status, body, pair = time.monotonic(), 0, b"", None
    try:
        async with asyncio.timeout(5):
            pair = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
            pair[1].write(request)
            head = await pair[0].readuntil(b"\\r\\n\\r\\n")
            body = await pair[0].readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            status = int(head.split()[1])
            free.append(pair)
    except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, IndexError):
        if pair:
            pair[1].close()
    counts["requests"] += 1
    counts["failed"] += status != 200
    if keeps_all:
        seen.append((at, time.monotonic(), status, body.decode().partition(" ")[0]))
async def main():
    global going
    async def until_told():
        global going
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        going = False
    told = asyncio.create_task(until_told())
    begin, n, running = time.monotonic(), 0, set()
    while going:
        task = asyncio.create_task(visit())
        running.add(task)
        task.add_done_callback(running.discard)
        n += 1
        await asyncio.sleep(max(0.0, begin + n / rps - time.monotonic()))
    await asyncio.gather(*running)
    await told
asyncio.run(main())
json.dump({**counts, "seen": seen}, sys.stdout)
"""


@dataclass(frozen=True)
class Visit:
    """One request: when it was sent and answered (monotonic seconds), HTTP status (0: none) and who answered."""

    at: float
    until: float
    status: int
    version: str


@dataclass
class Visits:
    """What the visitors saw; filled when they have ended."""

    visits: list[Visit]
    requests: int = 0
    failed: int = 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def visitors(port: int, rps: float, *, keeps_all: bool = True) -> Iterator[Visits]:
    """So many requests per second are sent until the end of the block."""
    found = Visits([])
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        VISITORS,
        str(port),
        str(rps),
        HOST,
        "all" if keeps_all else "none",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield found
            output, _ = process.communicate(timeout=30)
            told = json.loads(output)
            found.visits.extend(Visit(*each) for each in told["seen"])
            found.requests, found.failed = told["requests"], told["failed"]
        finally:
            process.kill()


class Shop:
    """The shop behind the product's proxy on `port`. Every version has a file that makes it bad."""

    def __init__(self, running: Running, folder: Path, port: int) -> None:
        self._running = running
        self._folder = folder
        self.port = port

    @classmethod
    async def open(cls, running: Running, folder: Path) -> Shop:
        """Return the shop, declared and not yet deployed."""
        port = free_port()
        await running.apply(FILE.format(port=port, host=HOST, python=sys.executable))
        return cls(running, folder, port)

    def bad_file(self, version: str) -> Path:
        return self._folder / f"{version}.bad"

    async def deploy(self, version: str, steps: list[dict[str, Any]]) -> str:
        """Return the id of the deployment that has begun."""
        digest, packed = self._pack(version)
        http = self._running.http
        sending = http.put("/api/v1/releases/artifacts", params={"digest": digest}, data=packed)
        async with sending as answer:
            assert answer.ok, await answer.text()
        await self._post("/api/v1/releases", {"service": "shop", "digest": digest})
        wish = {"service": "shop", "environment": "production", "release": digest, "steps": steps,
                "hotfix": True, "reason": "measuring"}  # fmt: skip
        return str((await self._post("/api/v1/deployments", wish))["id"])

    async def wait(
        self, deployment: str, *, state: str = "", weight: float | None = None, within_s: float = 60.0
    ) -> dict[str, Any]:
        """Return the deployment once it is in the state, or its weight is confirmed; gives up in time."""
        now: dict[str, Any] = {}
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            async with self._running.http.get(f"/api/v1/deployments/{deployment}") as answer:
                now = await answer.json()
            if now["state"] == state or (weight is not None and now["weight"] == weight):
                return now
            if not now["is_running"]:
                break
            await asyncio.sleep(0.05)
        raise SystemExit(
            f"{deployment} is {now['state']} at {now['weight']}: {now['end_reason'] or now['problem']}"
        )

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._running.http.post(path, json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    def _pack(self, version: str) -> tuple[str, bytes]:
        build = self._folder / "builds" / version
        build.mkdir(parents=True)
        (build / "shop.py").write_text(PROGRAM, encoding="utf-8")
        about = {"version": version, "bad": str(self.bad_file(version))}
        (build / "release.json").write_text(json.dumps(about), encoding="utf-8")
        with tempfile.TemporaryFile() as packed:
            pack_directory(build, packed)
            packed.seek(0)
            digest, _ = file_digest(packed)
            packed.seek(0)
            return digest, packed.read()
