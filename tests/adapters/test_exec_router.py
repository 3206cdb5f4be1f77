"""A balancer behind commands: what it says counts, not what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.exec import Command, ExecRouter, ExecSettings
from staycalm.adapters.exec.ledger import Entry, from_json, rolled_back, to_json, wanted
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import Fenced, InvalidSpec, OutsideUnavailable, Rejected, Unconfirmed, Unsupported
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, SlotCounts, Split
from tests.adapters.target_suite import until

SHOP = Placement("shop", "production")
CANARY = Split("blue", "green", 10.0, preview_token="tok")
ROUTE = RouteSpec(
    SHOP,
    Listener("127.0.0.1", 8080),
    hosts=("shop.example",),
    candidate_hosts=("green.shop.example",),
    members={"blue": (Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)), "green": (Endpoint("10.0.0.3", 80),)},
    health_path="/health",
)


async def no_names(_: Placement) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Balancer:
    """A directory of files: `weight` it has, `told` is every set-weight command's weight in order."""

    directory: Path

    def weight(self) -> str:
        return (self.directory / "weight").read_text().strip()

    def told(self) -> list[str]:
        path = self.directory / "told"
        return path.read_text().split() if path.exists() else []

    def router(self, **scripts: str) -> ExecRouter:
        given = {
            "set-weight": "echo $SC_WEIGHT >> told; env > env; echo $SC_WEIGHT > new; mv new weight",
            "read-weight": "cat weight",
            **{name.replace("_", "-"): script for name, script in scripts.items()},
        }
        commands = {
            name: Command(("sh", "-c", f"cd '{self.directory}' && {{ {script}; }}"), 30.0)
            for name, script in given.items()
        }
        return ExecRouter(
            ExecSettings(commands=commands), no_names, SystemClock(), directory=self.directory / "memory"
        )

    def variables(self) -> dict[str, str]:
        lines = (self.directory / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith("SC_"))


@pytest.fixture
def balancer(tmp_path: Path) -> Balancer:
    (tmp_path / "weight").write_text("0")
    return Balancer(tmp_path)


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


# -- counters ------------------------------------------------------------------------------------------


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


# -- the ledger ----------------------------------------------------------------------------------------

splits = st.builds(
    Split,
    stable=st.just("blue"),
    candidate=st.sampled_from(["green", None]),
    candidate_weight=st.floats(0, 100),
    preview_token=st.none() | st.text(max_size=5),
)
steps = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), splits) | st.just("roll back"), max_size=20)


@given(steps)
def test_generation_and_fence_never_go_back(story: list[tuple[int, int, Split] | str]) -> None:
    entry = Entry()
    for step in story:
        before = entry
        if isinstance(step, str):
            if entry.split is None:
                continue
            entry = rolled_back(entry, entry.split)
            assert entry.is_rollback
        else:
            generation, fence, split = step
            try:
                entry = wanted(entry, SHOP, split, generation, fence)
            except Fenced:
                assert generation <= entry.generation or fence < entry.fence
            else:
                assert entry.split == split
        assert (entry.generation, entry.fence) >= (before.generation, before.fence) or entry.fence > before.fence
        assert entry.generation >= before.generation
        assert entry.fence >= before.fence
        if entry.generation == before.generation and before.split is not None:
            assert entry.split == before.split
        assert from_json(json.loads(json.dumps(to_json(entry)))) == entry
