"""An alert nobody ends holds its group open; what fires there after its incident has ended pages all the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from staycalm.core.actor import SYSTEM
from staycalm.core.priority import Priority
from staycalm.domains.alerts import service as alerts
from staycalm.domains.alerts.muting import service as muting
from tests.scenarios.world import World


def tell(office: World, priority: Priority = "P0", **more: Any) -> None:
    values = {"dedup_key": "disk-a", "summary": "disk a is full", "rule": "disk", "service": "shop"} | more
    office.write(alerts.raise_alert, SYSTEM, environment="production", priority=priority, **values)
    office.settle()


def answered_and_resolved(office: World) -> None:
    tell(office)
    office.acknowledge("alice")
    office.respond("resolve", "alice", summary="made room")
    assert office.paged() == ["alice"]
    office.fast_forward(hours=5)


def states(office: World) -> list[str]:
    return [incident.state for incident in office.incidents()]


def test_another_alert_of_a_rule_whose_incident_has_ended_is_another_incident(office: World) -> None:
    # given an alert that goes on although its incident was resolved
    answered_and_resolved(office)
    # when another one of the same rule comes, then it is another incident and pages
    tell(office, dedup_key="disk-b", summary="disk b is full")
    assert office.paged() == ["alice", "alice"] and states(office) == ["resolved", "triage"]
    # and as long as that one is open, further ones page nobody again
    tell(office, dedup_key="disk-c", summary="disk c is full")
    assert office.paged() == ["alice", "alice"] and states(office) == ["resolved", "triage"]


def test_a_resend_of_what_was_resolved_by_hand_pages_nobody(office: World) -> None:
    # given an alert that goes on although its incident was resolved
    answered_and_resolved(office)
    # when its sender tells it again, then nobody is paged
    tell(office, summary="disk a is 99 % full")
    assert office.paged() == ["alice"] and states(office) == ["resolved"]


def test_an_alert_that_rises_again_after_its_incident_was_resolved_reopens_it(office: World) -> None:
    # given an alert that became less urgent, and an incident that was resolved for it
    tell(office)
    tell(office, "P2")
    office.acknowledge("alice")
    office.respond("resolve", "alice", summary="made room")
    office.fast_forward(hours=5)
    # when it is an emergency again, then the incident is open again and pages
    tell(office, "P0")
    assert office.paged() == ["alice", "alice"] and states(office) == ["triage"]


def test_a_silence_that_ends_over_a_resolved_incident_reopens_it(office: World) -> None:
    # given an alert that was silenced for an hour, and an incident that was resolved meanwhile
    tell(office)
    until = office.clock.now() + timedelta(hours=1)
    office.write(
        muting.create_silence, office.actor("alice"), matchers=["rule=disk"], reason="new disk", until=until,
        settings=office.settings.alerts,
    )  # fmt: skip
    office.settle()
    office.acknowledge("alice")
    office.respond("resolve", "alice", summary="the new disk is in")
    # when the silence ends and the alert is still there, then somebody is paged
    office.fast_forward(minutes=61)
    assert office.paged() == ["alice", "alice"] and states(office) == ["triage"]
