"""The sample shop: one file, standard library alone, real HTTP/1.1 with keep-alive.

It is the artifact the demonstration deploys. `release.json` beside it says how this version behaves:
`{"version": "v3", "error_rate": 0.05, "slowdown": 1.0}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

PRODUCTS = [{"id": n, "name": name, "price": price} for n, (name, price) in enumerate(
    [("Kettle", 39.0), ("Teapot", 24.5), ("Mug", 9.9), ("Tea", 6.2), ("Honey", 7.4)], start=1)]  # fmt: skip
BASE_LATENCY_S = 0.012


def load_release() -> dict[str, Any]:
    """Return how this version behaves."""
    release = json.loads((Path(__file__).parent / "release.json").read_text(encoding="utf-8"))
    return {"error_rate": 0.0, "slowdown": 1.0, **release}


async def answer(path: str, release: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return (status, body). Health and version answer at once; the shop takes its time, as shops do."""
    if path == "/health":
        return 200, {"status": "ok", "version": release["version"]}
    if path == "/api/version":
        return 200, {"version": release["version"]}
    # Log-normal latency: most answers near the base, a tail of slow ones.
    await asyncio.sleep(BASE_LATENCY_S * random.lognormvariate(0, 0.35) * release["slowdown"])
    if random.random() < release["error_rate"]:
        print(f"ERROR checkout failed: inventory lookup returned None (path={path})", file=sys.stderr, flush=True)
        return 500, {"error": "inventory lookup failed"}
    if path.startswith("/api/products"):
        return 200, {"version": release["version"], "products": PRODUCTS}
    if path.startswith("/api/checkout"):
        return 200, {"version": release["version"], "order": int(time.time() * 1000)}
    if path == "/":
        return 200, {"shop": "The Calm Kettle", "version": release["version"]}
    return 404, {"error": "no such page"}


class Shop:
    """Serves connections until told to stop; then finishes what it has begun."""

    def __init__(self, release: dict[str, Any]) -> None:
        self.release = release
        self.is_stopping = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.is_stopping:
                request = await reader.readuntil(b"\r\n\r\n")
                line, _, headers = request.partition(b"\r\n")
                path = line.split(b" ")[1].decode().split("?")[0]
                for header in headers.lower().split(b"\r\n"):
                    if header.startswith(b"content-length:"):
                        await reader.readexactly(int(header.split(b":")[1]))
                status, body = await answer(path, self.release)
                content = json.dumps(body).encode()
                connection = "close" if self.is_stopping else "keep-alive"
                head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
                rest = f"content-length: {len(content)}\r\nconnection: {connection}\r\n\r\n"
                writer.write(head.encode() + rest.encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


async def main() -> None:
    release = load_release()
    shop = Shop(release)
    stopping = asyncio.Event()
    server = await asyncio.start_server(shop.serve, "127.0.0.1", int(os.environ["PORT"]))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    print(f"The Calm Kettle {release['version']} listens on port {os.environ['PORT']}", flush=True)
    await stopping.wait()
    shop.is_stopping = True
    server.close()
    await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
