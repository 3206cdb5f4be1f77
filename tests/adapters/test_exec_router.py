"""A balancer behind commands: what it says counts, not what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from staycalm.adapters.exec import Command, ExecRouter, ExecSettings
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import Fenced, InvalidSpec, OutsideUnavailable, Rejected, Unconfirmed, Unsupported
from staycalm.ports.traffic import Split
from tests.adapters.balancer import CANARY, ROUTE, SHOP, Balancer, no_names
from tests.adapters.target_suite import until


def test_a_split_is_in_force_once_the_balancer_says_so(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router()
        await router.ensure(ROUTE)
        confirmation = await router.set_split(SHOP, CANARY, generation=3, fence=1)
        assert confirmation.generation == 3
        assert balancer.weight() == "10"
        (seen,) = await router.observe(SHOP)
        assert (seen.generation, seen.split, seen.is_live, seen.problem) == (3, CANARY, True, None)

    asyncio.run(story())


def test_a_command_is_told_the_weight_in_every_form_and_the_route(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router()
        await router.ensure(ROUTE)
        await router.set_split(SHOP, CANARY, generation=3, fence=1)
        assert balancer.variables() == {
            "SC_ROLE": "set-weight",
            "SC_SERVICE": "shop",
            "SC_ENVIRONMENT": "production",
            "SC_GENERATION": "3",
            "SC_SLOT": "green",
            "SC_WEIGHT": "10",
            "SC_STABLE_SLOT": "blue",
            "SC_BLUE_WEIGHT": "90",
            "SC_GREEN_WEIGHT": "10",
            "SC_PREVIEW_TOKEN": "tok",
            "SC_HOSTS": "shop.example",
            "SC_CANDIDATE_HOSTS": "green.shop.example",
            "SC_PATH_PREFIX": "/",
            "SC_LISTEN_ADDRESS": "127.0.0.1",
            "SC_LISTEN_PORT": "8080",
            "SC_HEALTH_PATH": "/health",
            "SC_REQUEST_TIMEOUT_S": "15",
            "SC_BLUE_MEMBERS": "10.0.0.1:80,10.0.0.2:80",
            "SC_GREEN_MEMBERS": "10.0.0.3:80",
        }
        # The candidate was promoted: now blue is the slot that serves nobody.
        await router.set_split(SHOP, Split("green"), generation=5, fence=1)
        told = balancer.variables()
        assert (told["SC_SLOT"], told["SC_WEIGHT"], told["SC_BLUE_WEIGHT"], told["SC_GREEN_WEIGHT"]) == (
            "blue",
            "0",
            "0",
            "100",
        )

    asyncio.run(story())


def test_the_same_generation_again_changes_nothing_but_mends_a_balancer_that_forgot(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router()
        for _ in range(2):
            await router.set_split(SHOP, CANARY, generation=3, fence=1)
        assert balancer.told() == ["10"]
        (balancer.directory / "weight").write_text("0")
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        assert balancer.told() == ["10", "10"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("split", "generation", "fence"),
    [(CANARY, 2, 1), (Split("blue", "green", 20.0), 3, 1), (CANARY, 4, 0)],
)
def test_an_older_writer_is_fenced_even_by_a_new_server(
    balancer: Balancer, split: Split, generation: int, fence: int
) -> None:
    async def story() -> None:
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        with pytest.raises(Fenced):
            await balancer.router().set_split(SHOP, split, generation=generation, fence=fence)
        assert balancer.told() == ["10"]

    asyncio.run(story())


def test_a_balancer_that_does_something_else_is_not_confirmed(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router(set_weight="echo 7 > weight")
        with pytest.raises(Unconfirmed, match="gives green 7 percent, not 10"):
            await router.set_split(SHOP, CANARY, generation=3, fence=1, deadline_s=0)
        (seen,) = await router.observe(SHOP)
        assert seen.generation is None
        assert seen.split == Split("blue", "green", 7.0, "tok")
        assert seen.problem is not None

    asyncio.run(story())


def test_a_balancer_may_be_late_and_a_little_off(balancer: Balancer) -> None:
    async def story() -> None:
        late = "test -e asked && echo 9.8 || { touch asked; echo 0; }"
        await balancer.router(read_weight=late).set_split(SHOP, CANARY, generation=3, fence=1, deadline_s=20)

    asyncio.run(story())


def test_a_refused_weight_leaves_the_old_one_and_may_be_tried_again(balancer: Balancer) -> None:
    async def story() -> None:
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        more = Split("blue", "green", 50.0)
        refusing = balancer.router(set_weight="echo quota >&2; exit 1")
        with pytest.raises(Rejected, match="quota"):
            await refusing.set_split(SHOP, more, generation=5, fence=1)
        assert balancer.weight() == "10"
        await balancer.router().set_split(SHOP, more, generation=5, fence=1)
        assert balancer.weight() == "50"

    asyncio.run(story())


def test_rolling_back_sets_nothing_on_the_candidate_and_reads_it_back(balancer: Balancer) -> None:
    async def story() -> None:
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        router = balancer.router()
        assert (await router.roll_back(SHOP)).generation == 4
        assert balancer.weight() == "0"
        assert (await router.roll_back(SHOP)).generation == 4
        assert balancer.told() == ["10", "0"]
        (seen,) = await router.observe(SHOP)
        assert (seen.generation, seen.split) == (4, Split("blue", "green", 0.0, "tok"))
        with pytest.raises(Fenced):
            await router.set_split(SHOP, Split("blue", "green", 50.0), generation=4, fence=1)
        await router.set_split(SHOP, CANARY, generation=5, fence=1)

    asyncio.run(story())


def test_a_rollback_that_does_not_take_is_unconfirmed_and_can_be_repeated(balancer: Balancer) -> None:
    async def story() -> None:
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        with pytest.raises(Unconfirmed):
            await balancer.router(set_weight="true").roll_back(SHOP, deadline_s=0)
        assert (await balancer.router().roll_back(SHOP)).generation == 4
        assert balancer.weight() == "0"

    asyncio.run(story())


def test_a_rollback_asks_nobody_for_the_names_of_its_commands(balancer: Balancer) -> None:
    async def names(_: Placement) -> Mapping[str, str]:
        return {"set-weight": "tell", "read-weight": "ask"}

    async def nobody(_: Placement) -> Mapping[str, str]:
        raise AssertionError("the database is away")

    async def story() -> None:
        def script(text: str) -> Command:
            return Command(("sh", "-c", f"cd '{balancer.directory}' && {text}"), 30.0)

        settings = ExecSettings(commands={"tell": script("echo $SC_WEIGHT > weight"), "ask": script("cat weight")})
        directory = balancer.directory / "memory"
        first = ExecRouter(settings, names, SystemClock(), directory=directory)
        await first.set_split(SHOP, CANARY, generation=3, fence=1)
        assert balancer.weight() == "10"
        await ExecRouter(settings, nobody, SystemClock(), directory=directory).roll_back(SHOP)
        assert balancer.weight() == "0"
        with pytest.raises(InvalidSpec, match="no command 'ask' any more"):
            await ExecRouter(ExecSettings(), nobody, SystemClock(), directory=directory).roll_back(SHOP)

    asyncio.run(story())


def test_a_rollback_ends_a_change_that_is_under_way(balancer: Balancer) -> None:
    async def story() -> None:
        slow = '[ "$SC_WEIGHT" = 50 ] && { touch begun; sleep 600; }; echo $SC_WEIGHT > weight'
        router = balancer.router(set_weight=slow)
        await router.set_split(SHOP, CANARY, generation=3, fence=1)
        shifting = asyncio.create_task(router.set_split(SHOP, Split("blue", "green", 50.0), generation=5, fence=1))

        async def has_begun() -> bool:
            return await asyncio.to_thread((balancer.directory / "begun").exists)

        await until(has_begun)
        assert (await router.roll_back(SHOP)).generation == 6
        with pytest.raises(Fenced, match="a rollback came in between"):
            await shifting
        assert balancer.weight() == "0"

    asyncio.run(story())


def test_what_cannot_be_done_is_said(balancer: Balancer) -> None:
    async def story() -> None:
        with pytest.raises(InvalidSpec, match="nothing to roll back"):
            await balancer.router().roll_back(SHOP)
        with pytest.raises(InvalidSpec, match="not 0 to 100 percent"):
            await balancer.router().set_split(SHOP, Split("blue", "green", 101.0), generation=1, fence=1)
        bare = ExecRouter(ExecSettings(), no_names, SystemClock(), directory=balancer.directory / "bare")
        with pytest.raises(Unsupported, match="no command for 'set-weight'"):
            await bare.set_split(SHOP, CANARY, generation=1, fence=1)
        assert await bare.observe(SHOP) == ()
        (balancer.directory / "memory" / "routes").mkdir(parents=True)
        (balancer.directory / "memory" / "routes" / "shop@production.json").write_text("")
        with pytest.raises(OutsideUnavailable, match="damaged"):
            await balancer.router().observe(SHOP)

    asyncio.run(story())


def test_a_balancer_that_does_not_answer_is_not_live(balancer: Balancer) -> None:
    async def story() -> None:
        await balancer.router().set_split(SHOP, CANARY, generation=3, fence=1)
        (seen,) = await balancer.router(read_weight="exit 75").observe(SHOP)
        assert (seen.is_live, seen.split, seen.generation) == (False, None, None)
        assert seen.problem is not None
        assert "read-weight failed" in seen.problem

    asyncio.run(story())


def test_a_removed_route_is_forgotten(balancer: Balancer) -> None:
    async def story() -> None:
        router = balancer.router(remove_route="echo $SC_HOSTS > removed")
        await router.ensure(ROUTE)
        await router.set_split(SHOP, CANARY, generation=3, fence=1)
        await router.remove(SHOP)
        assert (balancer.directory / "removed").read_text() == "shop.example\n"
        assert await router.observe(SHOP) == ()
        await router.remove(SHOP)

    asyncio.run(story())
