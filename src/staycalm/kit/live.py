"""Live pages: a topic that was touched is drawn once, at most every 250 ms, and sent to all who watch it.

The stream carries the fragment itself. One stream sent event by event to 500 browsers cost 91 % of a
core, coalesced 13 % (docs/why/web.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

logger = logging.getLogger("staycalm.live")
COALESCE_S = 0.25
KEEP_ALIVE_S = 15.0  # an event, not a comment: a browser tells its page nothing of comments
BUFFER = 64
MAX_TOPICS = 8
MOST_STREAMS = 200
EVERY = "*"
"""Ends a topic that stands for all of its kind, such as `calendar:*`."""

Draw = Callable[[str], Awaitable[str]]
"""Draws the part of a topic after its colon, e.g. `DEP-7` of `deployment:DEP-7`; may raise."""


@dataclass(eq=False)
class Watcher:
    """One open page. Its buffer is bounded: one that does not read is cut off and comes back by itself."""

    topics: frozenset[str]
    owner: str = ""
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(BUFFER))


def encode(topic: str, fragment: str, number: int) -> bytes:
    """Return one server-sent event (HTML standard, section 9.2.5): its data may span lines."""
    lines = "".join(f"data: {line}\n" for line in fragment.splitlines() or [""])
    return f"id: {number}\nevent: {topic}\n{lines}\n".encode()


class LiveHub:
    """Topics are `kind:key`; `draws` says for every kind how its fragment is drawn."""

    def __init__(self, draws: dict[str, Draw]) -> None:
        self._draws = draws
        self._watchers: set[Watcher] = set()
        self._dirty: set[str] = set()
        self._number = 0
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def watcher_count(self) -> int:
        return len(self._watchers)

    def is_watched(self, topic: str) -> bool:
        """Return whether any open page shows the topic."""
        return any(topic in watcher.topics for watcher in self._watchers)

    def watched(self) -> frozenset[str]:
        """Return every topic that some open page shows."""
        return frozenset().union(*(watcher.topics for watcher in self._watchers))

    def touch(self, *topics: str) -> None:
        """Every page that shows one of the topics (`kind:*`: of the kind) has it anew; any thread may call it."""
        if self._loop is not None and self._watchers and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._mark, topics)

    def _mark(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            every = topic.removesuffix(EVERY)
            self._dirty |= {topic} if every == topic else {t for t in self.watched() if t.startswith(every)}
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send what was touched until `stopping` is set; then every stream has ended."""
        self._loop = asyncio.get_running_loop()
        ended = asyncio.create_task(stopping.wait())
        while not stopping.is_set():
            woken = asyncio.create_task(self._wake.wait())
            await asyncio.wait({woken, ended}, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            for topic in sorted(dirty):
                await self._send(topic)
            await asyncio.wait({ended}, timeout=COALESCE_S)
        for watcher in list(self._watchers):
            self._cut(watcher)

    async def _send(self, topic: str) -> None:
        watchers = [watcher for watcher in self._watchers if topic in watcher.topics]
        if not watchers:
            return
        kind, _, key = topic.partition(":")
        try:
            fragment = await self._draws[kind](key)
        except Exception:  # the row boundary: one fragment that cannot be drawn must not end the stream
            logger.exception("a live fragment could not be drawn", extra={"topic": topic})
            return
        self._number += 1
        event = encode(topic, fragment, self._number)
        for watcher in watchers:
            try:
                watcher.queue.put_nowait(event)
            except asyncio.QueueFull:
                self._cut(watcher)

    def _cut(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        while not watcher.queue.empty():
            watcher.queue.get_nowait()
        watcher.queue.put_nowait(None)

    def known(self, topics: list[str]) -> frozenset[str]:
        """Return those of at most eight topics whose kind exists, each on one line as a stream needs it."""
        known = (t for t in topics[:MAX_TOPICS] if t.partition(":")[0] in self._draws and t.isprintable())
        return frozenset(known)

    def may_open(self, owner: str) -> bool:
        """Return whether the owner has fewer than 200 streams: one script must not take every connection."""
        return sum(watcher.owner == owner for watcher in self._watchers) < MOST_STREAMS

    async def stream(self, topics: frozenset[str], owner: str = "") -> AsyncIterator[bytes]:
        """Yield server-sent events, first every topic anew: nothing since the page was drawn is missed."""
        watcher = Watcher(topics, owner)
        self._watchers.add(watcher)
        try:
            yield b"retry: 1000\n\n"
            self.touch(*topics)
            while True:
                try:
                    event = await asyncio.wait_for(watcher.queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b"event: beat\ndata: still here\n\n"
                    continue
                if event is None:
                    return
                yield event
        finally:
            self._watchers.discard(watcher)
