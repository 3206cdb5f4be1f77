"""The route files: one that is refused, damaged, changed by nobody we know, or cannot be written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.adapters.envoy.files import Layout, draft
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import Fenced, OutsideUnavailable, Rejected
from staycalm.ports.traffic import Split
from tests.adapters.envoys import QUICK, running
from tests.adapters.shop import Shop, open_shop, until
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def test_a_refused_file_leaves_the_old_routes_in_force(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            generation = await shop.weigh(100)
            edge = router._now_running.edge
            known = edge.placed[shop.placement]
            broken = replace(
                known, spec=shop.spec(path_prefix="/no?query"), generation=generation + 1, split=Split("blue")
            )
            with pytest.raises(Rejected):
                await edge.shift(broken, deadline=asyncio.get_running_loop().time() + 60)
            assert await shop.ask_times(20) == {(200, "green"): 20}
            (seen,) = await router.observe(shop.placement)
            assert (seen.generation, seen.rejections, seen.problem) == (generation, 1, None)
            await shop.weigh(0)
            assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_a_damaged_route_file_is_told_and_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        port = free_port()
        async with open_shop(first, port) as shop:
            generation = await shop.weigh(100)
            (tmp_path / "drafts" / "noise").write_text("{ not json")
            os.replace(tmp_path / "drafts" / "noise", tmp_path / "rds" / f"127.0.0.1_{port}" / "routes.json")

            async def is_told() -> bool:
                return (await first.observe(shop.placement))[0].rejections == 1

            await until(is_told)
            assert await shop.ask() == (200, "green")
            await first.detach()
            async with running(tmp_path) as second:
                shop.router = second
                (edge,) = await second.observe(shop.placement)
                assert edge.generation == generation
                assert await shop.ask() == (200, "green")
                await second.roll_back(shop.placement)
                assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_a_rollback_made_while_nobody_drove_is_adopted(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        port = free_port()
        async with open_shop(first, port) as shop:
            generation = await shop.weigh(100)
            await first.detach()
            live = tmp_path / "rds" / f"127.0.0.1_{port}" / "routes.json"
            os.replace(tmp_path / "reserved" / f"{shop.placement}.json", live)
            async with running(tmp_path) as second:
                shop.router = second
                (edge,) = await second.observe(shop.placement)
                assert (edge.generation, edge.split) == (generation + 1, Split("blue", "green", 0.0))
                with pytest.raises(Fenced):
                    await second.set_split(
                        shop.placement, Split("blue", "green", 100.0), generation=generation, fence=1
                    )
                assert await shop.ask() == (200, "blue")

    asyncio.run(story())


@contextlib.contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Nothing new can be written there; what lies there can be renamed, and changed within its size."""
    drafts, away = directory / "drafts", directory / "away"
    os.rename(drafts, away)
    # A directory in which nobody can make a file, root neither.
    drafts.symlink_to("/proc")
    try:
        yield
    finally:
        os.unlink(drafts)
        os.rename(away, drafts)


async def is_told(shop: Shop) -> bool:
    return "No such file" in ((await shop.router.observe(shop.placement))[0].problem or "")


async def is_well(shop: Shop) -> bool:
    return (await shop.router.observe(shop.placement))[0].problem is None


def test_rolling_back_works_when_nothing_new_can_be_written(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with running(tmp_path) as router, open_shop(router, port) as left, open_shop(router, port) as right:
            await left.weigh(100)
            await right.weigh(100)
            with full_disk(tmp_path):
                with pytest.raises(OutsideUnavailable, match="routes"):
                    await left.weigh(50)
                assert await left.ask_times(10) == {(200, "green"): 10}
                for one, other in ((left, "green"), (right, "blue")):
                    await router.roll_back(one.placement)
                    assert await one.ask_times(10) == {(200, "blue"): 10}
                    assert await right.ask_times(10) == {(200, other): 10}
                assert await is_told(left)
            await until(lambda: is_well(left))

    asyncio.run(story())


def test_a_server_that_starts_on_a_full_disk_takes_the_proxy_over_and_can_roll_back(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        async with open_shop(first, free_port()) as shop:
            await shop.weigh(100)
            pid = first.pid
            await first.detach()
            shop.router = second = EnvoyRouter(tmp_path, QUICK, SystemClock())
            try:
                with full_disk(tmp_path):
                    assert await second.start() is True
                    assert second.pid == pid
                    await second.roll_back(shop.placement)
                    assert await shop.ask_times(10) == {(200, "blue"): 10}
                await until(lambda: is_well(shop))
                await shop.weigh(100)
            finally:
                await second.stop()

    asyncio.run(story())


def test_what_could_not_be_put_in_place_takes_no_space(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            reserved = tmp_path / "reserved" / f"{shop.placement}.json"
            reserved.unlink()
            reserved.mkdir()
            for _ in range(3):
                with pytest.raises(OutsideUnavailable):
                    await shop.weigh(50)
            assert list((tmp_path / "drafts").glob("routes-*")) == []
            reserved.rmdir()
            await shop.weigh(50)

    asyncio.run(story())


def test_half_a_draft_is_removed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.prepare()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            draft(layout, "routes-1.json", b"x" * 100)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert list((tmp_path / "drafts").iterdir()) == []
