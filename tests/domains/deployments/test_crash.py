"""The process may die between any two instructions: rows, and what is outside, tell the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.core.errors import Unavailable
from staycalm.domains.deployments import service
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Database
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.ports.traffic import Split
from tests.conftest import VirtualClock, drive
from tests.domains.deployments.world import SHOP, World, database_gone
from tests.scenarios.fakes.traffic import Behaviour

SHORT = (Step(50.0, 30.0),)


class Crashing(World):
    """Dies after the plan, or after the effect, as often as `crashes` says."""

    crashes: Any = iter(())

    def drive_one(self, driver: Any, id: str) -> None:
        effect = self.write(driver.plan, id)
        if effect is None:
            return
        how = next(self.crashes, "")
        if how == "planned":
            self.restart()
            return
        outcome = self.perform(driver, effect)
        if how == "performed":
            self.restart()
            return
        self.write(driver.settle, id, effect, outcome)


def crashing(clock: VirtualClock, crashes: Any) -> tuple[Crashing, Database]:
    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    metadata.create_all(database.engine)
    world = Crashing(database, clock)
    world.first()
    world.crashes = crashes
    return world, database


def every(*how: str) -> Any:
    while True:
        yield from how


def generations_grow(world: World) -> bool:
    numbers = [number for _, number, _ in world.router.edges[SHOP].changes]
    return numbers == sorted(set(numbers))


@pytest.mark.parametrize("how", [("planned", ""), ("performed", ""), ("planned", "performed", "performed", "")])
def test_a_healthy_rollout_survives_a_crash_at_every_step(clock: VirtualClock, how: tuple[str, ...]) -> None:
    world, database = crashing(clock, every(*how))
    d = world.deploy("v2", steps=SHORT)
    world.run_to("completed", 600)
    assert world.split() == Split("blue", "green", 100.0, d.preview_token)
    assert world.names(d.id) == [
        "requested", "candidate_ready", "smoke_tests_passed", "weight_shifted", "weight_shifted", "completed",
    ]  # fmt: skip
    assert world.target.running() == {"shop-production-1", "shop-production-2"}
    assert generations_grow(world)
    database.close()


@pytest.mark.parametrize("how", [("planned", ""), ("performed", ""), ("planned", "performed", "performed", "")])
def test_a_bad_rollout_goes_back_whatever_crashes(clock: VirtualClock, how: tuple[str, ...]) -> None:
    world, database = crashing(clock, every(*how))
    d = world.deploy("v2", steps=(Step(50.0, 600.0),))
    world.run(120, until=lambda: world.newest().weight == 50)
    world.router.behave(world.target.port("shop-production-2"), Behaviour(error_rate=0.3))
    world.run_to("rolled-back", 300)
    assert world.split() == Split("blue", "green", 0.0, d.preview_token)
    assert world.names(d.id)[-2:] == ["rollback_started", "rolled_back"]
    assert world.place().running is None
    assert generations_grow(world)
    database.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(["", "planned", "performed"]), max_size=40), st.booleans())
def test_any_series_of_crashes_ends_the_same(crashes: list[str], is_bad: bool) -> None:
    world, database = crashing(VirtualClock(), iter(crashes))
    world.deploy("v2", steps=SHORT)
    if is_bad:
        world.router.behave(20_002, Behaviour(error_rate=0.5))
    world.run(600, until=lambda: not world.newest().is_running)
    assert world.newest().state == ("rolled-back" if is_bad else "completed")
    split = world.split()
    assert split is not None and split.candidate_weight == (0 if is_bad else 100)
    assert generations_grow(world)
    database.close()


@pytest.mark.parametrize("method", ["ensure", "set_split", "roll_back"])
def test_a_lost_answer_of_the_proxy_is_asked_for_again(world: World, method: str) -> None:
    world.first()
    world.router.lose(method, times=2)
    world.deploy("v2", steps=SHORT)
    world.run(60, until=lambda: world.newest().weight == 50)
    world.router.behave(world.target.port("shop-production-2"), Behaviour(error_rate=0.5))
    world.run_to("rolled-back", 300)
    assert generations_grow(world)


def test_going_back_needs_no_database(world: World) -> None:
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 600.0),))
    world.run(60, until=lambda: world.newest().weight == 50)
    world.router.behave(world.target.port("shop-production-2"), Behaviour(error_rate=0.3))
    rollouts = world.drivers[0]
    assert rollouts.carry is not None
    effect = world.write(rollouts.plan, str(SHOP))
    with database_gone(world.db):
        for _ in range(60):
            world.clock.advance(seconds=1)
            outcome = drive(rollouts.perform(effect))  # type: ignore[arg-type]
            with pytest.raises(Unavailable):
                world.write(rollouts.settle, str(SHOP), effect, outcome)
            effect = rollouts.carry(effect, outcome)
            if outcome.sent_back is not None:
                break
    assert world.split() == Split("blue", "green", 0.0, d.preview_token)
    assert world.newest().state == "shifting"
    world.write(rollouts.settle, str(SHOP), effect, drive(rollouts.perform(effect)))  # type: ignore[arg-type]
    assert world.newest().state == "rolled-back"
    event = world.event(d.id, "rolled_back")
    assert event["failed_requests"] == world.router.edges[SHOP].totals["green"].server_errors
    assert event["evidence"]["verdict"] == "ROLLBACK"


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_weight_is_watched_even_if_the_database_goes_as_soon_as_it_is_in_force(
    world: World, is_committed: bool
) -> None:
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 600.0),))
    world.run(120, until=lambda: world.newest().wanted_weight == 50)
    world.router.behave(world.target.port("shop-production-2"), Behaviour(error_rate=0.3))
    rollouts = world.drivers[0]
    assert rollouts.carry is not None
    effect = world.write(rollouts.plan, str(SHOP))
    outcome = drive(rollouts.perform(effect))
    if is_committed:
        world.write(rollouts.settle, str(SHOP), effect, outcome)
    effect = rollouts.carry(effect, outcome)
    with database_gone(world.db):
        for _ in range(60):
            world.clock.advance(seconds=1)
            outcome = drive(rollouts.perform(effect))  # type: ignore[arg-type]
            effect = rollouts.carry(effect, outcome)
            if outcome.sent_back is not None:
                break
    assert world.split() == Split("blue", "green", 0.0, d.preview_token)
    assert world.newest().state == "shifting"
    world.write(rollouts.settle, str(SHOP), effect, drive(rollouts.perform(effect)))  # type: ignore[arg-type]
    assert world.newest().state == "rolled-back"
    assert world.event(d.id, "weight_shifted")["weight"] == 50
    assert world.event(d.id, "rolled_back")["failed_requests"] > 0
    world.run(60)
    assert generations_grow(world)


def test_a_rollback_found_in_force_is_adopted_and_no_weight_overwrites_it(world: World) -> None:
    world.first()
    d = world.deploy("v2", steps=(Step(20.0, 60.0), Step(60.0, 60.0)))
    world.run(60, until=lambda: world.newest().weight == 20)
    drive(world.router.roll_back(SHOP))
    generation = world.router.generation(SHOP)
    world.restart()
    world.run_to("rolled-back", 120)
    assert world.router.generation(SHOP) == generation
    assert world.event(d.id, "rolled_back")["reason"] == "the proxy had already gone back to stable"


def test_a_rollback_in_force_stops_a_step_that_was_planned_already(world: World) -> None:
    world.first()
    world.deploy("v2", steps=(Step(20.0, 30.0), Step(60.0, 60.0)))
    world.run(120, until=lambda: world.newest().wanted_weight == 60)
    effect = world.write(world.drivers[0].plan, str(SHOP))
    assert effect.split.candidate_weight == 60
    drive(world.router.roll_back(SHOP))
    world.restart()
    world.run_to("rolled-back", 10)
    split = world.split()
    assert split is not None and split.candidate_weight == 0
    assert all(each.candidate_weight != 60 for _, _, each in world.router.edges[SHOP].changes)


def test_a_late_writer_of_an_ended_rollout_is_fenced_off(world: World) -> None:
    world.first()
    world.deploy("v2", steps=(Step(20.0, 30.0), Step(60.0, 60.0)))
    world.run(120, until=lambda: world.newest().wanted_weight == 60)
    late = world.write(world.drivers[0].plan, str(SHOP))
    drive(world.router.roll_back(SHOP))
    world.restart()
    world.run_to("rolled-back", 10)
    world.run(20)
    outcome = world.perform(world.drivers[0], late)
    assert type(outcome).__name__ == "Behind"
    split = world.split()
    assert split is not None and split.candidate_weight == 0


def test_after_a_restored_backup_the_numbers_go_on_above_the_proxys(world: World) -> None:
    world.first()
    drive(world.router.set_split(SHOP, Split("blue"), generation=900, fence=1))
    d = world.deploy("v2", steps=SHORT)
    world.run_to("completed", 600)
    assert world.split() == Split("blue", "green", 100.0, d.preview_token)
    assert (world.router.generation(SHOP) or 0) > 900


@pytest.mark.parametrize("by", ["hand", "itself"])
def test_a_rollback_that_finds_foreign_weights_does_not_bring_its_own_back(world: World, by: str) -> None:
    """A restored backup says "shifting" of a rollout that the proxy left behind long ago."""
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 600.0),))
    world.run(60, until=lambda: world.newest().weight == 50)
    fence = world.router.edges[SHOP].fence
    drive(world.router.set_split(SHOP, Split("blue"), generation=900, fence=fence))
    if by == "hand":
        world.ask(service.roll_back, d.id, reason="it is over")
    else:
        world.target.kill("shop-production-2")
    world.run_to("rolled-back", 60)
    before = len(world.router.edges[SHOP].changes)
    world.run(300)
    assert [each for _, _, each in world.router.edges[SHOP].changes[before - 1 :] if each.candidate_weight] == []
    split = world.split()
    assert split is not None and split.stable == "blue"


def test_after_a_restored_backup_what_is_live_is_put_in_force_again(world: World) -> None:
    world.first()
    drive(world.router.set_split(SHOP, Split("green"), generation=900, fence=42))
    world.run(300, until=lambda: world.split() == Split("blue"))
    assert (world.router.generation(SHOP) or 0) > 900


def test_when_the_machine_starts_again_what_was_live_is_live_again(world: World) -> None:
    world.first()
    world.target.reboot()
    world.router.forget_everything()
    world.restart()
    world.run(90, until=lambda: world.split() is not None)
    assert world.split() == Split("blue")
    assert world.target.running() == {"shop-production-1"}
    assert any(name == "drift_found" for name in world.names(str(SHOP)))
