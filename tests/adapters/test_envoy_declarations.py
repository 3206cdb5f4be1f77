"""What is declared to the proxy: listeners, hosts, paths and members, on a real Envoy."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from staycalm.ports.errors import InvalidSpec
from staycalm.ports.traffic import Endpoint, Listener
from tests.adapters.envoys import EnvoyWorld, Tell
from tests.adapters.shop import Instance, Shop, open_shop
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def test_a_longer_path_prefix_of_the_same_host_goes_elsewhere(world: EnvoyWorld) -> None:
    async def story() -> None:
        async with open_shop(world.router, world.port) as shop:
            await shop.weigh(0)
            async with open_shop(world.router, world.port, hosts=(shop.host,), path_prefix="/api") as api:
                await api.weigh(100)
                assert await shop.ask("/api/x") == (200, "green")
                assert await shop.ask("/apiary") == (200, "blue")
                assert await shop.ask("/") == (200, "blue")
            assert await shop.ask("/api/x") == (200, "blue")

    world.run(story())


def test_a_second_listener_serves_only_its_own_hosts(world: EnvoyWorld) -> None:
    async def story() -> None:
        port = free_port()
        async with (
            open_shop(world.router, world.port) as shop,
            open_shop(world.router, port, hosts=("*",), listener=Listener("127.0.0.1", port)) as inner,
        ):
            await shop.weigh(0)
            await inner.weigh(100)
            assert await inner.ask(host=shop.host) == (200, "green")
            assert await shop.ask(host=inner.host) == (404, "")
            await inner.router.ensure(inner.spec(listener=shop.spec().listener))
            assert await shop.ask(host=inner.host) == (200, "green")
        with pytest.raises(aiohttp.ClientConnectionError):
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/"):
                pass

    world.run(story())


def test_members_change_under_load_without_a_failed_request(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        third = await Instance("third").start()
        load = asyncio.create_task(shop.ask_times(1500))
        for members in ((shop.blue, third), (third,), (shop.blue,)):
            endpoints = {"blue": tuple(one.endpoint for one in members)}
            await shop.router.ensure(shop.spec(members=endpoints, health_path="/health"))
            (edge,) = await shop.router.observe(shop.placement)
            assert edge.healthy_members == {"blue": len(members), "green": 0}
        answers = await load
        assert set(answers) <= {(200, "blue"), (200, "third")}
        await third.stop()

    tell(story, health_path="/health")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"listener": Listener("127.0.0.1", 0)}, "out of range"),
        ({"listener": Listener("somewhere", 8080)}, "not an IP address"),
        ({"listener": Listener("127.0.0.1", 8443, "/nowhere/cert.pem")}, "key file"),
        ({"hosts": ()}, "no host"),
        ({"hosts": ("Shop.example",)}, "host"),
        ({"hosts": ("shop.example:80",)}, "without a port"),
        ({"hosts": ("keeper.example",)}, "both claim"),
        ({"path_prefix": "api"}, "not a path"),
        ({"health_path": "health"}, "not a path"),
        ({"request_timeout_s": 0}, "out of range"),
        ({"members": {"blue": (Endpoint("127.0.0.1", 70000),)}}, "not an address"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_by_name(
    world: EnvoyWorld, changes: dict[str, Any], words: str
) -> None:
    async def story() -> None:
        with pytest.raises(InvalidSpec, match=words):
            async with open_shop(world.router, world.port, **changes):
                pass

    world.run(story())


def test_a_taken_port_is_refused_and_nothing_changes(world: EnvoyWorld) -> None:
    async def story() -> None:
        taken = await Instance("other").start()
        async with open_shop(world.router, world.port) as shop:
            await shop.weigh(0)
            with pytest.raises(InvalidSpec, match="taken"):
                await shop.router.ensure(shop.spec(listener=Listener("127.0.0.1", taken.port)))
            assert await shop.ask() == (200, "blue")
        await taken.stop()

    world.run(story())
