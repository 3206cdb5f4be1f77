"""A real HTTP server on this machine whose answers a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from tests.adapters.channel_suite import Answer, Received

STATUS = {"accept": 200, "later": 503, "never": 404}


class HttpPeer:
    """Keeps every request it accepted. `status` wins over `answer`."""

    def __init__(self, read: Callable[[web.Request, bytes], Received]) -> None:
        self.answer: Answer = "accept"
        self.status: int | None = None
        self.answer_headers: dict[str, str] = {}
        self.is_endless = False
        self.received: list[Received] = []
        self.requests: list[tuple[web.Request, bytes]] = []
        self.port = 0
        self._read = read
        self._runner: web.ServerRunner | None = None
        self._hang = asyncio.Event()

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        self._hang.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.answer == "hang":
            await self._hang.wait()
        status = self.status or STATUS.get(self.answer, 200)
        if status == 200:
            self.requests.append((request, body))  # type: ignore[arg-type]
            self.received.append(self._read(request, body))  # type: ignore[arg-type]
        if self.is_endless:
            return await self._endless(request)
        return web.Response(status=status, headers=self.answer_headers, text="ok")

    async def _endless(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while not self._hang.is_set():
            await answer.write(b"x" * 65536)
        return answer
