"""The proxy's life: started, owned by one controller, started anew, drained and ended, on a real Envoy."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import Fenced, InvalidSpec
from tests.adapters.envoys import QUICK, is_gone, running
from tests.adapters.shop import open_shop, until
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def test_other_settings_start_another_proxy_with_the_same_weights(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        async with open_shop(first, free_port()) as shop:
            await shop.weigh(100)
            pid = first.pid
            await first.detach()
            async with running(tmp_path, replace(QUICK, concurrency=1)) as second:
                assert second.pid != pid
                assert await shop.ask() == (200, "green")

    asyncio.run(story())


def test_a_port_that_was_taken_meanwhile_is_told_at_the_start(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        router = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await router.start()
        async with open_shop(router, port):
            await router.stop()
            with socket.create_server(("127.0.0.1", port)), pytest.raises(InvalidSpec, match="taken"):
                await router.start()
            assert router.pid is None
        assert await router.start() is False
        await router.stop()

    asyncio.run(story())


def test_two_controllers_never_drive_one_proxy(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router:
            with pytest.raises(Fenced, match="another process"):
                await EnvoyRouter(tmp_path, QUICK, SystemClock()).start()
            assert router.pid is not None

    asyncio.run(story())


def test_stopping_lets_requests_in_flight_finish_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        router = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await router.start()
        pid = router.pid
        assert pid is not None
        async with open_shop(router, free_port()) as shop:
            await shop.weigh(0)
            shop.blue.mode = "hang"
            waiting = asyncio.create_task(shop.ask())

            async def is_in_flight() -> bool:
                return len(shop.blue.seen) == 1

            await until(is_in_flight)
            stopping = asyncio.create_task(router.stop())

            async def is_draining() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", shop.port)) != 0

            await until(is_draining)
            shop.blue.release.set()
            assert await waiting == (200, "blue")
            await stopping
        assert await is_gone(pid)
        assert not (tmp_path / "envoy.pid").exists()

    asyncio.run(story())


def test_only_the_owner_can_ask_or_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path):
            modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path, tmp_path / "admin.sock")]
            assert modes == [0o700, 0o600]
            connector = aiohttp.UnixConnector(str(tmp_path / "admin.sock"))
            async with (
                aiohttp.ClientSession(connector=connector) as http,
                http.post("http://envoy/quitquitquit") as answer,
            ):
                assert answer.status == 403

    asyncio.run(story())


def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    async def story() -> None:
        deep = tmp_path / ("d" * 60) / ("e" * 60)
        async with running(deep) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            assert await shop.ask() == (200, "green")

    asyncio.run(story())
