"""A metrics server of prepared answers, and a metric source that asks one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from staycalm.adapters.prometheus import PrometheusSettings, PrometheusSource
from staycalm.kit.clock import SystemClock
from staycalm.ports.metrics import Reading

TEXT = {"Content-Type": "text/plain; version=0.0.4"}


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Peer:
    """An HTTP server that gives prepared answers and remembers what it was asked."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.answer()

        def answer(self) -> None:
            peer.seen.append(dict(self.headers))
            body = peer.body.encode()
            self.send_response(peer.status)
            for name, value in {**peer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    peer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    settings: PrometheusSettings, *expressions: str, clock: Any = None, timeout_s: float = 5.0
) -> list[Reading]:
    async def run() -> list[Reading]:
        source = PrometheusSource(settings, clock or SystemClock())
        try:
            at = SystemClock().now()
            return [await source.query(e, at=at, timeout_s=timeout_s) for e in expressions]
        finally:
            await source.close()

    return asyncio.run(run())
