"""Releases go out: good ones, bad ones, subtly bad ones, cold ones, and those nobody uses."""

from __future__ import annotations

import pytest

from staycalm.core.errors import Conflict, Forbidden
from tests.scenarios.organisation import SHOP_FILE, with_shop
from tests.scenarios.world import World

OVER = ("completed", "rolled-back", "aborted")


def end_of(world: World, *, minutes: float = 60) -> str:
    """Return how the newest deployment ended."""
    world.until(lambda: world.newest_state() in OVER, minutes=minutes)
    return world.newest().state


def test_a_good_release_goes_from_10_to_100_percent_in_half_an_hour(shop: World) -> None:
    # given a shop with visitors, when a release without faults is deployed by the standard procedure
    d = shop.deploy("shop", "v2", strategy="sop")
    began = shop.clock.now()
    # then it gets 10, 50, 90 and 100 percent, ten minutes each, and nobody is disturbed
    assert end_of(shop) == "completed"
    shifts = [e.body["weight"] for e in shop.log("deployments.weight_shifted", subject=d.id)]
    assert shifts == [10, 50, 90, 100]
    assert 30 <= (shop.clock.now() - began).total_seconds() / 60 <= 35
    assert shop.share("v2") == 100
    assert shop.incidents() == [] and shop.outside.email.arrived == []


def test_a_bad_release_is_gone_within_seconds_and_has_an_incident(shop: World) -> None:
    # when every fifth answer of a release is an error
    d = shop.deploy("shop", "v2", error_rate=0.2)
    # then it never gets further than the first step, and stable serves everybody again
    assert end_of(shop) == "rolled-back"
    shifts = [e.body["weight"] for e in shop.log("deployments.weight_shifted", subject=d.id)]
    assert shifts == [10]
    assert shop.share("v1") == 100
    # and there is a P2 with its reason; whoever is on call is told, not woken
    assert shop.incident.priority == "P2" and "error rate" in shop.incident.title
    assert shop.paged() == [] and [a.address for a in shop.outside.email.arrived] == ["alice@example.com"]


def test_two_percent_more_errors_are_found(shop: World) -> None:
    # when a release has two errors more in a hundred answers
    shop.deploy("shop", "v2", error_rate=0.02)
    # then it is rolled back for its errors
    assert end_of(shop) == "rolled-back"
    assert "more errors" in shop.newest().end_reason or "error" in shop.newest().end_reason


def test_a_release_half_as_slow_again_is_found(shop: World) -> None:
    # when a release takes half as long again to answer
    shop.deploy("shop", "v2", slowdown=0.5)
    # then it is rolled back for being slower
    assert end_of(shop) == "rolled-back"
    assert "slower" in shop.newest().end_reason


def test_a_cold_release_is_given_a_minute_to_warm_up(shop: World) -> None:
    # given a release that answers slowly for its first 40 seconds, and then as before
    shop.deploy("shop", "v2", cold_for_s=40, cold_ms=60, strategy="instant")
    # then it completes all the same
    assert end_of(shop) == "completed"


def test_a_release_that_goes_bad_later_is_rolled_back_later(shop: World) -> None:
    # given a leak that shows after a while
    shop.deploy("shop", "v2", error_rate=0.3, errors_after_s=100)
    shop.fast_forward(seconds=95)
    assert shop.newest().state == "shifting" and shop.share("v2") == 50
    assert end_of(shop, minutes=5) == "rolled-back"
    assert shop.share("v1") == 100


def test_without_visitors_the_release_passes_but_is_not_proven(world: World) -> None:
    # given a shop that nobody visits, when a release is deployed
    world.running_shop(SHOP_FILE, visitors=0)
    d = world.deploy("shop", "v2", strategy="instant")
    # then it completes, and the log says that nothing was proven
    assert end_of(world) == "completed"
    assert world.log("deployments.completed", subject=d.id)[0].body["is_proven"] is False


