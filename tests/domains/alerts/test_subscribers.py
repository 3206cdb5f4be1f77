"""What others tell becomes an alert, once, and stops being one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from staycalm.core.errors import Conflict
from staycalm.core.self_events import DeliveryDied
from staycalm.domains.alerts import service
from staycalm.domains.alerts.public import follow_overdue_work
from staycalm.domains.alerts.working_hours import is_working_time
from staycalm.domains.deployments.events import DeploymentHeld, DeploymentResumed, RollbackFailed
from staycalm.domains.monitoring.conditions.model import conditions
from staycalm.domains.monitoring.events import ConditionCleared, ConditionFiring, HealthReported
from staycalm.domains.oncall.events import (
    CoverageGapFound,
    CoverageRestored,
    EscalationExhausted,
    NobodyPaged,
    PageAcknowledged,
)
from staycalm.kit.database import Tx
from tests.domains.alerts.world import ALICE, World

PLACE = {"service": "shop", "environment": "production"}


def firing(rule: str = "service-down", priority: str = "P0") -> ConditionFiring:
    return ConditionFiring(
        subject=f"{rule}/shop@production", **PLACE, rule=rule, priority=priority,
        summary="shop is down in production", value=1, threshold=1, labels={"signal": "probes_down"},
    )  # fmt: skip


def stands(tx: Tx, phase: str) -> None:
    """The rule's condition is in this phase."""
    state = {"phase": phase, "held_s": 0, "health": "breach", "detail": "", "priority": "P0"}
    values = {"rule": "service-down", **PLACE, **state}
    tx.upsert(conditions, values, on=["rule", "service", "environment"])


def cleared(rule: str = "service-down") -> ConditionCleared:
    return ConditionCleared(
        subject=f"{rule}/shop@production", **PLACE, rule=rule, priority="P0", reason="it does not hold any more",
        value=0, fired_for_s=60,
    )  # fmt: skip


def held(**more: Any) -> DeploymentHeld:
    return DeploymentHeld(subject="DEP-7", **PLACE, reason="too slow", code="latency", weight=50, **more)


def test_a_firing_condition_is_an_alert_until_it_clears(world: World) -> None:
    world.write(stands, "firing")
    world.tell(firing())
    alert = world.only()
    assert (alert.priority, alert.rule, alert.source, alert.state) == ("P0", "service-down", "rule", "firing")
    assert world.bodies("alerts.raised")[0]["escalates"] == "incident"
    world.write(stands, "inactive")
    world.tell(cleared())
    assert world.only().state == "resolved"
    assert world.told() == ["raised", "resolved"]


def test_a_condition_whose_end_is_heard_first_is_an_alert_that_has_ended(world: World) -> None:
    world.tell(cleared())
    world.tell(firing())
    assert world.only().state == "resolved"


def test_the_same_condition_told_twice_is_one_alert(world: World) -> None:
    world.write(stands, "firing")
    world.tell(firing())
    world.tell(firing())
    assert world.told() == ["raised"]


def test_an_end_that_is_delivered_late_does_not_end_what_fires_again(world: World) -> None:
    world.write(stands, "firing")
    for event in (firing(), firing(), cleared()):
        world.tell(event)
    assert world.only().state == "firing"
    world.write(stands, "inactive")
    world.tell(cleared())
    assert world.only().state == "resolved"


def test_a_condition_under_maintenance_pages_nobody(world: World) -> None:
    world.maintain("shop", "production")
    world.write(stands, "firing")
    world.tell(firing())
    assert world.told() == ["maintenance_started", "suppressed"]


def test_a_held_deployment_is_a_ticket_until_it_goes_on(world: World) -> None:
    world.clock.advance(hours=12)
    world.tell(held())
    assert (world.only().priority, world.only().escalates) == ("P2", "none")
    assert "DEP-7 of shop in production is held at 50 %: too slow" in world.only().summary
    world.tell(DeploymentResumed(subject="DEP-7", **PLACE))
    assert world.only().state == "resolved"


def test_a_held_deployment_asks_for_a_person_in_working_hours_alone(world: World) -> None:
    world.tell(held())
    assert sorted(alert.rule for alert in world.open()) == ["deployment-held", "nobody-paged"]


@pytest.mark.parametrize(
    ("when", "zone", "working"),
    [
        ("2026-03-02T09:00", "UTC", True),
        ("2026-03-02T08:59", "UTC", False),
        ("2026-03-02T08:00", "Europe/Berlin", True),
        ("2026-03-02T16:59", "UTC", True),
        ("2026-03-02T17:00", "UTC", False),
        ("2026-03-01T12:00", "UTC", False),
        ("2026-03-06T23:00", "Pacific/Auckland", False),
    ],
)
def test_working_hours_are_those_of_the_organisation(when: str, zone: str, working: bool) -> None:
    assert is_working_time(datetime.fromisoformat(when).replace(tzinfo=UTC), zone) is working


