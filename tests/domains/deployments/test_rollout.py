"""Rollouts from request to end, on the virtual clock."""

from __future__ import annotations

from staycalm.ports.traffic import Split
from tests.domains.deployments.world import World, digest_of
from tests.scenarios.fakes.traffic import Behaviour


def test_the_first_deployment_completes_without_a_comparison(world: World) -> None:
    done = world.first()
    assert world.names(done.id) == ["requested", "candidate_ready", "smoke_tests_passed", "completed"]
    assert world.split() == Split(stable="blue")
    assert world.place().live == done.id
    assert world.event(done.id, "completed")["digest"] == digest_of("v1")


def test_a_healthy_release_shifts_in_steps_and_completes(world: World) -> None:
    world.first()
    began = world.clock.now()
    d = world.deploy("v2")
    done = world.run_to("completed")
    shifts = [event.body["weight"] for event in world.events(d.id) if event.name == "deployments.weight_shifted"]
    assert shifts == [10.0, 50.0, 90.0, 100.0]
    assert done.is_proven
    assert 1800 < (world.clock.now() - began).total_seconds() < 1900
    assert world.split() == Split("blue", "green", 100.0, d.preview_token)
    assert world.place().live == d.id


def test_a_bad_release_goes_back_by_itself(world: World) -> None:
    world.first()
    d = world.deploy("v2")
    world.run(60, until=lambda: world.newest().state == "shifting")
    revision = world.newest().candidate_revision
    assert revision is not None
    world.router.behave(world.target.port(revision), Behaviour(error_rate=0.05))
    done = world.run_to("rolled-back", 600)
    assert world.split() == Split("blue", "green", 0.0, d.preview_token)
    event = world.event(d.id, "rolled_back")
    assert event["is_automatic"] and event["stable_is_healthy"]
    assert event["failed_requests"] == world.router.edges[d.placement].totals["green"].server_errors
    assert event["stable_digest"] == digest_of("v1") and event["candidate_digest"] == digest_of("v2")
    assert 0 < event["detected_after_s"] < 120
    assert done.rollback_took_s is not None
    assert world.revisions()[revision].state == "kept"
