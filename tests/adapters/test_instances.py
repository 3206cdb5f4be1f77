"""A counter of running instances is a number only when every instance shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web

from staycalm.adapters.instances import InstanceScraper
from staycalm.adapters.instances.adapter import sum_of
from staycalm.ports.metrics import Reading

ORDERS = '# TYPE orders_total counter\norders_total{kind="web"} 40\norders_total{kind="app"} 2\n'


async def read_from(bodies: Sequence[str | int], counter: str) -> Reading:
    """Return what is read from as many real instances as there are bodies (a number is an HTTP status)."""
    runners, endpoints = [], []
    for body in bodies:

        async def answer(_request: web.Request, body: str | int = body) -> web.Response:
            return web.Response(text=body) if isinstance(body, str) else web.Response(status=body)

        app = web.Application()
        app.router.add_get("/metrics", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        endpoints.append(("127.0.0.1", int(runner.addresses[0][1])))
    scraper = InstanceScraper()
    try:
        return await scraper.read(tuple(endpoints), path="/metrics", counter=counter)
    finally:
        await scraper.close()
        for runner in runners:
            await runner.cleanup()


def test_a_counter_is_summed_over_labels_and_instances() -> None:
    reading = asyncio.run(read_from([ORDERS, "orders_total 8\n"], "orders_total"))
    assert (reading.kind, reading.value, reading.sample_count) == ("value", 50.0, 2)


@pytest.mark.parametrize(
    ("bodies", "why"),
    [
        ([ORDERS, "other_total 1\n"], "has no counter orders_total"),
        ([ORDERS, 503], "answers HTTP 503"),
        (["{not the format"], "has no counter"),
        ([], "no instance runs"),
    ],
)
def test_a_missing_counter_is_no_data_and_never_zero(bodies: Sequence[str | int], why: str) -> None:
    reading = asyncio.run(read_from(bodies, "orders_total"))
    assert (reading.kind, reading.value) == ("no_data", None)
    assert why in reading.detail


def test_an_instance_that_does_not_listen_is_no_data() -> None:
    async def read() -> Reading:
        scraper = InstanceScraper()
        reading = await scraper.read((("127.0.0.1", 1),), path="/metrics", counter="orders_total", timeout_s=0.5)
        await scraper.close()
        return reading

    assert asyncio.run(read()).kind == "no_data"


def test_a_counter_with_the_value_zero_is_a_number() -> None:
    assert sum_of("orders_total 0\n", "orders_total") == 0.0
