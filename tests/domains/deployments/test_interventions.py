"""What people do to a rollout, and what it does when it may not decide alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from staycalm.core.errors import Conflict, Forbidden, Invalid, NotFound
from staycalm.domains.deployments import service
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Database
from staycalm.ports.traffic import Split
from tests.conftest import VirtualClock
from tests.domains.deployments.world import ALICE, QUICK, SHOP, World, shop_config
from tests.scenarios.fakes.traffic import Behaviour

TWO = (Step(20.0, 60.0), Step(60.0, 60.0))


def shifting(world: World, **asked: object) -> str:
    """A second release has its first clients."""
    world.first()
    d = world.deploy("v2", **{"steps": TWO, **asked})
    world.run(60, until=lambda: world.newest().weight == 20)
    return d.id


def make_bad(world: World, error_rate: float = 0.4) -> None:
    revision = world.newest().candidate_revision
    assert revision is not None
    world.router.behave(world.target.port(revision), Behaviour(error_rate=error_rate))


def test_a_person_needs_a_hotfix_and_a_reason_for_production(world: World) -> None:
    with pytest.raises(Forbidden, match="hotfix with a reason"):
        world.deploy("v1", actor=ALICE)
    with pytest.raises(Forbidden):
        world.deploy("v1", actor=ALICE, is_hotfix=True)
    d = world.deploy("v1", actor=ALICE, is_hotfix=True, reason="cards are refused")
    assert d.is_manual and world.event(d.id, "requested")["reason"] == "cards are refused"


def test_a_second_deployment_of_the_placement_is_refused_while_one_runs(world: World) -> None:
    d = world.deploy("v1")
    with pytest.raises(Conflict, match="DEP-1 is running in shop@production already"):
        world.deploy("v2")
    assert world.newest().id == d.id


def test_what_does_not_exist_is_named(world: World) -> None:
    world.release("v1")
    asked = {"settings": QUICK, "release": "REL-1"}
    with pytest.raises(NotFound, match="elsewhere"):
        world.write(service.deploy, ALICE, service="shop", environment="elsewhere", **asked)
    with pytest.raises(NotFound, match="nowhere"):
        world.write(service.deploy, ALICE, service="nowhere", environment="production", **asked)
    with pytest.raises(Invalid, match="weight 120 is out of range"):
        world.deploy("v1", steps=(Step(120.0, 60.0),))
    with pytest.raises(Invalid, match="no strategy 'yolo'"):
        world.deploy("v1", strategy="yolo")


def test_by_hand_it_goes_back_at_once(world: World) -> None:
    id = shifting(world)
    world.ask(service.roll_back, id, reason="customers complain")
    world.run_to("rolled-back", 5)
    event = world.event(id, "rolled_back")
    assert not event["is_automatic"] and event["reason"] == "customers complain"
    (last,) = [e for e in world.events(id) if e.name == "deployments.rolled_back"]
    assert last.actor == ALICE


def test_a_paused_rollout_keeps_its_weight_and_goes_on_where_it_was(world: World) -> None:
    id = shifting(world)
    world.run(20)
    world.ask(service.pause, id, reason="lunch")
    world.run(600)
    assert world.get(id).weight == 20 and world.get(id).state == "shifting"
    world.ask(service.resume, id)
    resumed = world.clock.now()
    world.run(120, until=lambda: world.get(id).weight == 60)
    assert 35 <= (world.clock.now() - resumed).total_seconds() <= 46


def test_a_pause_while_smoke_tests_decide_keeps_the_weight(world: World) -> None:
    world.first_without_traffic()
    id = world.deploy("v2", steps=TWO).id
    world.run(200, until=lambda: world.newest().recheck == "advance")
    smoke = world.write(world.drivers[0].plan, str(SHOP))
    world.ask(service.pause, id, reason="something looks odd")
    world.write(world.drivers[0].settle, str(SHOP), smoke, world.perform(world.drivers[0], smoke))
    world.run(600)
    d = world.get(id)
    assert (d.state, d.weight, d.wanted_weight, d.recheck) == ("shifting", 20, 20, "")
    world.ask(service.resume, id)
    world.run_to("completed", 600)


@pytest.mark.parametrize(
    ("use_case", "weight"), [(service.pause, 20.0), (service.promote, 60.0)], ids=["pause", "promote"]
)
def test_a_look_that_was_made_before_a_person_decided_does_not_move_the_weight(
    world: World, use_case: Any, weight: float
) -> None:
    """At the end of a step, between what a look saw and its commit."""
    id = shifting(world, steps=(*TWO, Step(90.0, 60.0)))
    ends_at = world.get(id).step_ends_at
    assert ends_at is not None
    world.run(until=lambda: world.clock.now() >= ends_at, seconds=120)
    rollouts = world.drivers[0]
    look = world.write(rollouts.plan, str(SHOP))
    seen = world.perform(rollouts, look)
    assert seen.reaction.kind in ("advance", "recheck")
    world.ask(use_case, id, reason="by hand")
    world.write(rollouts.settle, str(SHOP), look, seen)
    world.run(5)
    assert (world.get(id).wanted_weight, world.get(id).recheck) == (weight, "")


def test_a_paused_rollout_still_goes_back_by_itself(world: World) -> None:
    id = shifting(world)
    world.ask(service.pause, id, reason="lunch")
    make_bad(world)
    assert world.run_to("rolled-back", 120).end_code == "proven-worse"


def test_a_promoted_rollout_does_not_wait_and_counts_as_not_proven(world: World) -> None:
    id = shifting(world)
    world.ask(service.promote, id, reason="hurry")
    world.run(10, until=lambda: world.get(id).weight == 60)
    world.ask(service.promote, id, reason="hurry", to_full=True)
    world.run(10, until=lambda: world.get(id).weight == 100)
    done = world.run_to("completed", 60)
    assert not done.is_proven


def test_an_aborted_rollout_ends_on_stable_for_good(world: World) -> None:
    id = shifting(world)
    world.ask(service.abort, id, reason="wrong release")
    done = world.run_to("aborted", 5)
    assert world.split() == Split("blue", "green", 0.0, done.preview_token)
    assert world.event(id, "aborted")["had_traffic"]
    with pytest.raises(Conflict):
        world.ask(service.promote, id, reason="")


@pytest.mark.parametrize("state", ["pending", "preparing", "smoke-testing"])
def test_an_abort_before_any_traffic_leaves_stable_alone(world: World, state: str) -> None:
    world.first()
    d = world.deploy("v2", steps=TWO)
    world.run(60, until=lambda: world.newest().state == state)
    world.ask(service.abort, d.id, reason="not now")
    world.run_to("aborted", 5)
    world.run(60)
    split = world.split()
    assert split is not None and split.stable == "blue" and split.candidate_weight == 0
    assert not world.event(d.id, "aborted")["had_traffic"]
    assert world.place().is_split_confirmed


def test_an_abort_of_the_next_release_does_not_bring_the_one_before_back(world: World) -> None:
    """The reserved generation in force belongs to the completed deployment: an abort must not use it."""
    world.first()
    world.deploy("v2", steps=TWO)
    world.run_to("completed", 400)
    d = world.deploy("v3", steps=TWO)
    world.run(60, until=lambda: world.newest().candidate_slot is not None)
    world.ask(service.abort, d.id, reason="not now")
    world.run_to("aborted", 5)
    world.run(60)
    split = world.split()
    assert split is not None
    assert (split.stable == "green") or (split.candidate == "green" and split.candidate_weight == 100)


def test_an_unsafe_release_is_held_and_people_are_called(world: World) -> None:
    id = shifting(world, release={"rollback_safe": False})
    make_bad(world)
    world.run(200, until=lambda: world.get(id).is_held)
    event = world.event(id, "held")
    assert event["is_urgent"] and "not rollback-safe" in event["reason"]
    world.run(300)
    assert world.get(id).weight == 20
    world.ask(service.roll_back, id, reason="I know what I do")
    world.run_to("rolled-back", 5)


def test_where_automatic_rollback_is_off_it_is_held_too(world_db: Database, clock: VirtualClock) -> None:
    world = World(world_db, clock, config=shop_config(auto_rollback=False))
    id = shifting(world)
    make_bad(world)
    world.run(200, until=lambda: world.get(id).is_held)
    assert "automatic rollback is off" in world.event(id, "held")["reason"]


def test_too_little_traffic_goes_on_not_proven_and_keeps_the_old_one_warm_longer(world: World) -> None:
    world.first()
    world.router.send_traffic(SHOP, 0.2)
    d = world.deploy("v2", steps=TWO)
    done = world.run_to("completed", 400)
    assert not done.is_proven and done.verdict == "INSUFFICIENT"
    assert len(world.smoke.asked) > 2
    warm = world.revisions()["shop-production-1"]
    assert warm.stop_at is not None
    assert (warm.stop_at - world.clock.now()).total_seconds() == 3 * 600
    assert not world.event(d.id, "completed")["is_proven"]


def test_tier_1_waits_for_a_person_when_there_is_too_little_traffic(
    world_db: Database, clock: VirtualClock
) -> None:
    world = World(world_db, clock, tier=1)
    id = shifting(world)
    world.router.send_traffic(SHOP, 0.2)
    world.run(200, until=lambda: world.get(id).is_held)
    assert world.get(id).held_code == "too-little-traffic"
    world.ask(service.resume, id)
    world.run(120, until=lambda: world.get(id).weight == 60)


def test_a_smoke_test_that_fails_later_takes_the_release_back(world: World) -> None:
    id = shifting(world)
    world.router.send_traffic(SHOP, 0.2)
    world.smoke.failing["health"] = "answered 503"
    world.run_to("rolled-back", 200)
    assert "health: answered 503" in world.event(id, "rolled_back")["reason"]


def test_nobody_frees_a_held_rollout_and_it_goes_back(world_db: Database, clock: VirtualClock) -> None:
    world = World(world_db, clock, settings=replace(QUICK, held_limit_s=900.0))
    id = shifting(world)
    world.ask(service.pause, id, reason="forgotten")
    world.run_to("rolled-back", 910)
    assert "nobody decided in time" in world.event(id, "rolled_back")["reason"]
