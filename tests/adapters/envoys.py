"""Real Envoys, with settings for a busy machine: everything answers, only later than in production."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings
from staycalm.adapters.envoy.identity import look
from staycalm.kit.clock import SystemClock
from tests.adapters.shop import Instance, Shop
from tests.ports import free_port

PATIENT = EnvoySettings(
    admin_timeout_s=30.0, start_timeout_s=60.0, connect_timeout_s=30.0, health_timeout_s=30.0, drain_timeout_s=30.0
)
QUICK = replace(PATIENT, certificate_poll_s=0.1, concurrency=2)
R = TypeVar("R")
Tell = Callable[..., None]


@contextlib.asynccontextmanager
async def running(directory: Path, settings: EnvoySettings = QUICK) -> AsyncIterator[EnvoyRouter]:
    router = EnvoyRouter(directory, settings, SystemClock())
    await router.start()
    try:
        yield router
    finally:
        await router.stop()


async def is_gone(pid: int) -> bool:
    return look(pid) is None


class EnvoyWorld:
    """One Envoy for a whole file of stories; an idle placement keeps its listener open between them."""

    def __init__(self, directory: Path, settings: EnvoySettings) -> None:
        self._runner = asyncio.Runner()
        self.directory, self.port = directory, free_port()
        self.router = EnvoyRouter(directory, settings, SystemClock())
        self.run(self._open())

    async def _open(self) -> None:
        await self.router.start()
        keeper = Shop(
            self.router, self.port, "keeper", Instance("blue"), Instance("green"), aiohttp.ClientSession()
        )
        await self.router.ensure(keeper.spec())
        await keeper.http.close()

    def run(self, story: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(story)

    def close(self) -> None:
        self.run(self.router.stop())
        self._runner.close()