def test_a_hold_that_would_have_been_a_rollback_pages(world: World) -> None:
    world.tell(held(is_urgent=True))
    assert (world.only().priority, world.only().escalates) == ("P1", "incident")


def test_a_rollback_that_nobody_tries_any_more_is_a_p0(world: World) -> None:
    world.tell(RollbackFailed(subject="DEP-7", **PLACE, reason="the proxy is gone", is_final=False))
    assert world.open() == []
    world.tell(RollbackFailed(subject="DEP-7", **PLACE, reason="the proxy is gone", is_final=True))
    assert world.only().priority == "P0"


@pytest.mark.parametrize("subject", ["INC-3", "ALG-9"])
def test_when_nobody_answers_the_alert_says_so_without_another_escalation(world: World, subject: str) -> None:
    event = EscalationExhausted(
        subject=subject, **PLACE, escalation="e1", priority="P0", title="Service down", reason="all steps used",
        people=["bob", "carol"],
    )  # fmt: skip
    world.tell(event)
    assert "nobody answered" in world.only().summary and "bob, carol" in world.only().summary
    assert [each["escalates"] for each in world.bodies("alerts.raised")] == ["none"]
    world.tell(PageAcknowledged(subject=subject, **PLACE, escalation="e1", person="alice", via="web"))
    assert world.only().state == "resolved"


def test_when_nobody_could_be_paged_there_is_an_alert(world: World) -> None:
    world.tell(NobodyPaged(subject="INC-3", priority="P1", title="Service down", reason="no policy is declared"))
    assert (world.only().service, world.only().priority, world.only().escalates) == ("staycalm", "P1", "none")


def test_that_nobody_was_paged_does_not_hold_the_group_open_that_it_is_about(world: World) -> None:
    world.raised("disk")
    world.tell(NobodyPaged(subject="ALG-1", **PLACE, priority="P1", title="disk", reason="no policy is declared"))
    assert sorted(alert.group_id for alert in world.open()) == ["ALG-1", "ALG-2"]
    world.resolved("disk")
    world.settle()
    assert world.open() == []


def test_late_work_is_an_alert_while_it_is_late(world: World) -> None:
    for is_late in (False, True, True, False, False):
        world.write(follow_overdue_work, is_late=is_late)
    assert world.told() == ["raised", "resolved"]


def test_whoever_acknowledges_the_page_of_a_group_has_its_alerts(world: World) -> None:
    world.raised("a")
    world.raised("b")
    world.tell(PageAcknowledged(subject="ALG-1", **PLACE, escalation="e1", person="bob", via="link"))
    assert {(a.state, a.acknowledged_by) for a in world.open()} == {("acknowledged", "bob")}


def test_a_page_acknowledged_after_the_group_was_resolved_changes_nothing(world: World) -> None:
    world.raised("a")
    world.resolved("a")
    world.tell(PageAcknowledged(subject="ALG-1", **PLACE, escalation="e1", person="bob", via="link"))
    world.tell(PageAcknowledged(subject="INC-1", **PLACE, escalation="e2", person="bob", via="link"))
    assert world.told() == ["raised", "resolved"]


def test_holes_in_a_schedule_are_one_ticket_until_they_are_mended(world: World) -> None:
    gap = CoverageGapFound(
        subject="schedule/platform", schedule="platform",
        findings=[{"sentence": "nobody on Sunday"}, {"sentence": "bob has no contact method"}],
    )  # fmt: skip
    world.tell(gap)
    world.tell(gap)
    assert world.only().summary == "schedule platform has holes: nobody on Sunday (and 1 more)"
    world.tell(CoverageRestored(subject="schedule/platform", schedule="platform"))
    assert world.only().state == "resolved"


def test_a_health_report_that_fails_is_a_ticket_until_one_is_well(world: World) -> None:
    world.tell(HealthReported(subject="r1", ok=False, failed=["disk: 2 % free"]))
    assert (world.only().service, world.only().priority) == ("staycalm", "P2")
    world.tell(HealthReported(subject="r2", ok=True))
    assert world.only().state == "resolved"


def test_dead_letters_of_one_subscriber_are_one_alert_however_many_there_are(world: World) -> None:
    for seq in (5, 6, 7):
        world.tell(DeliveryDied(subject="DEP-7", subscriber="incidents.rolled-back", event_seq=seq, reason="bug"))
    assert world.only().details == {"event_seq": 7, "reason": "bug"}
    assert world.told() == ["raised"]


def test_a_person_cannot_resolve_what_its_rule_still_holds_open(world: World) -> None:
    world.write(stands, "firing")
    world.tell(firing())
    with pytest.raises(Conflict) as refusal:
        world.write(service.resolve, ALICE, world.only().id)
    assert refusal.value.code == "still-firing"
    world.write(stands, "inactive")
    assert world.write(service.resolve, ALICE, world.only().id)[0].state == "resolved"
