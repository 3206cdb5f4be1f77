"""An incident that is over, and what is told of the work after it when that is late."""

from __future__ import annotations

from staycalm.domains.alerts import queries as alerts
from staycalm.domains.incidents.postmortem.reconcile import reconcilers
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import BOB


def resolved(world: IncidentWorld) -> None:
    world.declare(BOB, "Checkout is slow", "P0", service="shop", environment="production")
    world.respond("acknowledge", BOB)
    world.respond("resolve", BOB, summary="rolled back")


def tell_what_is_late(world: IncidentWorld) -> None:
    for each in reconcilers():
        for row in world.read(each.due, 100):
            world.write(each.plan, row)


def open_rules(world: IncidentWorld) -> dict[str, str]:
    return {each.rule: each.priority for each in world.read(alerts.list_open, limit=100) if "overdue" in each.rule}
