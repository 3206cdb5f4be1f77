"""Rules of staycalm.yaml, PromQL rules, and counters from a metric source."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import make_plan, web_managed
from staycalm.domains.monitoring.conditions.queries import all_rules
from staycalm.domains.monitoring.file_section import RulesSection
from staycalm.domains.monitoring.rules import DEFAULT_RULES, Rule
from staycalm.domains.monitoring.watching.counting import BOUNDS_MS, counts_since
from staycalm.kit.database import ReadTx
from tests.domains.monitoring.world import FILE, World

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RULES = """
rules:
  queue-is-long:
    query: 'max(queue_length{service="{service}"})'
    above: 1000
    for: 1m
    priority: critical
    no_data: fire
  slow-checkout:
    signal: response_time
    above: 800ms
    for: 2m
    window: 2m
    priority: P1
    services: [shop]
    environments: [production]
    summary: "checkout takes {value}"
    labels: {team: shop}
  error-rate-5-percent: {above: 3%}
  capacity-70-percent: {enabled: false}
"""
QUERY = 'max(queue_length{service="shop"})'


def planned(world: World, text: str) -> list[str]:
    def query(tx: ReadTx) -> list[str]:
        sections = (RulesSection(),)
        plan = make_plan(tx, parse_file(text, "staycalm.yaml", web_managed(tx), sections), sections)
        return [f"{c.kind} {c.what}: {c.detail}" for c in plan.changes if c.what.startswith("rule")]

    return list(world.read(query))


def rules(world: World) -> dict[str, Rule]:
    return {rule.name: rule for rule in world.read(all_rules)}


def test_rules_of_the_file_add_to_and_change_the_shipped_ones(world: World) -> None:
    world.apply(FILE + RULES)
    found = rules(world)
    assert len(found) == len(DEFAULT_RULES) + 2
    queue = found["queue-is-long"]
    assert (queue.priority, queue.threshold, queue.for_s, queue.on_no_data) == ("P0", 1000.0, 60.0, "fire")
    slow = found["slow-checkout"]
    assert (slow.signal, slow.threshold, slow.window_s, slow.labels) == ("p95_ms", 800.0, 120.0, {"team": "shop"})
    stricter = found["error-rate-5-percent"]
    assert (stricter.threshold, stricter.priority, stricter.for_s) == (0.03, "P0", 60.0)
    assert found["capacity-70-percent"].is_enabled is False
    world.apply(FILE)
    assert rules(world) == {rule.name: rule for rule in DEFAULT_RULES}


def test_the_plan_says_what_changes_and_nothing_when_nothing_does(world: World) -> None:
    assert planned(world, FILE + RULES) == [
        'add rule queue-is-long: P0 when max(queue_length{service="{service}"}) > 1000',
        "add rule slow-checkout: P1 when p95_ms > 800ms",
        "add rule error-rate-5-percent: P0 when error_rate > 3 %",
        "add rule capacity-70-percent: switched off",
    ]
    world.apply(FILE + RULES)
    assert planned(world, FILE + RULES) == []
    changed = planned(world, FILE + RULES.replace("above: 3%", "above: 4%"))
    assert len(changed) == 1 and changed[0].startswith("change rule error-rate-5-percent: threshold")
    assert planned(world, FILE)[0] == "remove rule capacity-70-percent: "


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("x: {priority: P1, above: 1}", "has no 'signal'"),
        ("x: {signal: error_rate, above: 1%}", "has no 'priority'"),
        ("x: {signal: error_rate, priority: P1}", "has no limit"),
        ("x: {signal: error_rate, priority: P1, above: 1%, below: 2%}", "exclude each other"),
        ("x: {signal: error_rat, priority: P1, above: 1%}", "did you mean 'error_rate'"),
        ("x: {signal: error_rate, priority: urgent, above: 1%}", "'urgent' is not a priority"),
        ("x: {signal: error_rate, priority: P1, above: many}", "is not a share"),
        ("x: {signal: response_time, priority: P1, above: soon}", "a duration"),
        ("x: {signal: query, priority: P1, above: 1}", "has no 'query'"),
        ("x: {signal: error_rate, query: up, priority: P1, above: 1%}", "belongs to signal: query"),
        ("x: {signal: error_rate, priority: P1, above: 1%, services: [shpo]}", "did you mean 'shop'"),
        ("x: {signal: error_rate, priority: P1, above: 1%, no_data: fire}", "only a query's absence"),
        ("x: {signal: error_rate, priority: P1, above: 1%, wait: 5m}", "unknown key 'wait'"),
        ("x: {signal: error_rate, priority: P1, above: 1%, window: 1h}", "a duration"),
        ("service-down: {signal: error_rate}", "is a shipped rule"),
        ("Not A Name: {signal: error_rate, priority: P1, above: 1%}", "Not A Name"),
    ],
)
def test_a_bad_rule_is_named_with_its_line(world: World, rule: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        planned(world, f"{FILE}rules:\n  {rule}\n")
    problems = refusal.value.details["problems"]
    assert any(words in problem for problem in problems), problems
    line = len(FILE.splitlines()) + 2
    assert all(problem.startswith(f"staycalm.yaml:{line}:") for problem in problems), problems


def test_a_promql_rule_fires_and_clears_on_what_the_source_says(world: World) -> None:
    world.metrics.set(QUERY, 5)
    world.started(FILE + RULES)
    assert world.conditions() == []
    world.metrics.set(QUERY, 5000)
    world.pass_time(seconds=90)
    assert world.conditions() == ["firing queue-is-long P0"]
    assert "is 5000 (limit 1000)" in world.bodies("monitoring.condition_firing")[0]["summary"]
    world.metrics.set(QUERY, 5)
    world.pass_time(seconds=30)
    assert world.conditions()[-1] == "cleared queue-is-long"
    assert world.metrics.asked[QUERY] > 10


def test_absence_fires_only_where_the_rule_says_so(world: World) -> None:
    world.started(
        FILE + RULES.replace("error-rate-5", "own: {query: own_metric, below: 1, priority: P1}\n  error-rate-5")
    )
    world.pass_time(minutes=3)
    assert world.conditions() == ["firing queue-is-long P0"]
    assert world.standing("own").condition.health == "no_data"


def test_an_error_of_the_source_fires_nothing_and_clears_nothing(world: World) -> None:
    world.metrics.set(QUERY, 5000)
    world.started(FILE + RULES)
    world.pass_time(minutes=2)
    world.metrics.set(QUERY, 5)
    world.metrics.go_away()
    world.pass_time(minutes=5)
    assert world.conditions() == ["firing queue-is-long P0"]
    condition = world.standing("queue-is-long").condition
    assert (condition.health, condition.phase) == ("error", "firing")
    world.metrics.come_back()
    world.pass_time(seconds=30)
    assert world.conditions()[-1] == "cleared queue-is-long"


def test_removing_a_rule_clears_what_it_fired(world: World) -> None:
    world.metrics.set(QUERY, 5000)
    world.started(FILE + RULES)
    world.pass_time(minutes=2)
    world.apply(FILE)
    assert world.conditions() == ["firing queue-is-long P0", "cleared queue-is-long"]
    assert world.bodies("monitoring.condition_cleared")[0]["reason"] == "the rule was removed"
    world.pass_time(minutes=2)
    assert len(world.conditions()) == 2


METRICS = """
        metric_queries:
          requests: 'sum(requests_total{slot="{slot}"})'
          errors: 'sum(errors_total{slot="{slot}"})'
          at_most: 'sum(seconds_bucket{slot="{slot}",le="{seconds}"})'
          saturation: 'max(busy)'
