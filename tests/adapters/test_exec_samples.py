"""Figures of a balancer behind commands: differences of its counters, and no false zeros."""

from __future__ import annotations

import asyncio
import json

import pytest

from staycalm.ports.errors import InvalidSpec
from staycalm.ports.traffic import Samples, SlotCounts
from tests.adapters.balancer import SHOP, Balancer


def count(balancer: Balancer, **counters: int) -> None:
    (balancer.directory / "counters").write_text(json.dumps({"slots": {"blue": counters}}))


def test_samples_are_differences_and_a_restart_of_the_balancer_is_told(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router(samples="cat counters")
        count(balancer, total=100, server_errors=5)
        first = await router.samples(SHOP, None)
        assert (first.slots, first.seconds) == ({}, 0.0)
        count(balancer, total=130, server_errors=6, active=2)
        second = await router.samples(SHOP, first.cursor)
        assert second.slots == {"blue": SlotCounts(total=30, server_errors=1, active=2)}
        assert not second.was_reset
        count(balancer, total=4)
        third = await balancer.router(samples="cat counters").samples(SHOP, second.cursor)
        assert third.slots == {"blue": SlotCounts(total=4)}
        assert third.was_reset
        with pytest.raises(InvalidSpec, match="cursor"):
            await router.samples(SHOP, "42")

    asyncio.run(story())


def test_what_a_slot_counted_before_it_was_told_of_is_not_news(balancer: Balancer) -> None:
    """A balancer may leave out a server that is down, and a histogram that nobody asked for yet."""

    async def story() -> None:
        router = balancer.router(samples="cat counters")

        async def told(cursor: str | None, **slots: dict[str, object]) -> Samples:
            (balancer.directory / "counters").write_text(json.dumps({"slots": slots}))
            return await router.samples(SHOP, cursor)

        seen = await told(None, blue={"total": 100})
        seen = await told(seen.cursor, blue={"total": 110}, green={"total": 90_000, "server_errors": 0})
        assert seen.slots == {"blue": SlotCounts(total=10)}
        seen = await told(seen.cursor, blue={"total": 120})
        buckets = [[10, 80], [None, 42]]
        seen = await told(seen.cursor, blue={"total": 122, "latency_buckets": buckets}, green={"total": 90_003})
        assert seen.slots == {"blue": SlotCounts(total=2), "green": SlotCounts(total=3)}
        assert not seen.was_reset

    asyncio.run(story())


def test_without_a_samples_command_there_are_no_figures_and_no_false_zeros(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router()
        first = await router.samples(SHOP, None)
        second = await router.samples(SHOP, first.cursor)
        assert (second.slots, second.has_requests, second.was_reset) == ({}, False, False)
        assert not await router.wait_drained(SHOP, "green", deadline_s=0.05)
        # A command that is configured later begins a new count.
        count(balancer, total=5)
        assert (await balancer.router(samples="cat counters").samples(SHOP, second.cursor)).slots == {}

    asyncio.run(story())


def test_a_slot_is_drained_when_nothing_is_in_flight(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router(samples="cat counters")
        count(balancer, active=3)
        assert not await router.wait_drained(SHOP, "blue", deadline_s=0)
        count(balancer, active=0)
        assert await router.wait_drained(SHOP, "blue", deadline_s=0)

    asyncio.run(story())
