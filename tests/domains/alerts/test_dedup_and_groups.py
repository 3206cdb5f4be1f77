"""One condition is one alert; a group tells of each rule once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.alerts.retention import retention_rules
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Database
from staycalm.kit.database.retention import sweep
from tests.conftest import VirtualClock
from tests.domains.alerts.world import ALICE, BOB, World


def writes(world: World, use_case: Callable[..., object], *args: object, **named: object) -> list[str]:
    """Return the statements by which the use case writes."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split()[0].upper() in ("INSERT", "UPDATE", "DELETE"):
            found.append(statement)

    sa.event.listen(world.database.engine, "before_cursor_execute", note)
    try:
        world.write(use_case, *args, **named)
    finally:
        sa.event.remove(world.database.engine, "before_cursor_execute", note)
    return found


def test_a_resend_of_a_known_alert_writes_nothing(world: World) -> None:
    first = world.raised(labels={"disk": "sda"}, details={"free": 3})
    again = {
        "dedup_key": "disk", "service": "shop", "environment": "production", "priority": "P1",
        "summary": "the disk is full", "rule": "disk", "labels": {"disk": "sda"}, "details": {"free": 3},
    }  # fmt: skip
    assert writes(world, service.raise_alert, BOB, **again) == []
    assert world.raised(labels={"disk": "sda"}, details={"free": 3}) == first
    assert world.told() == ["raised"]


def test_a_resend_that_says_something_else_changes_the_alert_and_tells_nobody(world: World) -> None:
    first = world.raised()
    changed = world.raised(summary="the disk is fuller")
    assert (changed.id, changed.summary, changed.version) == (first.id, "the disk is fuller", 2)
    assert world.told() == ["raised"]


def test_a_higher_priority_is_told_and_a_lower_one_is_not(world: World) -> None:
    world.raised(priority="P2")
    world.raised(priority="P0")
    world.raised(priority="P3")
    assert [each["priority"] for each in world.bodies("alerts.raised")] == ["P2", "P0"]
    assert [each["escalates"] for each in world.bodies("alerts.raised")] == ["none", "incident"]


def test_the_same_key_of_two_services_is_two_alerts(world: World) -> None:
    world.raised()
    world.raised(service="billing")
    world.raised(service=None, environment=None)
    assert len(world.open()) == 3
    assert {alert.service for alert in world.open()} == {"shop", "billing", None}


def test_alerts_of_one_placement_are_one_group_and_each_rule_is_told_once(world: World) -> None:
    for key in ("a", "b", "c"):
        world.raised(key, rule="node-down")
    world.raised("d", rule="slow", priority="P2")
    assert {alert.group_id for alert in world.open()} == {"ALG-1"}
    assert [(e["subject"], e["rule"]) for e in world.bodies("alerts.raised")] == [
        ("ALG-1", "node-down"),
        ("ALG-1", "slow"),
    ]


def test_a_group_is_resolved_with_its_last_alert_and_the_next_one_is_new(world: World) -> None:
    for key in ("a", "b"):
        world.raised(key, rule="node-down")
    world.raised("d", rule="slow")
    world.resolved("a")
    assert world.told() == ["raised", "raised"]
    world.resolved("b")
    world.resolved("d")
    assert [(e["rule"], e["is_group_resolved"]) for e in world.bodies("alerts.resolved")] == [
        ("node-down", False),
        ("slow", True),
    ]
    assert world.raised("a").group_id == "ALG-2"


def test_the_dedup_key_is_null_exactly_when_the_alert_is_closed(world: World) -> None:
    world.raised()
    world.resolved()
    with pytest.raises(sa.exc.IntegrityError):
        world.write(lambda tx: tx.execute(alerts.update().values(dedup_key="disk")))
    world.raised()
    with pytest.raises(sa.exc.IntegrityError):
        world.write(lambda tx: tx.execute(alerts.update().values(dedup_key=None)))
    assert [alert.dedup_key for alert in world.open()] == ["disk"]


def test_an_alert_that_fires_again_soon_counts_its_flaps_and_one_after_a_quiet_time_does_not(world: World) -> None:
    flaps = []
    for minutes in (0, 10, 10, 120):
        world.clock.advance(minutes=minutes)
        flaps.append(world.raised().flaps)
        world.resolved()
    assert flaps == [0, 1, 2, 0]


def test_resolving_what_is_not_open_writes_nothing(world: World) -> None:
    assert world.resolved("unheard-of") is None
    world.raised()
    world.resolved()
    assert writes(world, service.resolve_alert, BOB, dedup_key="disk", service="shop") == []


def test_acknowledging_an_alert_says_who_has_it_and_does_it_once(world: World) -> None:
    alert = world.raised()
    (mine,) = world.write(service.acknowledge, ALICE, alert.id)
    (same,) = world.write(service.acknowledge, BOB, alert.id)
    assert (mine.state, mine.acknowledged_by, same.acknowledged_by) == ("acknowledged", "alice", "alice")
    assert world.told() == ["raised", "acknowledged"]


