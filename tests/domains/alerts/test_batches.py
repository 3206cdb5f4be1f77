"""Many reports in one transaction mean what they mean one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.core.machine import move, reachable
from staycalm.domains.alerts.decisions import Known, Report, action_for, is_news, rounds
from staycalm.domains.alerts.intake.service import Told, take
from staycalm.domains.alerts.machine import OPEN, STATES, TABLE, sources_of
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Database
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from tests.conftest import VirtualClock, drive
from tests.domains.alerts.world import ALICE, World

SETTINGS = AlertsSettings()
reports = st.builds(
    Report,
    dedup_key=st.sampled_from(["a", "b", "c"]),
    summary=st.sampled_from(["full", "fuller"]),
    priority=st.sampled_from(["P0", "P1", "P2", "P3"]),
    status=st.sampled_from(["firing", "firing", "resolved"]),
    service=st.sampled_from(["shop", "billing"]),
    environment=st.just("production"),
    rule=st.sampled_from(["disk", "cpu"]),
)


def fresh_world() -> World:
    clock = VirtualClock()
    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    metadata.create_all(database.engine)
    return World(database, clock)


def what_is_known(world: World) -> list[tuple[Any, ...]]:
    return sorted((a.service, a.key, a.priority, a.summary, a.state, a.flaps) for a in world.open())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=st.lists(reports, max_size=25), cut=st.integers(1, 25))
def test_a_batch_means_what_its_reports_mean_one_by_one(told: list[Report], cut: int) -> None:
    together, singly = fresh_world(), fresh_world()
    for start in range(0, len(told), cut):
        batch = [Told(ALICE, report) for report in told[start : start + cut]]
        together.write(take, batch, settings=SETTINGS)
    for report in told:
        singly.write(take, [Told(ALICE, report)], settings=SETTINGS)
    assert what_is_known(together) == what_is_known(singly)
    for world in (together, singly):
        raised, resolved = world.bodies("alerts.raised"), world.bodies("alerts.resolved")
        still_open = {(a.group_id, a.rule) for a in world.open()}
        assert {(e["subject"], e["rule"]) for e in raised} >= still_open
        assert len({e["subject"] for e in resolved if e["is_group_resolved"]}) == len(
            {e["subject"] for e in raised} - {group for group, _ in still_open}
        )
        world.database.close()


def test_answers_stand_in_the_order_of_the_reports(world: World) -> None:
    told = [
        Report("a", "full", service="shop"),
        Report("a", "full", service="shop"),
        Report("b", "x", status="resolved", service="shop"),
        Report("a", "full", status="resolved", service="shop"),
        Report("a", "full", service="shop"),
    ]
    answers = drive(world.database.write(take, [Told(ALICE, r) for r in told], settings=SETTINGS))
    assert [answer.action for answer in answers] == ["open", "nothing", "nothing", "close", "open"]
    assert answers[2].alert_id is None
    assert answers[0].alert_id == answers[1].alert_id == answers[3].alert_id != answers[4].alert_id


def test_a_thousand_alerts_of_one_rule_are_one_event(world: World) -> None:
    told = [Told(ALICE, Report(f"node-{n}", "node down", "P0", service="shop", rule="node")) for n in range(1000)]
    world.write(take, told, settings=SETTINGS)
    assert world.told() == ["raised"]
    ends = [Told(ALICE, Report(f"node-{n}", "x", status="resolved", service="shop")) for n in range(1000)]
    world.write(take, ends[:999], settings=SETTINGS)
    assert world.told() == ["raised"]
    world.write(take, ends[999:], settings=SETTINGS)
    assert world.told() == ["raised", "resolved"]


@given(told=st.lists(reports, max_size=40))
def test_rounds_keep_every_report_and_the_order_of_each_key(told: list[Report]) -> None:
    found = rounds(list(enumerate(told)))
    flat = [index for each in found for index, _ in each]
    assert sorted(flat) == list(range(len(told)))
    for each in found:
        keys = [(r.service, r.dedup_key) for _, r in each]
        assert len(keys) == len(set(keys))
    for key in {(r.service, r.dedup_key) for r in told}:
        order = [i for each in found for i, r in each if (r.service, r.dedup_key) == key]
        assert order == sorted(order)


@given(report=reports)
def test_a_report_that_says_what_is_known_does_nothing(report: Report) -> None:
    known = Known("1", "firing", report.priority, report.summary, report.labels, report.details)
    assert action_for(report, known) == ("close" if report.status == "resolved" else "nothing")
    assert action_for(report, None) == ("nothing" if report.status == "resolved" else "open")


@pytest.mark.parametrize(
    ("announced", "priority", "news"),
    [
        ({}, "P3", True),
        ({"disk": "P2"}, "P2", False),
        ({"disk": "P2"}, "P1", True),
        ({"disk": "P2"}, "P3", False),
        ({"disk": "suppressed"}, "P3", True),
        ({f"r{n}": "P1" for n in range(50)}, "P1", False),
        ({f"r{n}": "P1" for n in range(50)}, "P0", True),
    ],
)
def test_what_is_news_to_a_group(announced: dict[str, str], priority: Any, news: bool) -> None:
    assert is_news(announced, "disk", priority) is news


def test_every_state_is_reached_and_resolved_is_final() -> None:
    assert reachable(TABLE, "firing") == set(STATES)
    assert reachable(TABLE, "resolved") == {"resolved"}
    assert all(move(TABLE, state, "resolve") == "resolved" for state in OPEN)
    assert sources_of("release") == ("suppressed",)
