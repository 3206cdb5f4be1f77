"""What every traffic router promises, run against a real proxy and real instances on this machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import pytest

from staycalm.ports.errors import Fenced, InvalidSpec
from staycalm.ports.traffic import Split, TrafficRouter
from tests.adapters.shop import Shop, Story, open_shop, until

R = TypeVar("R")


class World(Protocol):
    """A running proxy. Every story takes a host of its own, so that stories do not meet."""

    router: TrafficRouter
    port: int

    def run(self, story: Coroutine[Any, Any, R]) -> R: ...


class TrafficSuite:
    """Subclass as `TestX` and give a `world` fixture."""

    @pytest.fixture
    def tell(self, world: World) -> Iterator[Callable[[Story], None]]:
        """`tell(story)` opens a placement of its own behind the proxy and runs the story in it."""

        async def within(story: Story) -> None:
            async with open_shop(world.router, world.port) as shop:
                await story(shop)

        yield lambda story: world.run(within(story))

    def test_a_split_sends_its_weight_to_the_candidate(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(30)
            answers = await shop.ask_times(400)
            assert set(answers) == {(200, "blue"), (200, "green")}
            assert 75 <= answers[200, "green"] <= 170  # 120 expected, five standard deviations on each side

        tell(story)

    def test_nothing_and_everything_are_exact(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(0)
            assert await shop.ask_times(60) == {(200, "blue"): 60}
            await shop.weigh(100)
            assert await shop.ask_times(60) == {(200, "green"): 60}

        tell(story)

    def test_no_request_meets_the_old_weights_after_the_confirmation(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            for weight, expected in ((100, "green"), (0, "blue")) * 5:
                await shop.weigh(weight)
                assert await shop.ask_times(20) == {(200, expected): 20}

        tell(story)

    def test_rolling_back_takes_the_next_generation_and_leaves_all_to_stable(
        self, tell: Callable[[Story], None]
    ) -> None:
        async def story(shop: Shop) -> None:
            generation = await shop.weigh(100)
            confirmation = await shop.router.roll_back(shop.placement)
            assert confirmation.generation == generation + 1
            assert await shop.ask_times(60) == {(200, "blue"): 60}
            (edge,) = await shop.router.observe(shop.placement)
            assert (edge.generation, edge.split) == (generation + 1, Split("blue", "green", 0.0))

        tell(story)

    def test_rolling_back_twice_is_rolling_back_once(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(50)
            first = await shop.router.roll_back(shop.placement)
            again = await shop.router.roll_back(shop.placement)
            assert first.generation == again.generation

        tell(story)

    def test_the_weight_that_was_rolled_back_cannot_come_again(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            generation = await shop.weigh(50)
            await shop.router.roll_back(shop.placement)
            for late in (generation, generation + 1):
                with pytest.raises(Fenced):
                    await shop.router.set_split(
                        shop.placement, Split("blue", "green", 50.0), generation=late, fence=1
                    )
            assert await shop.ask_times(40) == {(200, "blue"): 40}

        tell(story)

    def test_equal_generation_and_content_changes_nothing(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            generation = await shop.weigh(100)
            split = Split("blue", "green", 100.0)
            await shop.router.set_split(shop.placement, split, generation=generation, fence=1)
            (edge,) = await shop.router.observe(shop.placement)
            assert (edge.generation, edge.split) == (generation, split)

        tell(story)

    def test_an_older_writer_is_fenced_off(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.router.set_split(shop.placement, Split("blue", "green", 100.0), generation=7, fence=4)
            for generation, fence in ((6, 4), (8, 3), (7, 4)):
                with pytest.raises(Fenced):
                    await shop.router.set_split(
                        shop.placement, Split("blue", "green", 10.0), generation=generation, fence=fence
                    )
            assert await shop.ask_times(20) == {(200, "green"): 20}

        tell(story)

    @pytest.mark.parametrize(
        "split",
        [
            Split("blue", "green", 100.5),
            Split("blue", "green", -1),
            Split("blue", "blue", 10),
            Split("blue", None, 10),
        ],
    )
    def test_a_split_that_cannot_be_is_refused(self, tell: Callable[[Story], None], split: Split) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(0)
            with pytest.raises(InvalidSpec):
                await shop.router.set_split(shop.placement, split, generation=9, fence=1)
            assert await shop.ask() == (200, "blue")

        tell(story)

    def test_declaring_again_leaves_the_weights_alone(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            generation = await shop.weigh(100)
            await shop.router.ensure(shop.spec(request_timeout_s=7.0))
            (edge,) = await shop.router.observe(shop.placement)
            assert (edge.generation, edge.split) == (generation, Split("blue", "green", 100.0))
            assert await shop.ask() == (200, "green")

        tell(story)

    def test_samples_count_every_request_once(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(40)
            start = await shop.router.samples(shop.placement, None)
            assert start.requests == ()
            answers = await shop.ask_times(90)
            shop.blue.mode = shop.green.mode = "404"
            await shop.ask_times(10)
            found = await shop.samples_of(start.cursor, 100)
            assert sum(counts.total for counts in found.slots.values()) == 100
            assert sum(counts.client_errors for counts in found.slots.values()) == 10
            assert len(found.requests) == 100
            by_slot = Counter(record.slot for record in found.requests)
            assert {slot: counts.total for slot, counts in found.slots.items()} == by_slot
            assert by_slot["green"] >= answers[200, "green"]
            assert not any(record.is_bad for record in found.requests)
            assert not found.was_reset
            after = await shop.router.samples(shop.placement, found.cursor)
            assert (after.requests, sum(counts.total for counts in after.slots.values())) == ((), 0)

        tell(story)

    def test_a_slot_is_drained_once_its_last_request_has_ended(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(100)
            shop.green.mode = "hang"
            waiting = asyncio.create_task(shop.ask())

            async def is_in_flight() -> bool:
                return len(shop.green.seen) == 1

            await until(is_in_flight)
            await shop.router.roll_back(shop.placement)
            assert not await shop.router.wait_drained(shop.placement, "green", deadline_s=0.1)
            shop.green.release.set()
            assert await waiting == (200, "green")
            assert await shop.router.wait_drained(shop.placement, "green", deadline_s=60)

        tell(story)

    def test_a_removed_placement_is_unknown(self, tell: Callable[[Story], None]) -> None:
        async def story(shop: Shop) -> None:
            await shop.weigh(0)
            await shop.router.remove(shop.placement)
            await shop.router.remove(shop.placement)
            (edge,) = await shop.router.observe(shop.placement)
            assert (edge.is_live, edge.generation, edge.split) == (True, None, None)
            with pytest.raises(InvalidSpec):
                await shop.weigh(10)

        tell(story)
