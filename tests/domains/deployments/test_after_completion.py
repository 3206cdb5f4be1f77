"""Going back after a deployment completed, and what becomes of revisions nobody needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from staycalm.core.errors import Conflict
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Database
from staycalm.ports.traffic import Split
from tests.conftest import VirtualClock, drive
from tests.domains.deployments.world import QUICK, SHOP, World, digest_of
from tests.scenarios.fakes.target import Program

QUICKLY = (Step(50.0, 60.0),)


def two_releases(world: World) -> str:
    """v2 is live, v1 is warm."""
    world.first()
    d = world.deploy("v2", steps=QUICKLY)
    world.run_to("completed", 400)
    return d.id


def test_while_the_old_one_is_warm_going_back_is_one_rename(world: World) -> None:
    id = two_releases(world)
    generation = world.router.generation(SHOP) or 0
    calls = len(world.target.calls)
    world.ask(service.roll_back, id, reason="orders are down")
    done = world.run_to("rolled-back", 2)
    assert world.router.generation(SHOP) == generation + 1
    assert world.split() == Split("blue", "green", 0.0, done.preview_token)
    assert "start" not in [method for method, _ in world.target.calls[calls:]]
    event = world.event(id, "rolled_back")
    assert event["after_completion"] and event["stable_digest"] == digest_of("v1")
    live = world.read(queries.live, SHOP)
    assert (live.deployment, live.slot, live.digest) == ("DEP-1", "blue", digest_of("v1"))
    assert world.revisions()["shop-production-2"].state == "kept"


def test_when_the_old_one_is_cold_it_is_started_again_checked_and_shifted_to(world: World) -> None:
    id = two_releases(world)
    world.run(2400)
    assert world.target.running() == {"shop-production-2"}
    assert world.split() == Split("green")
    world.ask(service.roll_back, id, reason="orders are down")
    world.run_to("rolled-back", 30)
    live = world.read(queries.live, SHOP)
    assert (live.deployment, live.digest, live.revision) == ("DEP-1", digest_of("v1"), "shop-production-3")
    split = world.split()
    assert split is not None and split.stable == live.slot and split.candidate_weight == 0
    assert "shop-production-3" in world.target.running()
    world.run(60)
    assert world.split() == split


@pytest.mark.parametrize("is_foreign", [False, True])
def test_a_cold_rollback_counts_as_done_once_it_is_in_force(world: World, is_foreign: bool) -> None:
    """Whatever the proxy was told meanwhile: a rename by hand, or numbers from before a restored backup."""
    id = two_releases(world)
    world.run(2400)
    world.ask(service.roll_back, id, reason="orders are down")
    world.run(30, until=lambda: world.get(id).did_smoke_pass and world.get(id).weight is not None)
    if is_foreign:
        fence = world.router.edges[SHOP].fence
        drive(world.router.set_split(SHOP, Split("green"), generation=900, fence=fence))
    else:
        drive(world.router.roll_back(SHOP))
    world.run(30, until=lambda: world.get(id).state == "rolled-back")
    split = world.split()
    assert split is not None and split.stable == "blue"


def test_what_would_serve_again_is_known_exactly_while_there_is_something_to_roll_back(world: World) -> None:
    def returns() -> list[str | None]:
        found = (world.read(queries.find_return, id) for id in ("DEP-1", "DEP-2", "DEP-3"))
        return [revision.digest if revision is not None else None for revision in found]

    id = two_releases(world)
    assert returns() == [None, digest_of("v1"), None]
    world.deploy("v3", steps=QUICKLY)
    assert returns() == [None, None, None]
    world.run_to("shifting", 100)
    assert returns() == [None, None, digest_of("v2")]
    world.ask(service.roll_back, "DEP-3", reason="orders are down")
    world.run_to("rolled-back", 30)
    assert returns() == [None, digest_of("v1"), None]
    world.ask(service.roll_back, id, reason="orders are down")
    world.run(60, until=lambda: world.get(id).state == "rolled-back")
    assert returns() == [None, None, None]


def test_an_old_one_that_does_not_come_up_leaves_what_is_live(world: World) -> None:
    id = two_releases(world)
    world.run(2400)
    world.target.programs[digest_of("v1")] = Program(never_ready=True)
    world.ask(service.roll_back, id, reason="orders are down")
    world.run(600, until=lambda: world.get(id).state == "completed")
    event = world.event(id, "rollback_failed")
    assert event["is_final"] and "did not come up again" in event["reason"]
    world.run(60)
    split = world.split()
    assert split is not None and split.stable == "green"
    assert world.read(queries.live, SHOP).deployment == id
    d = world.deploy("v3", steps=QUICKLY)
    world.run_to("completed", 400)
    assert world.read(queries.live, SHOP).deployment == d.id


def test_there_is_nothing_before_the_first(world: World) -> None:
    d = world.first()
    with pytest.raises(Conflict, match="nothing to go back to"):
        world.ask(service.roll_back, d.id, reason="")


def test_only_what_is_live_goes_back(world: World) -> None:
    two_releases(world)
    with pytest.raises(Conflict, match="DEP-1 is not live in shop@production; DEP-2 is"):
        world.ask(service.roll_back, "DEP-1", reason="")


def test_the_same_release_may_be_named_by_a_prefix(world: World) -> None:
    id = two_releases(world)
    world.ask(service.roll_back, digest_of("v2")[7:15], reason="orders are down")
    assert world.get(id).state == "rolling-back"


def test_a_rolled_back_rollback_goes_one_further(world: World) -> None:
    two_releases(world)
    world.deploy("v3", steps=QUICKLY)
    world.run_to("completed", 400)
    world.ask(service.roll_back, "DEP-3", reason="bad")
    world.run_to("rolled-back", 30)
    world.ask(service.roll_back, "DEP-2", reason="also bad")
    world.run(60, until=lambda: world.get("DEP-2").state == "rolled-back")
    assert world.read(queries.live, SHOP).digest == digest_of("v1")


def test_the_warm_one_ends_in_time_and_its_route_before_it(world: World) -> None:
    two_releases(world)
    done = world.newest()
    world.run(590)
    assert "shop-production-1" in world.target.running()
    world.run(30 + (1200 if not done.is_proven else 0))
    assert world.target.running() == {"shop-production-2"}
    assert world.split() == Split("green")
    assert world.revisions()["shop-production-1"].state == "stopped"
    assert world.place().warm_revision is None


def test_a_warm_one_that_waits_for_its_end_does_not_hurry_the_mending_of_what_serves(world: World) -> None:
    two_releases(world)
    world.target.kill("shop-production-2")
    world.run(3600)
    assert "shop-production-1" in world.target.running(), "it is all there is to go back to"
    calls = len(world.target.calls)
    world.run(600)
    starts = world.target.calls[calls:].count(("start", "shop-production-2"))
    assert 0 < starts <= 600 / world.settings.steady_s + 1
    world.target.heal("shop-production-2")
    world.run(300)
    assert world.target.running() == {"shop-production-2"}


def test_a_failed_candidate_is_kept_for_a_day_with_its_logs_and_figures(
    world_db: Database, clock: VirtualClock
) -> None:
    world = World(world_db, clock, settings=replace(QUICK, steady_s=7200.0))
    world.first()
    d = world.deploy("v2", steps=QUICKLY)
    world.run(60, until=lambda: world.newest().weight == 50)
    world.target.sicken("shop-production-2")
    world.run_to("rolled-back", 60)
    world.router.send_traffic(SHOP, 0.0)
    world.run(23 * 3600)
    assert "shop-production-2" in world.target.running()
    kept = world.revisions()["shop-production-2"]
    assert kept.snapshot is not None and kept.snapshot["evidence"]["trigger"]
    world.run(2 * 3600)
    assert world.target.running() == {"shop-production-1"}
    assert world.split() == Split("blue")
    assert [line["text"] for line in world.read(queries.kept_logs, "shop-production-2")] == ["started"]
    assert world.names(d.id)[-1] == "candidate_removed"
    world.run(8 * 86400)
    assert "shop-production-2" not in world.target.revisions


def test_a_new_release_takes_the_warm_ones_slot(world: World) -> None:
    two_releases(world)
    world.deploy("v3", steps=QUICKLY)
    world.run(60, until=lambda: world.newest().weight == 50)
    world.run(5)
    assert world.target.running() == {"shop-production-2", "shop-production-3"}
    done = world.run_to("completed", 400)
    assert world.split() == Split("green", "blue", 100.0, done.preview_token)


def test_a_warm_one_that_died_is_started_again_so_that_going_back_stays_one_rename(world: World) -> None:
    id = two_releases(world)
    world.target.revisions["shop-production-1"].instances = 0
    world.run(70)
    assert "shop-production-1" in world.target.running()
    world.ask(service.roll_back, id, reason="orders are down")
    world.run_to("rolled-back", 2)
    assert world.event(id, "rolled_back")["stable_is_healthy"]


def test_a_proxy_that_is_gone_is_told_once(world: World) -> None:
    world.first()
    world.router.is_live = False
    world.run(600)
    (told,) = [event for event in world.events(str(SHOP)) if event.name == "deployments.drift_found"]
    assert "proxy edge-1 is not live" in told.body["problem"] and not told.body["mended"]
    world.router.is_live = True
    world.run(120)
    assert world.place().problem is None
    drifts = [event for event in world.events(str(SHOP)) if event.name == "deployments.drift_found"]
    assert [event.body["mended"] for event in drifts] == [False, True]
