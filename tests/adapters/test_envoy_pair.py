"""Two proxies on the same ports: one is killed, the other goes on, and both do what they were told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.adapters.envoy.identity import IS_LINUX, look
from staycalm.adapters.envoy.kernel import hand_over
from staycalm.kit.clock import SystemClock
from staycalm.ports.traffic import Split
from tests.adapters.envoys import PATIENT
from tests.adapters.shop import Shop, open_shop, until
from tests.ports import free_port

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not IS_LINUX, reason="needs a kernel that shares ports"),
]
PAIR = replace(PATIENT, concurrency=1, pair=True)


def test_the_kernel_is_told_to_hand_connections_over_and_what_prevents_it_is_said(tmp_path: Path) -> None:
    switch = tmp_path / "tcp_migrate_req"
    switch.write_text("0\n")
    assert hand_over(switch) is None
    assert switch.read_text() == "1\n"
    assert hand_over(switch) is None
    older_kernel = hand_over(tmp_path / "missing")
    assert older_kernel is not None
    assert "sysctl -w net.ipv4.tcp_migrate_req=1" in older_kernel


@contextlib.asynccontextmanager
async def visitors(shop: Shop, *, attempts: int) -> AsyncIterator[list[str]]:
    """Somebody asks on new connections, without pause, and again where one broke; yields what failed even then."""
    failures: list[str] = []
    request = f"GET / HTTP/1.1\r\nHost: {shop.host}\r\nConnection: close\r\n\r\n".encode()
    is_over = asyncio.Event()

    async def ask() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
        try:
            writer.write(request)
            return (await reader.read())[:15].decode()
        finally:
            writer.close()

    async def visit() -> None:
        while not is_over.is_set():
            answer = ""
            for _ in range(attempts):
                if not answer:
                    with contextlib.suppress(ConnectionResetError):
                        answer = await ask()
            if answer != "HTTP/1.1 200 OK":
                failures.append(answer)

    tasks = [asyncio.create_task(visit()) for _ in range(4)]
    try:
        yield failures
    finally:
        is_over.set()
        await asyncio.gather(*tasks)


def test_when_one_of_a_pair_is_killed_the_other_serves_and_it_comes_back_with_the_weights(tmp_path: Path) -> None:
    async def story() -> None:
        router = EnvoyRouter(tmp_path, PAIR, SystemClock())
        await router.start()
        try:
            async with open_shop(router, free_port()) as shop:
                generation = await shop.weigh(50)
                # Where the kernel may not be told to hand connections over, the second may be lost as well.
                async with visitors(shop, attempts=2 if router.pair_problem is None else 3) as failures:
                    for killed in router.pids:
                        os.kill(killed, signal.SIGKILL)

                        async def is_back(killed: int = killed) -> bool:
                            seen = await router.observe(shop.placement)
                            is_new = killed not in router.pids and len(router.pids) == 2
                            return is_new and all(one.generation == generation for one in seen)

                        await until(is_back)
                assert failures == []
                assert router.restarts == 2
                for one in await router.observe(shop.placement):
                    assert one.is_live
                    assert one.split == Split("blue", "green", 50.0)
        finally:
            await router.stop()

    asyncio.run(story())


def test_a_pair_shifts_rolls_back_and_counts_as_one(tmp_path: Path) -> None:
    async def story() -> None:
        router = EnvoyRouter(tmp_path, PAIR, SystemClock())
        await router.start()
        try:
            async with open_shop(router, free_port()) as shop:
                await shop.weigh(100)
                cursor = (await router.samples(shop.placement, None)).cursor
                # Every request is a new connection, so that both get some: one alone in 2 of 2^40 runs.
                assert await shop.ask_times(40, Connection="close") == {(200, "green"): 40}
                found = await shop.samples_of(cursor, 40)
                assert (found.slots["green"].total, len(found.requests), found.was_reset) == (40, 40, False)

                async def is_timed() -> bool:  # each proxy merges its histograms once in a while
                    later = await router.samples(shop.placement, cursor)
                    return sum(count for _, count in later.slots["green"].latency_buckets) == 40

                await until(is_timed)
                await router.roll_back(shop.placement)
                assert await shop.ask_times(40) == {(200, "blue"): 40}
                assert await router.wait_drained(shop.placement, "green", deadline_s=60.0)
        finally:
            await router.stop()

    asyncio.run(story())


def test_a_pair_is_taken_over_whole_and_becomes_one_when_the_settings_say_so(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, PAIR, SystemClock())
        await first.start()
        async with open_shop(first, free_port()) as shop:
            await shop.weigh(100)
            pids = first.pids
            await first.detach()
            os.kill(pids[0], signal.SIGKILL)
            second = EnvoyRouter(tmp_path, PAIR, SystemClock())
            assert await second.start() is False
            assert second.pids[1] == pids[1]
            await second.detach()
            shop.router = third = EnvoyRouter(tmp_path, replace(PAIR, pair=False), SystemClock())
            try:
                assert await third.start() is True
                assert third.pids == (second.pids[0],)
                assert look(pids[1]) is None
                assert await shop.ask_times(20) == {(200, "green"): 20}
            finally:
                await third.stop()
        await first.start()
        pids = first.pids
        await first.detach()
        assert await EnvoyRouter(tmp_path, PAIR, SystemClock()).end_found() is True
        assert [look(pid) for pid in pids] == [None, None]

    asyncio.run(story())