def test_acknowledging_a_group_takes_all_its_firing_alerts(world: World) -> None:
    for key in ("a", "b", "c"):
        world.raised(key)
    world.resolved("c")
    taken = world.write(service.acknowledge, ALICE, "alg-1")
    assert sorted(alert.state for alert in taken) == ["acknowledged", "acknowledged", "resolved"]
    assert world.bodies("alerts.acknowledged")[0]["alerts"] == 2


def test_a_resolve_beats_an_older_acknowledge_that_arrives_later(world: World) -> None:
    seen = world.raised()
    world.resolved()
    for late in (seen.id, seen.group_id):
        with pytest.raises(Conflict) as refusal:
            world.write(service.acknowledge, ALICE, late, version=seen.version)
        assert refusal.value.code == "alert-resolved"
    again = world.raised()
    with pytest.raises(Conflict):
        world.write(service.acknowledge, ALICE, seen.id, version=seen.version)
    assert world.read(queries.get_alert, again.id).state == "firing"


def test_an_acknowledge_of_what_has_changed_since_is_refused(world: World) -> None:
    seen = world.raised(priority="P2")
    world.raised(priority="P0")
    with pytest.raises(Conflict) as refusal:
        world.write(service.acknowledge, ALICE, seen.id, version=seen.version)
    assert (refusal.value.code, refusal.value.details["version"]) == ("alert-changed", 2)


def test_a_person_resolves_an_alert_that_no_rule_holds_open(world: World) -> None:
    alert = world.raised()
    (gone,) = world.write(service.resolve, ALICE, alert.id, reason="cleaned up")
    assert gone.state == "resolved"
    assert world.bodies("alerts.resolved")[0]["reason"] == "alice: cleaned up"


def test_the_setting_says_what_escalates(world_db: Database, clock: VirtualClock) -> None:
    world = World(world_db, clock, AlertsSettings(escalate_p0_to="group", escalate_p1_to="none"))
    world.raised("a", priority="P0")
    world.raised("b", priority="P1")
    assert [each["escalates"] for each in world.bodies("alerts.raised")] == ["group", "none"]
    assert world.read(queries.get_group, "ALG-1").escalated_to == "group"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"summary": " \n "}, "no-summary"),
        ({"service": "Not A Name"}, "bad-name"),
        ({"dedup_key": "x" * 256}, "bad-dedup-key"),
        ({"dedup_key": "two\nlines"}, "bad-dedup-key"),
        ({"labels": {str(n): "x" for n in range(65)}}, "bad-labels"),
        ({"labels": {"x": "y" * 201}}, "bad-labels"),
        ({"details": {"x": "y" * 20_000}}, "bad-details"),
    ],
)
def test_what_cannot_be_kept_is_refused(world: World, more: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        world.raised(**more)  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert world.open() == []


def test_a_key_that_is_missing_is_made_from_what_the_alert_says(world: World) -> None:
    one = world.raised("", rule="backup", summary="the backup failed")
    assert one.id == world.raised("", rule="backup", summary="the backup failed").id
    assert one.id != world.raised("", rule="backup", summary="the restore failed").id


def test_signs_without_a_place_and_a_rule_are_told_one_by_one_and_those_of_a_placement_once(world: World) -> None:
    for summary in ("the database is down", "the payment provider is down", "the database is down"):
        world.raised(summary, summary=summary, rule="", service=None, environment=None)
    assert world.told() == ["raised"] * 2
    for summary in ("the database is down", "the payment provider is down"):
        world.raised(summary, summary=summary, rule="")
    assert world.told() == ["raised"] * 3


def test_lists_are_paged_by_urgency_without_losing_or_repeating_any(world: World) -> None:
    for n in range(25):
        world.raised(f"k{n}", priority=f"P{n % 4}")
    seen: list[str] = []
    cursor = None
    while True:
        page = world.read(queries.list_alerts, limit=7, cursor=cursor)
        seen += [alert.priority for alert in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == 25
    critical = world.read(queries.list_alerts, limit=50, priorities=["P0"])
    assert len(critical.items) == 7
    assert world.read(queries.count_open) == {"P0": 7, "P1": 6, "P2": 6, "P3": 6}


def test_an_unknown_id_is_not_found(world: World) -> None:
    for id in ("ALG-99", "nonsense"):
        with pytest.raises(NotFound):
            world.write(service.acknowledge, ALICE, id)


def test_resolved_alerts_are_forgotten_in_time_with_their_groups(world: World) -> None:
    world.raised()
    world.resolved()
    world.raised("other")
    rules = retention_rules(world.settings)
    world.pass_time(days=179)
    assert world.write(sweep, rules) == 0
    world.pass_time(days=2)
    assert world.write(sweep, rules) == 2
    assert [alert.key for alert in world.open()] == ["other"]
    assert world.read(lambda tx: [row.id for row in tx.rows(sa.select(alert_groups.c.id))]) == ["ALG-2"]
