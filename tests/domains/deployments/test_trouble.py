"""Candidates that cannot be, and outsides that fail: each says why, and traffic stays where it was."""

from __future__ import annotations

import pytest

from staycalm.domains.deployments.strategies import Step
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, PortError, Rejected
from staycalm.ports.traffic import Split
from tests.domains.deployments.world import SHOP, World, digest_of
from tests.scenarios.fakes.target import Program
from tests.scenarios.fakes.traffic import Behaviour

LONG = (Step(50.0, 600.0),)


def candidate_at_half(world: World) -> str:
    world.first()
    d = world.deploy("v2", steps=LONG)
    world.run(60, until=lambda: world.newest().weight == 50)
    return d.id


def test_a_candidate_that_never_becomes_healthy_is_given_up(world: World) -> None:
    world.first()
    world.target.programs[digest_of("v2")] = Program(never_ready=True)
    d = world.deploy("v2")
    world.run_to("aborted", 120)
    event = world.event(d.id, "aborted")
    assert event["code"] == "never-healthy" and "instance 0 is starting" in event["reason"]
    assert world.split() == Split("blue")
    assert "shop-production-2" in world.target.running()


def test_other_bytes_than_registered_are_not_started(world: World) -> None:
    world.first()
    world.target.programs[digest_of("v2")] = Program(real_digest=digest_of("something else"))
    d = world.deploy("v2")
    world.run_to("aborted", 60)
    assert world.event(d.id, "aborted")["code"] == "digest-differs"
    assert world.target.running() == {"shop-production-1"}


def test_smoke_tests_that_fail_end_it_before_any_traffic(world: World) -> None:
    world.first()
    world.smoke.failing["health"] = "answered 500"
    d = world.deploy("v2")
    world.run_to("aborted", 60)
    event = world.event(d.id, "aborted")
    assert event["code"] == "smoke-failed" and "health: answered 500" in event["reason"]
    assert not event["had_traffic"]
    assert "green" not in world.router.edges[SHOP].totals


def test_smoke_tests_reach_the_candidate_by_its_own_host_name(world: World) -> None:
    world.first()
    (check,) = world.smoke.asked
    assert (check.url, check.host_header) == ("http://127.0.0.1:8080/health", "green.shop.example")


def test_a_first_deployment_that_fails_leaves_no_route(world: World) -> None:
    world.smoke.failing["health"] = "answered 500"
    world.deploy("v1")
    world.run_to("aborted", 60)
    assert world.split() is None and SHOP not in world.router.edges
    world.smoke.failing.clear()
    world.first("v2")
    assert world.split() == Split("blue")


@pytest.mark.parametrize(
    ("method", "error", "code"),
    [
        ("ensure", InvalidSpec("port 8080 is taken by another program"), "cannot-run"),
        ("set_split", Rejected("the proxy does not accept the routes"), "proxy-refused"),
    ],
)
def test_a_route_that_cannot_be_is_said(world: World, method: str, error: PortError, code: str) -> None:
    world.router.fail(method, error, times=10)
    d = world.deploy("v1")
    world.run_to("aborted", 120)
    event = world.event(d.id, "aborted")
    assert event["code"] == code and str(error) in event["reason"]


def test_an_outside_that_does_not_answer_for_a_while_is_tried_again(world: World) -> None:
    world.target.fail("prepare", OutsideUnavailable("the store does not answer"), times=3)
    world.router.fail("ensure", OutsideUnavailable("the proxy does not answer"), times=3)
    world.first()
    assert world.newest().problem is None


def test_a_dead_candidate_goes_back_without_statistics(world: World) -> None:
    id = candidate_at_half(world)
    world.target.kill("shop-production-2", "killed by signal 9")
    world.run_to("rolled-back", 10)
    assert "process is gone: killed by signal 9" in world.event(id, "rolled_back")["reason"]


def test_failed_health_checks_in_a_row_go_back(world: World) -> None:
    id = candidate_at_half(world)
    world.target.sicken("shop-production-2")
    world.run_to("rolled-back", 60)
    assert "failed 3 health checks in a row" in world.event(id, "rolled_back")["reason"]


def test_a_candidate_no_proxy_can_reach_goes_back(world: World) -> None:
    id = candidate_at_half(world)
    for port in world.target.revisions["shop-production-2"].ports:
        world.router.behave(port, Behaviour(is_healthy=False))
    world.run_to("rolled-back", 30)
    assert "no healthy member" in world.event(id, "rolled_back")["reason"]


def test_one_failed_health_check_is_not_enough(world: World) -> None:
    candidate_at_half(world)
    world.target.sicken("shop-production-2")
    world.run(2)
    world.target.heal("shop-production-2")
    world.run(60)
    assert world.newest().state == "shifting"


def test_stable_that_is_sick_too_is_in_the_record(world: World) -> None:
    id = candidate_at_half(world)
    world.target.sicken("shop-production-1")
    world.target.kill("shop-production-2")
    world.run_to("rolled-back", 30)
    assert not world.event(id, "rolled_back")["stable_is_healthy"]


def test_at_full_weight_only_the_absolute_stop_is_left(world: World) -> None:
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 30.0),))
    world.run(200, until=lambda: world.newest().weight == 100)
    world.router.behave(world.target.port("shop-production-2"), Behaviour(error_rate=0.2))
    world.run_to("rolled-back", 30)
    assert "absolute stop" in world.event(d.id, "rolled_back")["reason"]
    assert world.place().live == "DEP-1"


def test_a_rollback_that_does_not_succeed_raises_the_alarm_and_goes_on(world: World) -> None:
    id = candidate_at_half(world)
    world.router.fail("roll_back", OutsideUnavailable("the proxy does not answer"), times=100)
    world.target.kill("shop-production-2")
    world.run(200, until=lambda: "rollback_failed" in world.names(id))
    assert not world.event(id, "rollback_failed")["is_final"]
    done = world.run_to("rolled-back", 120)
    assert done.rollback_took_s is not None and done.rollback_took_s > 60


def test_weights_that_drift_are_set_again(world: World) -> None:
    candidate_at_half(world)
    world.router.edges[SHOP].in_force = None
    world.run(20)
    split = world.split()
    assert split is not None and split.candidate_weight == 50
    assert world.newest().state == "shifting"


def test_a_deployment_that_never_starts_does_not_come_back_to_life(world: World) -> None:
    world.deploy("v1")
    world.clock.advance(minutes=11)
    world.run_to("aborted", 5)
    assert world.target.running() == set()


def test_stable_that_was_lost_in_a_rollout_runs_again_and_its_route_follows_it(world: World) -> None:
    candidate_at_half(world)
    stable = world.target.revisions["shop-production-1"]
    before = stable.ports
    stable.instances, stable.ports = 0, ()
    for port in before:
        world.router.behave(port, Behaviour(is_healthy=False))

    def members() -> tuple[int, ...]:
        return tuple(end.port for end in world.router.edges[SHOP].spec.members["blue"])

    world.run(60, until=lambda: members() != before)
    assert members() == stable.ports
    assert set(stable.ports).isdisjoint(before)
    assert stable.instances == 2
    assert (world.newest().state, world.newest().weight) == ("shifting", 50.0)
    assert world.split() == Split("blue", "green", 50.0, world.newest().preview_token)
