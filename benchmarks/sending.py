"""Requests as fast as they are answered, from a process that costs little itself.

A connection sends its next request when the last one was answered (closed loop, keep-alive, no pipelining).
Requests are written and answers are read as bytes, without an HTTP library: about 40 µs of processor time per
request, where aiohttp's client takes 300 to 400 and would be what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from processes import processor_s

WARM_UP_S = 1.5


@dataclass(frozen=True)
class Load:
    """What to send where, over how many connections. `pid` is the process whose processor time counts."""

    url: str
    headers: dict[str, str]
    bodies: list[bytes]
    connections: int
    seconds: float
    pid: int


@dataclass(frozen=True)
class Answered:
    """How many requests were answered 2xx in how many seconds, and the server's processor time meanwhile."""

    requests: int
    seconds: float
    processor_s: float


def made(load: Load) -> list[bytes]:
    """Return the requests as they go over the wire."""
    parts = urlsplit(load.url)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{k}: {v}" for k, v in load.headers.items()),
    ]
    head = "\r\n".join(lines).encode()
    return [b"%s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body) for body in load.bodies]


class Turn:
    """Hands the requests out in turn until the time is over."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.nth = self.done = 0
        self.end = 0.0

    def next(self) -> bytes | None:
        if time.monotonic() >= self.end:
            return None
        self.nth += 1
        return self.requests[self.nth % len(self.requests)]


class Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._read = b""
        self._transport: Any = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, mark, body = self._read.partition(b"\r\n\r\n")
        if not mark or len(body) < length_of(head):
            return
        if head[9:11] != b"20":
            self.ended.set_exception(AssertionError(self._read[:500].decode(errors="replace")))
            self._transport.close()
            return
        self._read = b""
        self._turn.done += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error) if error else self.ended.set_result(None)

    def _send(self) -> None:
        request = self._turn.next()
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)


def length_of(head: bytes) -> int:
    _, mark, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if mark else 0


async def _run(load: Load) -> Answered:
    turn, parts = Turn(made(load)), urlsplit(load.url)
    loop = asyncio.get_running_loop()

    async def phase(seconds: float) -> Answered:
        began, before, turn.done = time.monotonic(), processor_s(load.pid), 0
        turn.end = began + seconds
        senders = [
            (await loop.create_connection(lambda: Sender(turn), parts.hostname or "", parts.port or 80))[1]
            for _ in range(load.connections)
        ]
        await asyncio.gather(*(each.ended for each in senders))
        return Answered(turn.done, time.monotonic() - began, processor_s(load.pid) - before)

    await phase(WARM_UP_S)
    return await phase(load.seconds)


def _child(load: Load, answer: Connection) -> None:
    answer.send(asyncio.run(_run(load)))


async def send(load: Load) -> Answered:
    """Send from a process of its own; the event loop of this one stays free."""
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=_child, args=(load, there))
    sender.start()
    there.close()  # a sender that failed closes the last end, and the wait for its answer is over
    try:
        found: Answered = await asyncio.to_thread(here.recv)
    finally:
        sender.join()
    return found
