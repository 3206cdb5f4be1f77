"""A shop behind a real proxy: two instances that say who they are, and clients that ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from staycalm.core.placement import Placement
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Samples, Slot, Split, TrafficRouter
from tests.ports import free_port

TOKEN = "a-preview-token-0123"
_DEADLINE_S = 60.0


async def until(claim: Callable[[], Awaitable[bool]], *, deadline_s: float = _DEADLINE_S) -> None:
    """The claim holds; fails when it does not within the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not await claim():
        assert loop.time() < end, "the state was not reached in time"
        await asyncio.sleep(0.01)


@dataclass
class Instance:
    """A real HTTP server that says which slot it is. `mode` is ok, hang, reset or a status."""

    name: str
    port: int = field(default_factory=free_port)
    mode: str = "ok"
    seen: list[dict[str, str]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/health":
            return web.Response(text="ok")
        if request.path == "/echo":
            return await self.echo(request)
        self.seen.append({key.lower(): value for key, value in request.headers.items()})
        if self.mode == "hang":
            await self.release.wait()
        if self.mode == "reset" and request.transport is not None:
            request.transport.abort()
        return web.Response(text=self.name, status=int(self.mode) if self.mode.isdigit() else 200)

    async def echo(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{self.name}: {message.data}")
        return socket

    async def start(self) -> Instance:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        self.release.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@dataclass
class Shop:
    """One placement behind the proxy, with both slots running."""

    router: TrafficRouter
    port: int
    name: str
    blue: Instance
    green: Instance
    http: aiohttp.ClientSession
    generation: int = 0

    @property
    def placement(self) -> Placement:
        return Placement(self.name, "production")

    @property
    def host(self) -> str:
        return f"{self.name}.example"

    def spec(self, **changes: Any) -> RouteSpec:
        values: dict[str, Any] = {
            "placement": self.placement,
            "listener": Listener("127.0.0.1", self.port),
            "hosts": (self.host,),
            "candidate_hosts": (f"green.{self.host}",),
            "members": {"blue": (self.blue.endpoint,), "green": (self.green.endpoint,)},
        }
        return RouteSpec(**{**values, **changes})

    async def weigh(self, weight: float, *, stable: Slot = "blue", token: str | None = None) -> int:
        """The other slot has the weight; returns the generation, which leaves room for a rollback's."""
        self.generation += 2
        split = Split(stable, "green" if stable == "blue" else "blue", weight, token)
        await self.router.set_split(
            self.placement, split, generation=self.generation, fence=1, deadline_s=_DEADLINE_S
        )
        return self.generation

    async def ask(
        self, path: str = "/", *, method: str = "GET", host: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Return (status, body) of one request by a new client."""
        headers["Host"] = host or self.host
        async with self.http.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def ask_times(self, count: int, **named: Any) -> Counter[tuple[int, str]]:
        """Return how often each (status, body) came."""
        answers: Counter[tuple[int, str]] = Counter()
        for start in range(0, count, 20):
            answers.update(await asyncio.gather(*(self.ask(**named) for _ in range(min(20, count - start)))))
        return answers

    async def new_cookie(self) -> str:
        """Return the sticky cookie that a first request is given."""
        url = f"http://127.0.0.1:{self.port}/"
        async with self.http.get(url, headers={"Host": self.host}) as answer:
            return answer.headers["Set-Cookie"].partition(";")[0]

    async def samples_of(self, cursor: str, count: int) -> Samples:
        """Return the samples once `count` requests are in the log and in the counters."""
        found: list[Samples] = []

        async def is_complete() -> bool:
            found.append(await self.router.samples(self.placement, cursor))
            counted = sum(slot.total for slot in found[-1].slots.values())
            return min(len(found[-1].requests), counted) >= count

        await until(is_complete)
        return found[-1]


_NAMES = (f"shop-{number}" for number in range(1, 10_000))


@contextlib.asynccontextmanager
async def open_shop(router: TrafficRouter, port: int, **changes: Any) -> Any:
    """A declared placement, with both slots answering; gone afterwards."""
    name = next(_NAMES)
    blue, green = await Instance("blue").start(), await Instance("green").start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        shop = Shop(router, port, name, blue, green, http)
        try:
            await router.ensure(shop.spec(**changes))
            yield shop
        finally:
            with contextlib.suppress(Exception):
                await router.remove(shop.placement)
            for instance in (blue, green):
                await instance.stop()


Story = Callable[[Shop], Coroutine[Any, Any, None]]
