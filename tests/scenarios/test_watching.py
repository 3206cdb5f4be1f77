"""What goes wrong without a deployment: rules, flapping, silences, maintenance; and one incident, never two."""

from __future__ import annotations

from datetime import timedelta

from staycalm.domains.alerts.muting import service as muting
from tests.scenarios.test_deployments import end_of
from tests.scenarios.world import World


def kill_stable(world: World) -> None:
    world.outside.machine.kill("shop-production-1")


def revive_stable(world: World) -> None:
    world.outside.machine.heal("shop-production-1")


def test_a_service_that_is_down_pages_within_a_minute(shop: World) -> None:
    # when the shop dies without any deployment
    kill_stable(shop)
    # then it is a P0 with an incident, and the primary is paged
    shop.expect_page("alice", within=75)
    assert shop.incident.priority == "P0" and "down" in shop.incident.title


def test_a_service_that_comes_back_ends_its_alert_and_the_incident_waits_for_a_person(shop: World) -> None:
    # given a shop that died, and alice who has it
    kill_stable(shop)
    shop.expect_page("alice", within=75)
    shop.acknowledge("alice")
    # when it comes back
    revive_stable(shop)
    shop.fast_forward(minutes=3)
    # then the alert is over, and the incident waits for alice to say so
    assert {a.state for a in shop.alerts()} == {"resolved"}
    assert shop.incident.state == "investigating"
    shop.respond("resolve", "alice", summary="restarted by hand")
    assert shop.incident.state == "resolved"


def test_an_error_rate_above_five_percent_is_a_p0_after_a_minute(shop: World) -> None:
    # when one in ten answers is an error
    shop.outside.suffer("shop", error_rate=0.1)
    # then nothing is said for the first minute
    shop.fast_forward(seconds=50)
    assert shop.incidents() == []
    # and after it alice is paged
    shop.expect_page("alice", within=90)
    assert shop.incident.priority == "P0"
    assert [a.rule for a in shop.alerts()] == ["error-rate-5-percent"]


def test_an_error_rate_above_two_percent_is_a_p1_after_five_minutes(shop: World) -> None:
    # when three in a hundred answers are errors
    shop.outside.suffer("shop", error_rate=0.03)
    # then it is a P1 after some minutes, and alice gets a notice
    shop.until(lambda: bool(shop.incidents()), minutes=8)
    assert shop.incident.priority == "P1"
    assert [m.data["kind"] for m in shop.mail("alice")] == ["notice"]


def test_answers_that_take_more_than_two_seconds_are_a_p1(shop: World) -> None:
    # when many answers take more than two seconds
    shop.outside.suffer("shop", median_ms=1500)
    # then it is a P1 that says so
    shop.until(lambda: bool(shop.incidents()), minutes=8)
    assert shop.incident.priority == "P1" and "slow" in shop.incident.title


def test_one_failed_look_is_no_outage(shop: World) -> None:
    # when a look at the shop fails
    shop.outside.prober.fail("http://127.0.0.1:8080/health", times=2)
    shop.fast_forward(minutes=3)
    # then nobody is told
    assert shop.incidents() == []


def test_a_flapping_service_pages_once_not_at_every_turn(shop: World) -> None:
    # given a shop that dies and comes back every minute for ten minutes, and alice who has it
    shop.answers_after("alice", seconds=30)
    for _ in range(5):
        kill_stable(shop)
        shop.fast_forward(seconds=60)
        revive_stable(shop)
        shop.fast_forward(seconds=60)
    assert len(shop.incidents()) == 1
    assert shop.paged() == ["alice"]


def test_an_outage_with_many_signs_is_one_incident(shop: World) -> None:
    # when the shop dies, visitors get errors, and a person reports it as well
    kill_stable(shop)
    shop.fast_forward(minutes=3)
    shop.declare("the shop is down", "P0")
    assert len(shop.incidents()) == 1
    assert len(shop.log("incidents.cause_attached")) >= 1
    assert shop.paged() == ["alice"]


def test_what_goes_wrong_soon_after_a_rollback_belongs_to_its_incident(shop: World) -> None:
    # given a rollback whose incident was closed quickly
    shop.deploy("shop", "v2", error_rate=0.3)
    assert end_of(shop) == "rolled-back"
    shop.respond("resolve", "alice", summary="rolled back")
    # when the shop suffers five minutes later
    shop.fast_forward(minutes=4)
    kill_stable(shop)
    # then the same incident is open again, it is a P0 now, and somebody is paged
    shop.expect_page("alice", within=90)
    assert shop.incident.priority == "P0"
    assert [e.name for e in shop.log("incidents.reopened")] == ["incidents.reopened"]


def test_what_goes_wrong_long_after_a_rollback_is_another_incident(shop: World) -> None:
    # given a rollback whose incident was resolved
    shop.deploy("shop", "v2", error_rate=0.3)
    assert end_of(shop) == "rolled-back"
    shop.respond("resolve", "alice", summary="rolled back")
    # when the shop dies eleven minutes later
    shop.fast_forward(minutes=11)
    kill_stable(shop)
    # then it is another incident
    shop.expect_page("alice", within=90)
    assert len(shop.incidents()) == 2


def test_a_silenced_rule_pages_nobody_until_the_silence_ends(shop: World) -> None:
    # given a shop that is silenced for five minutes
    until = shop.clock.now() + timedelta(minutes=5)
    named = {"matchers": ["service=shop"], "reason": "we move", "until": until, "settings": shop.settings.alerts}
    shop.write(muting.create_silence, shop.actor("alice"), **named)
    # when it dies, then nobody hears of it
    kill_stable(shop)
    shop.fast_forward(minutes=4)
    assert shop.paged() == [] and shop.incidents() == []
    # it still is down when the silence ends
    shop.expect_page("alice", within=120)


def test_maintenance_of_a_service_pages_nobody(shop: World) -> None:
    # given a shop in maintenance
    until = shop.clock.now() + timedelta(minutes=10)
    named = {"service": "shop", "environment": None, "reason": "new disks", "until": until}
    shop.write(muting.start_maintenance, shop.actor("alice"), **named, settings=shop.settings.alerts)
    # when it dies and comes back
    kill_stable(shop)
    shop.fast_forward(minutes=6)
    revive_stable(shop)
    shop.fast_forward(minutes=6)
    # then nobody hears of it
    assert shop.paged() == [] and shop.incidents() == []


def test_a_rollback_that_leaves_a_sick_stable_is_a_p1(shop: World) -> None:
    # given a rollout, when everything dies at once
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 50, minutes=3)
    kill_stable(shop)
    shop.outside.machine.kill("shop-production-2")
    # then there is a rollback, and one incident that pages
    shop.until(lambda: shop.newest().state == "rolled-back", minutes=1)
    shop.fast_forward(minutes=1)
    assert len(shop.incidents()) == 1
    assert shop.incident.priority in ("P0", "P1")
