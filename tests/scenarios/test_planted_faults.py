"""Faults planted in rows or in the product: the invariants name them, a random week shrinks them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.domains.alerts import service as alerts
from staycalm.domains.alerts.model import alert_groups
from staycalm.domains.alerts.model import alerts as alert_rows
from staycalm.domains.deployments.model import deployments
from staycalm.domains.incidents.causes import service as causes
from staycalm.domains.incidents.model import incidents
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.kit.database import Tx
from staycalm.ports.errors import OutsideUnavailable
from tests.scenarios import outside
from tests.scenarios.walk import tell_failure
from tests.scenarios.world import World


def test_an_adapter_that_loses_a_thousandth_is_found_at_the_next_step(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an adapter whose weights do not add up any more
    right = outside.weights
    monkeypatch.setattr(outside, "weights", lambda split: {**right(split), split.stable: 899})
    with pytest.raises(AssertionError, match="the weights are"):
        shop.deploy("shop", "v2")
        shop.fast_forward(minutes=2)
    shop.outside.proxy.served.clear()
    shop.outside.proxy.edges.clear()


# Late


def test_what_nobody_does_is_late_although_nothing_is_told(office: World) -> None:
    # given a page that is due in 5 minutes, when every server has stopped for half an hour
    office.declare("nobody can pay", "P0")
    stopped = office.processes.copy()
    office.processes.clear()
    with pytest.raises(AssertionError, match="a step of an escalation is 1500 s late, without an alarm"):
        office.fast_forward(minutes=30)
    # then the last look says so too
    with pytest.raises(AssertionError, match="late"):
        office.clock.move_to(office.clock.now() + timedelta(seconds=1))
        office.checker.at_the_end()
    office.processes += stopped
    office.settle()


def test_a_watch_a_rollout_and_a_delivery_are_late_too(shop: World) -> None:
    # given a rollout, and an alert that is just being told, when every server stops
    shop.deploy("shop", "v2")
    stopped = shop.processes.copy()
    shop.processes.clear()
    fill_the_disk(shop)
    with pytest.raises(AssertionError) as told:
        shop.fast_forward(minutes=5)
    for what in ("a watch", "a rollout", "the delivery of an event"):
        assert f"{what} is " in str(told.value)
    shop.processes += stopped
    shop.settle()


# Rows and log

PLANTED: tuple[tuple[sa.Table, str, dict[str, Any], str], ...] = (
    (deployments, "DEP-2", {"weight": 40.0}, "DEP-2 is shifting with 40.0 %; the log says 10 %"),
    (deployments, "DEP-2", {"state": "smoke-testing"}, "DEP-2 is smoke-testing; the log says deployments.weight"),
    (deployments, "DEP-1", {"weight": 90.0}, "DEP-1 is completed with 90.0 %; the log says 100 %"),
    (incidents, "INC-1", {"state": "mitigated"}, "INC-1 is ('mitigated', 'P0'); the log says ('triage', 'P0')"),
    (incidents, "INC-1", {"priority": "P3"}, "INC-1 is ('triage', 'P3'); the log says ('triage', 'P0')"),
    (escalations, "", {"state": "acknowledged"}, "the escalation of INC-1 is acknowledged; the log says"),
    (escalations, "", {"due_at": None}, "the escalation of INC-1 has stopped silently"),
    (escalations, "", {"open_subject": None}, "INC-1 is P0 and nobody is asked"),
    (alert_rows, "", {"state": "resolved", "dedup_key": None}, "alerts of [] are open; the log says ['disk']"),
    (alert_rows, "", {"rule": "memory"}, "alerts of ['memory'] are open; the log says ['disk']"),
    (alert_rows, "", {"state": "acknowledged"}, "disk is acknowledged; the log does not say so"),
    (alert_groups, "", {"open_key": None}, "ALG-1 is resolved with 1 open rules"),
    (alert_groups, "", {"announced": {"disk": "P1"}}, "ALG-1 was told as {'disk': 'P1'}"),
    (notifications, "", {"state": "sent"}, "a message to alice is sent; the log says sent 0 times"),
)


def test_a_state_without_its_event_is_named_and_an_event_without_its_state(shop: World) -> None:
    # given a rollout at 10 percent, an alert with its incident, and a page that does not get through
    shop.outside.email.fail(OutsideUnavailable("connection refused"), times=1000)
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    fill_the_disk(shop)
    shop.settle()
    assert shop.checker.problems() == []
    # then whatever is changed behind the log's back is named
    for table, id, values, named in PLANTED:
        found = problems_with(shop, table, id, values)
        assert any(named in each for each in found), (named, found)
    assert shop.checker.problems() == []


def fill_the_disk(world: World) -> None:
    how = {"dedup_key": "disk-a", "summary": "the disk is full", "rule": "disk", "service": "shop"}
    world.write(alerts.raise_alert, SYSTEM, environment="production", priority="P0", **how)


def problems_with(world: World, table: sa.Table, id: str, values: dict[str, Any]) -> list[str]:
    """Return what the invariants say while the row (the only one without an id) has these values."""
    rows = world.read(lambda tx: tx.rows(sa.select(table).where(table.c.id == id if id else sa.true())))
    here = table.c.id == rows[0].id

    def put(tx: Tx, changed: dict[str, Any]) -> None:
        tx.execute(table.update().where(here).values(changed))

    world.write(put, values)
    try:
        found: list[str] = world.checker.problems()
    finally:
        world.write(put, {name: getattr(rows[0], name) for name in values})
    return found


def test_a_random_day_finds_a_fault_of_the_product_and_tells_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a product that forgets to page for a new incident
    monkeypatch.setattr(causes, "page", lambda *_, **__: ())
    told = tell_failure(6, days=0.04, many=5)
    # then of everything that happened on that day only the incident is told, and what is wrong with it
    assert told is not None
    story, _, wrong = told.partition("\n\n")
    assert len(story.splitlines()) == 2, story
    assert "somebody declares an incident" in story
    assert "and nobody is asked" in wrong
