"""What a rule is, and the rules of SOP §4.3 as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from staycalm.core.placement import Placement
from staycalm.core.priority import Priority, most_urgent

Signal = Literal[
    "error_rate", "p50_ms", "p95_ms", "request_rate", "saturation", "probes_down", "integrity_failed", "query"
]
Comparison = Literal[">", ">=", "<", "<="]
OnNoData = Literal["keep", "fire"]

SIGNALS: tuple[Signal, ...] = get_args(Signal)
TRAFFIC_SIGNALS: frozenset[str] = frozenset({"error_rate", "p50_ms", "p95_ms", "request_rate"})
LATENCY_SIGNALS: frozenset[str] = frozenset({"p50_ms", "p95_ms"})
WINDOW_S = 60.0
MIN_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """An expression that fires. Thresholds are in the signal's unit: fraction 0-1, ms, requests/s, count.

    The rule looks at `window_s` seconds of samples, must hold for `for_s`, and stays firing for
    `keep_firing_for_s` after it last held. Traffic rules need `min_requests` in the window to fire.
    Empty `services` or `environments` means every one. `query` is for signal "query" alone; {service}
    and {environment} in it are replaced. `on_no_data` "fire" takes absence for the condition itself.
    Of one `family`, a less urgent rule does not start to fire while a more urgent one fires or is pending.
    """

    name: str
    priority: Priority
    signal: Signal
    threshold: float
    summary: str
    comparison: Comparison = ">"
    window_s: float = WINDOW_S
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    min_requests: int = MIN_REQUESTS
    family: str = ""
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    query: str = ""
    source: str = "prometheus"
    on_no_data: OnNoData = "keep"
    is_enabled: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    def applies_to(self, placement: Placement) -> bool:
        """Return True when the rule is on and names this placement, or names none."""
        return (
            self.is_enabled
            and (not self.services or placement.service in self.services)
            and (not self.environments or placement.environment in self.environments)
        )

    def priority_in(self, is_production: bool, elsewhere: Priority) -> Priority:
        """Return the priority; outside production at most `elsewhere`, unless the rule names environments."""
        return self.priority if is_production or self.environments else max(self.priority, elsewhere)


def _errors(priority: Priority, percent: float, for_s: float) -> Rule:
    return Rule(
        name=f"error-rate-{percent:g}-percent",
        priority=priority,
        signal="error_rate",
        threshold=percent / 100,
        summary="{value} of requests to {service} fail in {environment} (limit {threshold})",
        for_s=for_s,
        family="error-rate",
    )


def _slow(priority: Priority, seconds: float, for_s: float) -> Rule:
    return Rule(
        name=f"response-time-{seconds:g}-s",
        priority=priority,
        signal="p95_ms",
        threshold=seconds * 1000,
        summary="{service} answers slowly in {environment}: p95 is {value} (limit {threshold})",
        for_s=for_s,
        family="response-time",
    )


def _full(priority: Priority, percent: float) -> Rule:
    return Rule(
        name=f"capacity-{percent:g}-percent",
        priority=priority,
        signal="saturation",
        threshold=percent / 100,
        comparison=">=",
        summary="{service} uses {value} of its declared capacity in {environment} (limit {threshold})",
        for_s=300.0,
        family="capacity",
    )


# SOP §4.3. P0 holds one minute, P1 and P2 five; at least 20 requests; response time is p95.
DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        name="service-down",
        priority="P0",
        signal="probes_down",
        threshold=1,
        comparison=">=",
        summary="{service} is down in {environment}: {detail}",
        # One success after an outage is not yet an end of it.
        keep_firing_for_s=20.0,
    ),
    Rule(
        name="data-integrity",
        priority="P0",
        signal="integrity_failed",
        threshold=1,
        comparison=">=",
        summary="the data-integrity check of {service} fails in {environment}: {detail}",
    ),
    _errors("P0", 5, 60.0),
    _errors("P1", 2, 300.0),
    _errors("P2", 1, 300.0),
    _slow("P0", 5, 60.0),
    _slow("P1", 2, 300.0),
    _slow("P2", 1, 300.0),
    _full("P1", 80),
    _full("P2", 70),
)


def effective_rules(declared: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the shipped rules, each replaced by the declared one of its name, and the other declared ones."""
    by_name = {rule.name: rule for rule in declared}
    shipped = tuple(by_name.pop(rule.name, rule) for rule in DEFAULT_RULES)
    return shipped + tuple(by_name.values())


def outranks(rule: Rule, other: Rule) -> bool:
    """Return True when both are of one family and `rule` is the more urgent."""
    return (
        bool(rule.family)
        and rule.family == other.family
        and rule.priority != other.priority
        and most_urgent((rule.priority, other.priority)) == rule.priority
    )
