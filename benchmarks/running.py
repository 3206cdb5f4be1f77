"""A real server on a data directory of its own, for the benchmarks that talk to one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

PATIENCE_S = 60.0


def launched(directory: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Return the server's process; its log lies beside its data directory."""
    with open(directory.parent / "server.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "staycalm.app", "up", "--data", str(directory)],
            env={**os.environ, "SC_SERVER_PORT": "0", "SC_ENVOY_DIE_WITH_PARENT": "true",
                 "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8", **(environment or {})},
            stdout=log, stderr=log,
        )  # fmt: skip


async def started(process: subprocess.Popen[bytes], directory: Path) -> aiohttp.ClientSession:
    """Return a session with the server once it is listening."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            found = json.loads((directory / "server.json").read_text())
            token = (directory / "cli-token").read_text().strip()
            if found["pid"] == process.pid:
                return aiohttp.ClientSession(found["url"], headers={"Authorization": f"Bearer {token}"})
        except (OSError, ValueError, KeyError):
            pass
        await asyncio.sleep(0.02)
    raise SystemExit(f"the server did not start:\n{(directory.parent / 'server.log').read_text()[-2000:]}")


@dataclass(frozen=True)
class Running:
    """A server that answers; `http` speaks to it in the name of the local admin."""

    http: aiohttp.ClientSession
    process: subprocess.Popen[bytes]
    directory: Path
    ready_s: float

    @property
    def url(self) -> str:
        return str(json.loads((self.directory / "server.json").read_text())["url"])

    @property
    def token(self) -> str:
        return (self.directory / "cli-token").read_text().strip()

    async def apply(self, text: str) -> None:
        """This service file is in force."""
        async with self.http.post("/api/v1/catalog/apply", json={"text": text}) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def server(directory: Path, environment: dict[str, str] | None = None) -> AsyncIterator[Running]:
    """A server runs on the directory and is ended afterwards, its Envoy too."""
    began = time.monotonic()
    process = launched(directory, environment)
    try:
        async with await started(process, directory) as http:
            while True:
                async with http.get("/health") as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.02)
            yield Running(http, process, directory, time.monotonic() - began)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
