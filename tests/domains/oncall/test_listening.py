"""What on-call does when alerts tell of something; every handler may run twice."""

from __future__ import annotations

from functools import partial
from typing import Any

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Event, Recorded
from staycalm.domains.alerts.events import AlertAcknowledged, AlertRaised, AlertResolved
from staycalm.domains.oncall import subscribers
from tests.domains.oncall.world import BOB, World


def tell(world: World, handler: Any, event: Event, actor: Actor = SYSTEM) -> None:
    """Deliver the event twice, as a crash of the dispatcher may."""
    seq = world.write(lambda tx: tx.emit(actor, event))
    for _ in range(2):
        world.write(handler, Recorded(seq, world.clock.now(), actor, event))
    world.settle()


page_for_alert_group = partial(subscribers.page_for_alert_group, find_standing=lambda *asked: asked[-1])


def raised(priority: str = "P0", escalates: str = "group") -> AlertRaised:
    return AlertRaised(
        subject="ALG-9", service="shop", environment="production", alert_id="a1", rule="service-down",
        priority=priority, summary="shop is down", escalates=escalates,
    )  # fmt: skip


def resolved(is_group_resolved: bool) -> AlertResolved:
    return AlertResolved(
        subject="ALG-9", service="shop", environment="production", alert_id="a1", rule="service-down",
        reason="cleared", is_group_resolved=is_group_resolved,
    )  # fmt: skip


def test_a_group_that_escalates_by_itself_is_paged_once(world: World) -> None:
    tell(world, page_for_alert_group, raised())
    assert world.paged() == ["alice"]
    assert world.email.arrived[0].message.subject == "[P0] shop@production: shop is down (ALG-9)"


def test_a_group_that_an_incident_pages_for_is_left_alone(world: World) -> None:
    for escalates in ("incident", "none"):
        tell(world, page_for_alert_group, raised(escalates=escalates))
    tell(world, page_for_alert_group, raised(priority="P2"))
    assert world.open("ALG-9") is None


def test_a_group_that_got_worse_pages_again(world: World) -> None:
    tell(world, page_for_alert_group, raised("P1"))
    tell(world, page_for_alert_group, raised("P0"))
    assert [m.data["kind"] for m in world.email.to("alice@example.com")] == ["notice", "page"]


def test_acknowledging_the_alerts_ends_the_paging(world: World) -> None:
    tell(world, page_for_alert_group, raised())
    acknowledged = AlertAcknowledged(subject="ALG-9", by="bob", alerts=1)
    tell(world, subscribers.acknowledge_for_alert_group, acknowledged, BOB)
    world.forward(hours=1)
    assert world.paged() == ["alice"]
    (event,) = world.events("page_acknowledged")
    assert (event.body["person"], event.body["via"]) == ("bob", "alert")


def test_only_a_group_in_which_nothing_fires_stops_the_paging(world: World) -> None:
    tell(world, page_for_alert_group, raised())
    tell(world, subscribers.stop_for_alert_group, resolved(False))
    assert world.open("ALG-9") is not None
    tell(world, subscribers.stop_for_alert_group, resolved(True))
    assert world.open("ALG-9") is None


def test_a_group_that_was_never_paged_can_be_acknowledged_and_resolved(world: World) -> None:
    tell(
        world, subscribers.acknowledge_for_alert_group, AlertAcknowledged(subject="ALG-9", by="bob", alerts=1), BOB
    )
    tell(world, subscribers.stop_for_alert_group, resolved(True))
    assert world.events("page_acknowledged", "escalation_stopped") == []
