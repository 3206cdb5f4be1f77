"""One verb for many alerts: what it does to each, in which parts, and how it is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid
from staycalm.domains.alerts import service as single
from staycalm.domains.alerts.browsing.decisions import AlertFilter
from staycalm.domains.alerts.bulk import service
from staycalm.domains.alerts.bulk.decisions import Action, Bulk, Verdict, verdict
from staycalm.domains.alerts.bulk.queries import get_bulk
from staycalm.domains.alerts.machine import AlertState
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting import kinds
from staycalm.domains.alerts.muting.decisions import parse_matchers
from staycalm.domains.alerts.queries import get_alert
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from tests import databases
from tests.domains.alerts.crowd import crowd
from tests.domains.alerts.world import ALICE, BOB, World

EVERYTHING = AlertFilter()


@pytest.mark.parametrize(
    ("action", "state", "more", "expected"),
    [
        ("acknowledge", "firing", {"is_named": True}, "do"),
        ("acknowledge", "firing", {"is_named": False}, "do"),
        ("acknowledge", "suppressed", {"is_named": True}, "do"),
        ("acknowledge", "suppressed", {"is_named": False}, "muted"),
        ("acknowledge", "acknowledged", {"is_named": True}, "already"),
        ("acknowledge", "resolved", {"is_named": True}, "changed"),
        ("resolve", "firing", {"is_named": True}, "do"),
        ("resolve", "acknowledged", {"is_named": False}, "do"),
        ("resolve", "suppressed", {"is_named": False}, "do"),
        ("resolve", "firing", {"is_named": True, "rule_fires": True}, "still-firing"),
        ("resolve", "resolved", {"is_named": True}, "already"),
        ("resolve", "resolved", {"is_named": True, "rule_fires": True}, "already"),
        ("hand-back", "acknowledged", {"is_named": False}, "do"),
        ("hand-back", "acknowledged", {"is_named": False, "is_as_left": False}, "changed"),
        ("hand-back", "firing", {"is_named": False}, "changed"),
        ("hand-back", "resolved", {"is_named": False}, "changed"),
    ],
)
def test_what_a_verb_for_many_does_to_one(
    action: Action, state: AlertState, more: dict[str, bool], expected: Verdict
) -> None:
    assert verdict(action, state, **more) == expected


def states(world: World, ids: Sequence[str]) -> list[str]:
    return [world.read(get_alert, id).state for id in ids]


def test_chosen_alerts_are_acknowledged_in_one_step_with_one_event_per_group(world: World) -> None:
    ids = world.write(crowd, 50)
    bulk = world.write(service.act_on_named, BOB, "acknowledge", [*ids, ids[0]])
    assert (bulk.state, bulk.expected, bulk.done, dict(bulk.skipped)) == ("done", 50, 50, {})
    assert set(states(world, ids)) == {"acknowledged"}
    told = world.bodies("alerts.acknowledged")
    assert [(event["subject"], event["alerts"], event["actor"]) for event in told] == [
        ("ALG-1000", 20, "bob"), ("ALG-1001", 20, "bob"), ("ALG-1002", 10, "bob"),
    ]  # fmt: skip


def test_what_changed_after_somebody_looked_is_left_alone_and_counted(world: World) -> None:
    ids = world.write(crowd, 4)
    world.write(single.resolve, ALICE, ids[0])
    world.write(single.acknowledge, ALICE, ids[1])
    bulk = world.write(service.act_on_named, BOB, "acknowledge", [*ids, "not-an-alert"])
    assert (bulk.done, dict(bulk.skipped)) == (2, {"changed": 2, "already": 1})
    assert world.read(get_alert, ids[1]).acknowledged_by == "alice"


@pytest.mark.parametrize(("ids", "code"), [([], "nothing-chosen"), ([str(n) for n in range(1001)], "too-many")])
def test_none_and_too_many_are_refused(world: World, ids: list[str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.write(service.act_on_named, BOB, "resolve", ids)
    assert refused.value.code == code


def test_all_that_match_go_in_parts_of_a_thousand_and_the_rest_follows_by_itself(world: World) -> None:
    world.write(crowd, 1300)
    shop = world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).where(alerts.c.service == "shop")))
    begun = world.write(service.act_on_matching, BOB, "acknowledge", EVERYTHING)
    assert (begun.state, begun.expected, begun.done) == ("running", 1300, 1000)
    # Resolved meanwhile, and raised meanwhile: neither is touched.
    world.write(service.act_on_matching, ALICE, "resolve", AlertFilter(state="firing", priorities=("P3",)))
    later = world.raised("later")
    world.settle()
    ended: Bulk = world.read(get_bulk, begun.id)
    assert ended.state == "done"
    assert world.read(get_alert, later.id).state == "firing"
    counted = world.read(lambda tx: tx.rows(sa.select(alerts.c.state, sa.func.count()).group_by(alerts.c.state)))
    many = {row[0]: row[1] for row in counted}
    assert many["acknowledged"] == ended.done
    assert many["acknowledged"] + many["resolved"] == 1300
    assert 0 < shop < 1300


def test_a_resolved_alert_is_final_and_only_open_ones_can_be_meant(world: World) -> None:
    ids = world.write(crowd, 3)
    bulk = world.write(service.act_on_matching, BOB, "resolve", EVERYTHING, reason="old hosts")
    assert set(states(world, ids)) == {"resolved"}
    assert world.bodies("alerts.resolved")[-1]["reason"].endswith("bob: old hosts")
    with pytest.raises(Conflict):
        world.write(service.undo, BOB, bulk.id)
    with pytest.raises(Invalid):
        world.write(service.act_on_matching, BOB, "resolve", AlertFilter(state="all"))


def test_what_was_acknowledged_at_once_is_handed_back_unless_somebody_touched_it(world: World) -> None:
    ids = world.write(crowd, 6)
    bulk = world.write(service.act_on_named, BOB, "acknowledge", ids[:5])
    world.write(single.resolve, ALICE, ids[0])
    undone = world.write(service.undo, ALICE, bulk.id)
    assert (undone.done, dict(undone.skipped)) == (4, {"changed": 1})
    assert states(world, ids) == ["resolved", "firing", "firing", "firing", "firing", "firing"]
    assert world.bodies("alerts.handed_back")[0]["alerts"] == 4
    with pytest.raises(Conflict):
        world.write(service.undo, BOB, bulk.id)


def test_ten_minutes_later_nothing_is_taken_back(world: World) -> None:
    bulk = world.write(service.act_on_named, BOB, "acknowledge", world.write(crowd, 2))
    world.clock.advance(minutes=10, seconds=1)
    with pytest.raises(Conflict):
        world.write(service.undo, BOB, bulk.id)


def test_what_is_handed_back_and_muted_meanwhile_is_muted(world: World) -> None:
    alert = world.raised("disk")
    bulk = world.write(service.act_on_named, BOB, "acknowledge", [alert.id])
    world.silence("service=shop")
    world.write(service.undo, BOB, bulk.id)
    world.settle()
    assert states(world, [alert.id]) == ["suppressed"]


def test_muting_the_chosen_makes_one_silence_per_kind(world: World) -> None:
    for n in range(3):
        world.raised(f"disk-{n}", rule="disk")
    world.raised("slow", rule="latency", service="payments")
    ids = [alert.id for alert in world.open()]
    found = world.read(kinds.of_named, ids[:2] + ids[3:])
    assert {(kind.service, kind.rule, kind.many) for kind in found} == {
        ("shop", "disk", 3), ("payments", "latency", 1),
    }  # fmt: skip
    until = world.clock.now().replace(hour=12)
    world.write(kinds.silence_all, BOB, found, reason="new disks", until=until, settings=world.settings)
    world.settle()
    assert {alert.state for alert in world.open()} == {"suppressed"}


def test_more_kinds_than_twenty_are_refused(world: World) -> None:
    for n in range(21):
        world.raised(f"k{n}", rule=f"rule-{n}")
    with pytest.raises(Invalid) as refused:
        world.read(kinds.of_matching, EVERYTHING)
    assert refused.value.code == "too-many-kinds"


@pytest.mark.parametrize(
    ("matchers", "many"),
    [(["service=shop"], 2), (["rule=lat*", "service=shop"], 1), (["host!=db-2", "service=shop"], 1),
     (["service=nowhere"], 0), (["priority=P1"], 2)],
)  # fmt: skip
def test_a_silence_says_beforehand_how_many_it_mutes(world: World, matchers: list[str], many: int) -> None:
    world.raised("disk", rule="disk", labels={"host": "db-2"})
    world.raised("slow", rule="latency", labels={"host": "db-1"})
    assert world.read(kinds.preview, parse_matchers(matchers)).many == many


@pytest.mark.postgres
@pytest.mark.skipif(databases.SERVER is None, reason="needs PostgreSQL (SC_TEST_POSTGRES)")
def test_two_people_at_once_acknowledge_every_alert_once() -> None:
    async def run(database: Database) -> tuple[list[Bulk], int]:
        ids = await database.write(crowd, 400)
        both = await asyncio.gather(
            *(database.write(service.act_on_named, who, "acknowledge", ids) for who in (ALICE, BOB)),
            database.write(service.act_on_named, ALICE, "resolve", ids[:50]),
        )
        return both[:2], await database.read(_versions)

    with databases.opened("postgres", SystemClock(), inline=False) as database:
        both, resolved = asyncio.run(run(database))
    assert resolved == 50
    assert sum(bulk.done for bulk in both) in range(350, 401)
    assert all(bulk.seen == 400 for bulk in both)


def _versions(tx: Any) -> int:
    return int(tx.scalar(sa.select(sa.func.count()).where(alerts.c.state == "resolved")))
