"""The proxy is killed or hangs, its controller dies, or a candidate: what outlives whom, on a real Envoy."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.adapters.envoy.identity import look
from staycalm.kit.clock import SystemClock
from staycalm.ports.traffic import Endpoint, Split
from tests.adapters.envoys import QUICK, is_gone, running
from tests.adapters.shop import Shop, open_shop, until
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def test_a_killed_proxy_comes_back_with_the_last_weights(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            cursor = (await router.samples(shop.placement, None)).cursor
            await shop.ask_times(10)
            killed = router.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)

            async def is_back() -> bool:
                return router.pid not in (None, killed) and (await router.observe(shop.placement))[0].is_live

            await until(is_back)
            assert await shop.ask_times(20) == {(200, "green"): 20}
            assert router.restarts == 1
            found = await shop.samples_of(cursor, 20)
            assert found.was_reset
            assert found.slots["green"].total == 20
            await router.roll_back(shop.placement)
            assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_a_proxy_that_hangs_is_ended_and_comes_back_with_the_last_weights(tmp_path: Path) -> None:
    async def story() -> None:
        # An answer that only this busy machine makes late counts for half, and none takes a second and a half.
        impatient = replace(QUICK, admin_timeout_s=1.5, liveness_interval_s=0.1, liveness_misses=1)
        async with running(tmp_path, impatient) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            hung = router.pid
            assert hung is not None
            os.kill(hung, signal.SIGSTOP)

            async def is_back() -> bool:
                return router.pid not in (None, hung) and (await router.observe(shop.placement))[0].is_live

            await until(is_back)
            assert look(hung) is None
            assert await shop.ask_times(20) == {(200, "green"): 20}

    asyncio.run(story())


def test_a_proxy_survives_its_controller_and_is_taken_over_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        assert await first.start() is False
        async with open_shop(first, free_port()) as shop:
            generation = await shop.weigh(100)
            cursor = (await first.samples(shop.placement, None)).cursor
            pid = first.pid
            await first.detach()
            assert await shop.ask_times(10) == {(200, "green"): 10}
            shop.router = second = EnvoyRouter(tmp_path, QUICK, SystemClock())
            try:
                assert await second.start() is True
                assert second.pid == pid
                (edge,) = await second.observe(shop.placement)
                assert (edge.generation, edge.split) == (generation, Split("blue", "green", 100.0))
                found = await shop.samples_of(cursor, 10)
                assert (found.slots["green"].total, found.was_reset) == (10, False)
                await second.roll_back(shop.placement)
                assert await shop.ask() == (200, "blue")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

                async def is_back() -> bool:
                    return second.pid not in (None, pid) and (await second.observe(shop.placement))[0].is_live

                await until(is_back)
                assert await shop.ask() == (200, "blue")
            finally:
                await second.stop()

    asyncio.run(story())


DYING_PARENT = """
import asyncio, sys
from pathlib import Path
from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings
from staycalm.kit.clock import SystemClock
async def main():
    router = EnvoyRouter(Path(sys.argv[1]), EnvoySettings(die_with_parent=True), SystemClock())
    await router.start()
    print(router.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="death with the parent needs Linux")
def test_a_demonstrations_proxy_dies_with_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DYING_PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert look(pid) is not None
        parent.kill()
    asyncio.run(until(lambda: is_gone(pid)))


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Green(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"green")
    def log_message(self, *arguments):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Green)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_killing_the_candidate_at_half_the_traffic_fails_no_request(tmp_path: Path) -> None:
    async def story(shop: Shop, candidate: subprocess.Popen[bytes]) -> None:
        await shop.weigh(50)
        cursor = (await shop.router.samples(shop.placement, None)).cursor
        before = await shop.ask_times(200)
        load = asyncio.create_task(shop.ask_times(600))
        candidate.kill()
        assert set(before) == {(200, "blue"), (200, "green")}
        assert {status for status, _ in await load} == {200}
        found = await shop.samples_of(cursor, 800)
        assert any(record.is_bad for record in found.requests if record.slot == "green")
        assert not any(record.is_bad for record in found.requests if record.slot == "blue")

    async def with_(candidate: subprocess.Popen[bytes], green: Endpoint) -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await router.ensure(shop.spec(members={"blue": (shop.blue.endpoint,), "green": (green,)}))
            await story(shop, candidate)

    command = [sys.executable, "-I", "-S", "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as candidate:
        try:
            assert candidate.stdout is not None
            asyncio.run(with_(candidate, Endpoint("127.0.0.1", int(candidate.stdout.readline()))))
        finally:
            candidate.kill()
