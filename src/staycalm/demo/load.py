"""The load generator: visitors who come, look, sometimes buy, and keep their cookie while they stay.

Open loop: requests start on time whether or not earlier ones have ended, so that a slow service is
seen as slow (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import aiohttp

VISIT_LENGTH = (1, 6)
PATHS = ("/", "/api/products", "/api/products", "/api/checkout")
TIMEOUT_S = 10.0


@dataclass
class Counts:
    """What the visitors saw since the last reset."""

    requests: int = 0
    failed: int = 0
    by_version: dict[str, int] = field(default_factory=dict)
    failed_by_version: dict[str, int] = field(default_factory=dict)
    first_failure_s: float | None = None
    last_from: dict[str, float] = field(default_factory=dict)


@dataclass
class _Visitor:
    cookie: str | None = None
    left: int = 0


class Load:
    """Sends `rate` requests per second to `url` with the host name of the shop until stopped."""

    def __init__(self, url: str, host: str, *, rate: float, seed: int = 1) -> None:
        self._url = url
        self._host = host
        self._rate = rate
        self._dice = random.Random(seed)
        self._visitors: list[_Visitor] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = Counts()
        self.total = Counts()

    def reset(self) -> Counts:
        """Return the counts so far and start anew."""
        ended, self.counts = self.counts, Counts()
        return ended

    async def run(self) -> None:
        """Send requests until cancelled."""
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=400, force_close=False)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            following = loop.time()
            try:
                while True:
                    following += self._dice.expovariate(self._rate)
                    await asyncio.sleep(max(0.0, following - loop.time()))
                    task = asyncio.create_task(self._visit(http))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            finally:
                for task in self._tasks:
                    task.cancel()

    def _next_visitor(self) -> _Visitor:
        if len(self._visitors) < 60 or self._dice.random() < 0.1:
            self._visitors.append(_Visitor(left=self._dice.randint(*VISIT_LENGTH)))
        visitor = self._dice.choice(self._visitors)
        visitor.left -= 1
        if visitor.left <= 0:
            self._visitors.remove(visitor)
        return visitor

    async def _visit(self, http: aiohttp.ClientSession) -> None:
        visitor = self._next_visitor()
        headers = {"Host": self._host} | ({"Cookie": visitor.cookie} if visitor.cookie else {})
        version, is_ok = "unknown", False
        try:
            async with http.get(self._url + self._dice.choice(PATHS), headers=headers) as response:
                body = await response.json(content_type=None)
                is_ok = response.status < 500
                if isinstance(body, dict):
                    version = str(body.get("version", "unknown"))
                for cookie in response.cookies.values():
                    visitor.cookie = f"{cookie.key}={cookie.value}"
        except (aiohttp.ClientError, TimeoutError, ValueError):
            is_ok = False
        for counts in (self.counts, self.total):
            self._count(counts, version, is_ok)

    @staticmethod
    def _count(counts: Counts, version: str, is_ok: bool) -> None:
        now = asyncio.get_running_loop().time()
        counts.requests += 1
        counts.by_version[version] = counts.by_version.get(version, 0) + 1
        counts.last_from[version] = now
        if not is_ok:
            counts.failed += 1
            counts.failed_by_version[version] = counts.failed_by_version.get(version, 0) + 1
            if counts.first_failure_s is None:
                counts.first_failure_s = now