"""


def test_golden_signals_come_from_a_metric_source_where_the_router_cannot_count(world: World) -> None:
    text = FILE.rstrip() + METRICS
    world.apply(text)
    world.deploy()
    total = 0
    for _ in range(16):
        total += 150
        world.metrics.set('sum(requests_total{slot="blue"})', 1000 + total)
        world.metrics.set('sum(errors_total{slot="blue"})', total * 0.1)
        for bound_ms in BOUNDS_MS:
            share = 0.5 if bound_ms < 1000 else 1.0
            world.metrics.set(f'sum(seconds_bucket{{slot="blue",le="{bound_ms / 1000:g}"}})', total * share)
        world.metrics.set("max(busy)", 0.4)
        world.pass_time(seconds=15)
    found = world.signals()
    assert found.error_rate == pytest.approx(0.1, abs=0.01)
    assert found.request_rate == pytest.approx(10, rel=0.01)
    assert found.saturation == 0.4
    assert found.p95_ms is not None and 250 < found.p95_ms <= 1000
    assert world.conditions() == ["firing error-rate-5-percent P0"]


def test_counters_that_fell_were_reset_and_a_missing_one_is_not_zero() -> None:
    before = {"blue/requests": 100.0, "blue/errors": 10.0}
    later = NOW + timedelta(seconds=15)
    reset = counts_since(before, {"blue/requests": 7.0, "blue/errors": 1.0}, since=NOW, now=later)
    assert [(c.total, c.server_errors) for c in reset] == [(7, 1)]
    assert counts_since(before, {"blue/requests": 120.0}, since=NOW, now=later) == []
    assert counts_since(None, before, since=NOW, now=later) == []
    assert counts_since(before, before, since=NOW, now=NOW + timedelta(hours=1)) == []


@given(
    before=st.lists(st.integers(0, 1000), min_size=6, max_size=6),
    grown=st.lists(st.integers(0, 500), min_size=6, max_size=6),
)
def test_counts_are_never_negative_and_buckets_add_up(before: list[int], grown: list[int]) -> None:
    names = ["blue/requests", "blue/errors", *(f"blue/{bound:g}" for bound in BOUNDS_MS)]
    first = dict(zip(names, map(float, before), strict=True))
    second = {name: first[name] + g for name, g in zip(names, grown, strict=True)}
    (found,) = counts_since(first, second, since=NOW, now=NOW + timedelta(seconds=15))
    assert found.total == grown[0]
    assert 0 <= found.server_errors <= found.total
    assert all(count >= 0 for _, count in found.buckets)
    assert sum(count for _, count in found.buckets) == found.total
    assert math.isinf(found.buckets[-1][0])
