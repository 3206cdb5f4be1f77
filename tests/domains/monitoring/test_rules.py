"""SOP §4.3's thresholds, and what an observation means to a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.decisions import Look, judge_looks, judge_reading, judge_signals, summarise
from staycalm.domains.monitoring.machine import Condition, Outcome, step
from staycalm.domains.monitoring.rules import DEFAULT_RULES, Rule, effective_rules, outranks
from staycalm.domains.monitoring.signals import Signals
from staycalm.ports.metrics import Reading

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP = Placement("shop", "production")
RULES = {rule.name: rule for rule in DEFAULT_RULES}
DOWN = RULES["service-down"]


def seen(requests: int = 100, **values: float | None) -> Signals:
    empty: dict[str, float | None] = dict.fromkeys(
        ("request_rate", "error_rate", "p50_ms", "p95_ms", "saturation")
    )
    return Signals(at=NOW, window_s=60, requests=requests, **{**empty, **values})


def firing_after(signals: Signals, for_minutes: float) -> set[str]:
    """Return the rules that fire when the signals stay like this, looked at every 5 s."""
    fired = set()
    for rule in DEFAULT_RULES:
        if rule.signal in ("probes_down", "integrity_failed"):
            continue
        condition = Condition()
        for index in range(int(for_minutes * 12) + 1):
            at = NOW + timedelta(seconds=5 * index)
            outcome = judge_signals(rule, signals, latest_at=at, now=at)
            condition, _ = step(condition, outcome, at=at, for_s=rule.for_s)
        if condition.is_firing:
            fired.add(rule.name)
    return {name for name in fired if not any(outranks(RULES[other], RULES[name]) for other in fired)}


@pytest.mark.parametrize(
    ("signals", "minutes", "names"),
    [
        (seen(error_rate=0.06), 1, {"error-rate-5-percent"}),
        (seen(error_rate=0.06), 0.9, set()),
        (seen(error_rate=0.05), 10, {"error-rate-2-percent"}),
        (seen(error_rate=0.03), 5, {"error-rate-2-percent"}),
        (seen(error_rate=0.03), 4.9, set()),
        (seen(error_rate=0.015), 5, {"error-rate-1-percent"}),
        (seen(error_rate=0.01), 60, set()),
        (seen(p95_ms=5001), 1, {"response-time-5-s"}),
        (seen(p95_ms=2500), 5, {"response-time-2-s"}),
        (seen(p95_ms=1100), 5, {"response-time-1-s"}),
        (seen(p95_ms=1000), 60, set()),
        (seen(saturation=0.8), 5, {"capacity-80-percent"}),
        (seen(saturation=0.75), 5, {"capacity-70-percent"}),
        (seen(saturation=0.69), 60, set()),
        (seen(19, error_rate=1.0, p95_ms=60_000), 60, set()),
        (seen(20, error_rate=1.0), 1, {"error-rate-5-percent"}),
        (seen(0), 60, set()),
    ],
)
def test_the_sops_thresholds(signals: Signals, minutes: float, names: set[str]) -> None:
    assert firing_after(signals, minutes) == names


@pytest.mark.parametrize(
    ("name", "priority"),
    [
        ("service-down", "P0"),
        ("data-integrity", "P0"),
        ("error-rate-5-percent", "P0"),
        ("response-time-5-s", "P0"),
        ("error-rate-2-percent", "P1"),
        ("response-time-2-s", "P1"),
        ("capacity-80-percent", "P1"),
        ("error-rate-1-percent", "P2"),
        ("response-time-1-s", "P2"),
        ("capacity-70-percent", "P2"),
    ],
)
def test_the_sops_priorities(name: str, priority: str) -> None:
    assert RULES[name].priority == priority


def test_outside_production_a_shipped_rule_is_at_most_a_ticket_but_a_declared_environment_counts() -> None:
    assert [DOWN.priority_in(True, "P2"), DOWN.priority_in(False, "P2")] == ["P0", "P2"]
    assert RULES["capacity-70-percent"].priority_in(False, "P1") == "P2"
    assert replace(DOWN, environments=("staging",)).priority_in(False, "P2") == "P0"


@pytest.mark.parametrize(
    ("age_s", "signals", "kind"),
    [
        (None, seen(), "no_data"),
        (31, seen(error_rate=0.0), "stale"),
        (31, seen(error_rate=1.0), "stale"),
        (0, seen(0), "no_data"),
        (0, seen(5, error_rate=0.0), "clear"),
        (0, seen(5, error_rate=0.4), "insufficient"),
        (0, seen(100, error_rate=0.0), "clear"),
        (0, seen(100, error_rate=0.4), "breach"),
    ],
)
def test_what_a_window_means(age_s: float | None, signals: Signals, kind: str) -> None:
    latest = None if age_s is None else NOW - timedelta(seconds=age_s)
    assert judge_signals(RULES["error-rate-5-percent"], signals, latest_at=latest, now=NOW).kind == kind


def look(name: str = "liveness", failures: int = 0, age_s: float | None = 0, limit: int = 3) -> Look:
    at = None if age_s is None else NOW - timedelta(seconds=age_s)
    return Look(name, failures, limit, 10.0, at, "connection refused" if failures else "")


@pytest.mark.parametrize(
    ("looks", "kind"),
    [
        ([], "no_data"),
        ([look(age_s=None)], "no_data"),
        ([look()], "clear"),
        ([look(failures=2)], "clear"),
        ([look(failures=3)], "breach"),
        ([look("a"), look("b", failures=7)], "breach"),
        ([look(failures=1, limit=1)], "breach"),
        ([look("a"), look("b", age_s=600)], "stale"),
        ([look("a", failures=3, age_s=600)], "breach"),
    ],
)
def test_what_probes_mean(looks: list[Look], kind: str) -> None:
    assert judge_looks(DOWN, looks, now=NOW).kind == kind


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        (Reading("value", 11.0), "breach"),
        (Reading("value", 10.0), "clear"),
        (Reading("value", 0.0, freshness_s=3600), "stale"),
        (Reading("no_data"), "no_data"),
        (Reading("error", detail="parse error"), "error"),
    ],
)
def test_what_a_metric_sources_answer_means(reading: Reading, kind: str) -> None:
    rule = Rule("queue", "P1", "query", 10, "", query="queue_length")
    assert judge_reading(rule, reading).kind == kind


@given(
    kind=st.sampled_from(["no_data", "error"]),
    threshold=st.floats(allow_nan=False),
    comparison=st.sampled_from([">", ">=", "<", "<="]),
)
def test_absence_is_never_a_verdict_whatever_the_threshold(kind: str, threshold: float, comparison: str) -> None:
    rule = Rule("any", "P1", "query", threshold, "", comparison=comparison, query="x")  # type: ignore[arg-type]
    assert judge_reading(rule, Reading(kind)).kind == kind  # type: ignore[arg-type]
    empty = Signals(NOW, 60, 0, None, None, None, None, None)
    assert judge_signals(replace(rule, signal="p95_ms"), empty, latest_at=NOW, now=NOW).kind == "no_data"


def test_the_summary_names_what_was_measured() -> None:
    rule = RULES["error-rate-5-percent"]
    assert summarise(rule, SHOP, Outcome("breach", 0.073)) == (
        "7.3 % of requests to shop fail in production (limit 5 %)"
    )
    outcome = judge_looks(DOWN, [look(failures=3)], now=NOW)
    assert (
        summarise(DOWN, SHOP, outcome) == "shop is down in production: liveness failed 3 times: connection refused"
    )
    slow = RULES["response-time-5-s"]
    assert "p95 is 6.2s (limit 5s)" in summarise(slow, SHOP, Outcome("breach", 6200.0))


def test_a_declared_rule_replaces_the_shipped_one_of_its_name() -> None:
    stricter = replace(RULES["error-rate-5-percent"], threshold=0.02)
    own = Rule("checkout", "P1", "query", 1, "", query="x")
    rules = effective_rules((stricter, own))
    assert len(rules) == len(DEFAULT_RULES) + 1
    assert {r.name: r.threshold for r in rules}["error-rate-5-percent"] == 0.02
    assert rules[-1] == own


def test_a_switched_off_rule_applies_nowhere() -> None:
    assert DOWN.applies_to(SHOP)
    assert not replace(DOWN, is_enabled=False).applies_to(SHOP)
    assert not replace(DOWN, services=("billing",)).applies_to(SHOP)
    assert not replace(DOWN, environments=("staging",)).applies_to(SHOP)
