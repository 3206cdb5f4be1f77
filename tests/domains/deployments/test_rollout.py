"""Rollouts from request to end, on the virtual clock."""

from __future__ import annotations

from dataclasses import replace

from staycalm.domains.deployments import queries
from staycalm.domains.deployments.adoption import adopt_revisions
from staycalm.domains.deployments.retention import retention_rules
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database.retention import sweep
from staycalm.ports.traffic import Split
from tests.conftest import drive
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


def test_what_it_will_see_is_told_before_it_starts(world: World) -> None:
    world.first()
    d = world.deploy("v2")
    told = world.event(d.id, "requested")["announcement"]
    assert told["sentences"][0] == "sop: 10 % for 10m, 50 % for 10m, 90 % for 10m, then 100 %; 30m in all"
    assert [step["weight"] for step in told["steps"]] == [10.0, 50.0, 90.0]


def test_evidence_and_history_are_rows_of_the_deployment(world: World) -> None:
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 60.0),))
    done = world.run_to("completed", 300)
    assert done.evidence is not None and done.evidence["candidate_requests"] > 1000
    seconds = world.read(queries.list_history, d.id)
    assert [moment.weight for moment in seconds][-1] == 100
    totals = [moment.body["stable"]["total"] for moment in seconds]
    assert totals == sorted(totals)
    world.clock.advance(days=31)
    for _ in range(3):
        world.write(sweep, retention_rules(world.settings))
    assert world.read(queries.list_history, d.id) == ()


def test_after_a_restart_running_revisions_are_taken_up_and_strangers_reported(world: World) -> None:
    world.first()
    drive(world.target.prepare(stranger := replace(world.revisions()["shop-production-1"].spec, revision="who")))
    drive(world.target.start(stranger))
    assert drive(adopt_revisions(world.db, {"process": world.target})) == ("who",)