def test_without_visitors_a_tier_1_service_waits_for_a_person(world: World) -> None:
    # given the most important kind of service, and nobody to compare answers by
    world.running_shop(with_shop(tier=1), visitors=0)
    d = world.deploy("shop", "v2", strategy="instant")
    # then the rollout is held in working hours, and somebody is asked
    world.until(lambda: world.newest().held_code is not None, minutes=5)
    weight = world.share("v2")
    world.fast_forward(minutes=20)
    assert world.share("v2") == weight == 95
    world.expect_page("alice")
    # when a person lets it go on, then it completes
    world.ask("resume", d.id)
    assert end_of(world) == "completed"
    assert [a.state for a in world.alerts("deployment-held")] == ["resolved"]


def test_a_first_release_is_served_as_soon_as_it_is_well(world: World) -> None:
    # given nothing that runs, when the first release is deployed
    world.start(SHOP_FILE)
    world.deploy("shop", "v1", starts_after_s=20)
    # then everybody gets it once it is up
    assert end_of(world, minutes=2) == "completed"
    assert world.share("v1") == 100


def test_a_first_release_that_never_becomes_healthy_leaves_no_route(world: World) -> None:
    # given nothing that runs, when the first release does not start
    world.start(SHOP_FILE)
    world.deploy("shop", "v1", never_ready=True)
    # then it is aborted, and nobody is sent to it
    assert end_of(world, minutes=30) == "aborted"
    assert world.outside.proxy.edges == {}
    # and the next one may try
    world.deploy("shop", "v2")
    assert end_of(world) == "completed"


def test_a_second_release_that_never_becomes_healthy_gets_no_traffic(shop: World) -> None:
    # given a shop, when a new release does not start
    d = shop.deploy("shop", "v2", never_ready=True)
    # then it is aborted, and visitors have noticed nothing
    assert end_of(shop, minutes=30) == "aborted"
    assert shop.log("deployments.weight_shifted", subject=d.id) == []
    assert shop.share("v1") == 100


def test_a_release_that_fails_its_smoke_test_gets_no_traffic(shop: World) -> None:
    # given a smoke test that fails
    shop.outside.smoke.failing[smoke_name(shop)] = "HTTP 500"
    # when a release is deployed
    d = shop.deploy("shop", "v2")
    # then it is aborted before any visitor has seen it
    assert end_of(shop, minutes=30) == "aborted"
    assert shop.log("deployments.weight_shifted", subject=d.id) == []
    assert shop.share("v1") == 100


def smoke_name(world: World) -> str:
    """Return the name of the shop's one smoke test, from the run of its first deployment."""
    return world.outside.smoke.asked[0].name


def test_a_second_deployment_is_refused_while_one_runs(shop: World) -> None:
    # given a rollout
    d = shop.deploy("shop", "v2")
    # when somebody deploys another release, then it is refused and names the one that runs
    with pytest.raises(Conflict, match=d.id):
        shop.deploy("shop", "v3")
    # and afterwards it may
    assert end_of(shop) == "completed"
    shop.deploy("shop", "v3", strategy="instant")
    assert end_of(shop) == "completed" and shop.share("v3") == 100


def test_a_person_deploys_to_production_only_as_a_hotfix_with_a_reason(shop: World) -> None:
    # when a person deploys to production by hand, then it is refused
    with pytest.raises(Forbidden):
        shop.deploy("shop", "v2", by=shop.actor("alice"))
    # but for a hotfix with its reason, which is marked as such
    d = shop.deploy("shop", "v2", by=shop.actor("alice"), hotfix="the tax is wrong", strategy="instant")
    assert end_of(shop) == "completed"
    assert shop.get(d.id).is_manual


def test_a_candidate_that_dies_sends_everybody_back_at_once(shop: World) -> None:
    # given a rollout at 50 percent
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 50, minutes=15)
    # when the new release crashes
    shop.outside.machine.kill("shop-production-2")
    # then stable serves everybody within a minute, and the reason is its process
    assert end_of(shop, minutes=1) == "rolled-back"
    assert "process" in shop.newest().end_reason or "healthy member" in shop.newest().end_reason


def test_a_common_outage_is_not_blamed_on_the_release(shop: World) -> None:
    # given a rollout, when the database behind both revisions fails for a minute
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 50, minutes=15)
    shop.outside.suffer("shop", error_rate=0.04)
    shop.fast_forward(minutes=1)
    shop.outside.recover("shop")
    # then the release is not rolled back for it
    assert end_of(shop) == "completed"
