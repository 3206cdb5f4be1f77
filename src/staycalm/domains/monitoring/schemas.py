"""Wire types of monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from staycalm.core.placement import Placement
from staycalm.core.priority import Priority
from staycalm.domains.monitoring.conditions.queries import Standing
from staycalm.domains.monitoring.decisions import format_value
from staycalm.domains.monitoring.reporting.decisions import HealthReport
from staycalm.domains.monitoring.rules import Rule
from staycalm.domains.monitoring.signals import Signals
from staycalm.domains.monitoring.watching.queries import Watch
from staycalm.ports.probes import Finding, FindingStatus


class SignalsOut(BaseModel):
    """The golden signals over a window that ended at `at`. null is unknown, never zero."""

    at: datetime
    window_s: float
    requests: int
    request_rate: float | None = Field(description="Requests per second.")
    error_rate: float | None = Field(description="Share of requests that failed or timed out, 0-1.")
    p50_ms: float | None
    p95_ms: float | None
    saturation: float | None = Field(description="The fullest declared limit, 0-1 and above.")


class LookOut(BaseModel):
    """One watched thing."""

    name: str
    kind: str
    ok: bool | None = Field(description="null: not looked at yet.")
    failures: int
    detail: str
    seen_at: datetime | None


class PlacementSignals(BaseModel):
    """What is known of one placement. `points` are at most 120, oldest first, over the whole window."""

    service: str
    environment: str
    now: SignalsOut | None
    slots: dict[str, SignalsOut]
    points: list[SignalsOut]
    looks: list[LookOut]


class ShortSignals(BaseModel):
    """What is known of one placement, for a line of an overview. The lists are oldest first; null is a gap."""

    service: str
    environment: str
    now: SignalsOut | None
    request_rates: list[float | None]
    error_rates: list[float | None]
    p95s_ms: list[float | None]


class SignalsList(BaseModel):
    """The golden signals everywhere."""

    items: list[ShortSignals]


class RuleStanding(BaseModel):
    """Where a rule stands on one placement."""

    service: str
    environment: str
    phase: Literal["inactive", "pending", "firing", "keeping"]
    health: str = Field(description="breach, clear, or why nothing is known: no_data, stale, insufficient, error.")
    since: datetime | None
    value: str
    detail: str
    priority: Priority


class RuleOut(BaseModel):
    """A rule in force, and where it stands."""

    name: str
    priority: Priority
    signal: str
    comparison: str
    threshold: float
    threshold_text: str
    window_s: float
    for_s: float
    keep_firing_for_s: float
    min_requests: int
    query: str
    source: str
    services: list[str]
    environments: list[str]
    on_no_data: str
    is_enabled: bool
    is_shipped: bool
    standings: list[RuleStanding]


class RuleList(BaseModel):
    """Every rule in force."""

    items: list[RuleOut]


class FindingOut(BaseModel):
    """One line of a health report."""

    name: str
    status: FindingStatus
    detail: str
    service: str | None
    environment: str | None


class HealthReportOut(BaseModel):
    """A full look at StayCalm itself, its proxies and every placement."""

    id: str
    state: Literal["waiting", "running", "done"]
    ok: bool | None
    is_on_demand: bool
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    findings: list[FindingOut]


def signals_out(signals: Signals) -> SignalsOut:
    """Return the signals as they go over the wire."""
    return SignalsOut(**asdict(signals))


def short_signals_out(placement: Placement, now: Signals | None, points: Sequence[Signals]) -> ShortSignals:
    """Return the signals of one placement with their points as plain lists."""
    return ShortSignals(
        service=placement.service,
        environment=placement.environment,
        now=signals_out(now) if now is not None else None,
        request_rates=[point.request_rate for point in points],
        error_rates=[point.error_rate for point in points],
        p95s_ms=[point.p95_ms for point in points],
    )


def look_out(watch: Watch) -> LookOut:
    """Return the watched thing as it goes over the wire."""
    ok = None if watch.seen_at is None else watch.failures == 0
    return LookOut(
        name=watch.name,
        kind=watch.kind,
        ok=ok,
        failures=watch.failures,
        detail=watch.detail,
        seen_at=watch.seen_at,
    )


def rule_out(rule: Rule, standings: list[Standing], *, is_shipped: bool) -> RuleOut:
    """Return the rule as it goes over the wire."""
    shown = {name: getattr(rule, name) for name in RuleOut.model_fields if hasattr(rule, name)}
    shown.update(services=list(rule.services), environments=list(rule.environments))
    return RuleOut(
        **shown,
        threshold_text=format_value(rule.signal, rule.threshold),
        is_shipped=is_shipped,
        standings=[_standing_out(rule, each.placement, each) for each in standings],
    )


def _standing_out(rule: Rule, placement: Placement, standing: Standing) -> RuleStanding:
    condition = standing.condition
    return RuleStanding(
        service=placement.service,
        environment=placement.environment,
        phase=condition.phase,
        health=condition.health,
        since=condition.since,
        value=format_value(rule.signal, condition.value),
        detail=condition.detail,
        priority=standing.priority,
    )


def report_out(report: HealthReport) -> HealthReportOut:
    """Return the report as it goes over the wire."""
    return HealthReportOut(
        id=report.id,
        state=report.state,
        ok=report.ok,
        is_on_demand=report.is_on_demand,
        asked_by=report.asked_by,
        asked_at=report.asked_at,
        finished_at=report.finished_at,
        findings=[_finding_out(finding) for finding in report.findings],
    )


def _finding_out(finding: Finding) -> FindingOut:
    return FindingOut(**asdict(finding))
