"""What an observation means to a rule. Absence is never health. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from staycalm.core.durations import format_duration
from staycalm.core.placement import Placement
from staycalm.domains.monitoring.machine import Outcome
from staycalm.domains.monitoring.rules import LATENCY_SIGNALS, Rule
from staycalm.domains.monitoring.signals import STALE_AFTER_S, Signals
from staycalm.ports.metrics import Reading

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one watched thing: `failures` in a row, down from `limit` on, last seen at `seen_at`."""

    name: str
    failures: int
    limit: int
    interval_s: float
    seen_at: datetime | None
    detail: str = ""
    took_s: float | None = None

    @property
    def is_down(self) -> bool:
        return self.failures >= self.limit

    def is_stale(self, now: datetime) -> bool:
        """Return True when two looks in a row were missed; a thing never seen is stale."""
        return self.seen_at is None or (now - self.seen_at).total_seconds() > 3 * self.interval_s + STALE_AFTER_S


def _judged(rule: Rule, value: float, detail: str = "") -> Outcome:
    met = _COMPARE[rule.comparison](value, rule.threshold)
    return Outcome("breach" if met else "clear", value, detail)


def judge_signals(rule: Rule, signals: Signals, *, latest_at: datetime | None, now: datetime) -> Outcome:
    """Return what a window of samples means; `latest_at` is the end of the last sample there is at all.

    A threshold crossed by fewer than `min_requests` requests proves nothing; one not crossed is healthy,
    as long as there was a request.
    """
    if latest_at is None:
        return Outcome("no_data", detail="nothing has been measured yet")
    age_s = (now - latest_at).total_seconds()
    if age_s > STALE_AFTER_S:
        return Outcome("stale", detail=f"the last measurement is {format_duration(age_s)} old")
    value: float | None = getattr(signals, rule.signal)
    if value is None:
        why = "no limit is declared, or no usage is known" if rule.signal == "saturation" else "no requests"
        return Outcome("no_data", detail=why)
    outcome = _judged(rule, value)
    is_ratio = rule.signal == "error_rate" or rule.signal in LATENCY_SIGNALS
    if is_ratio and outcome.kind == "breach" and signals.requests < rule.min_requests:
        few = f"{signals.requests} of at least {rule.min_requests} requests in {format_duration(signals.window_s)}"
        return Outcome("insufficient", value, few)
    return outcome


def judge_looks(rule: Rule, looks: Sequence[Look], *, now: datetime) -> Outcome:
    """Return what probes mean: value is how many are down. One that was not made lately is not healthy."""
    down = [look for look in looks if look.is_down]
    if down:
        first = down[0]
        said = f"{first.name} failed {first.failures} times" if first.failures > 1 else f"{first.name} failed"
        if rule.signal == "integrity_failed":
            return _judged(rule, float(len(down)), first.detail)
        return _judged(rule, float(len(down)), f"{said}: {first.detail}" if first.detail else said)
    if not looks or all(look.seen_at is None for look in looks):
        return Outcome("no_data", detail="nothing was looked at yet")
    stale = [look.name for look in looks if look.is_stale(now)]
    if stale:
        return Outcome("stale", detail=f"{stale[0]} was not looked at lately")
    return _judged(rule, 0.0)


def judge_reading(rule: Rule, reading: Reading) -> Outcome:
    """Return what a metric source's answer means."""
    if reading.kind == "value" and reading.value is not None:
        if reading.freshness_s is not None and reading.freshness_s > max(STALE_AFTER_S, rule.window_s):
            return Outcome("stale", detail=f"the sample is {format_duration(reading.freshness_s)} old")
        return _judged(rule, reading.value)
    return Outcome("error" if reading.kind == "error" else "no_data", detail=reading.detail)


def format_value(signal: str, value: float | None) -> str:
    """Return the value with its unit, as people say it."""
    if value is None:
        return "unknown"
    if signal in ("error_rate", "saturation"):
        return f"{value * 100:.3g} %"
    if signal in LATENCY_SIGNALS:
        return format_duration(value / 1000)
    if signal == "request_rate":
        return f"{value:.3g}/s"
    return f"{value:.6g}"


def summarise(rule: Rule, placement: Placement, outcome: Outcome) -> str:
    """Return one line for a person who has just been woken up."""
    words = {
        "{service}": placement.service,
        "{environment}": placement.environment,
        "{value}": format_value(rule.signal, outcome.value),
        "{threshold}": format_value(rule.signal, rule.threshold),
        "{detail}": outcome.detail or "no detail",
        "{rule}": rule.name,
    }
    text = rule.summary
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return " ".join(text.split())[:300]


def expression(rule: Rule, placement: Placement) -> str:
    """Return the rule's query for this placement; names are DNS labels, so nothing needs quoting."""
    return rule.query.replace("{service}", placement.service).replace("{environment}", placement.environment)
