"""What was measured of a rollout, as figures with their units: its end, each metric, what can be seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staycalm.core.charts.series import odds
from staycalm.core.durations import format_duration
from staycalm.domains.deployments.records import Deployment

METRIC_NAMES = {
    "errors": "failed answers",
    "latency-p50": "slower than stable's median",
    "latency-p95": "slower than stable's p95",
}


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric in the words of the page; figures carry their unit."""

    name: str
    stable: str
    candidate: str
    difference: str
    evidence: str
    is_proven: bool


def metrics_of(d: Deployment) -> tuple[Mapping[str, Any], ...]:
    """Return the figures of each metric at the last look."""
    return tuple(each for each in (d.evidence or {}).get("metrics", ()) if isinstance(each, Mapping))


def figures_of(d: Deployment) -> tuple[tuple[str, str], ...]:
    """Return the large figures of how it ended, or how it goes; what nothing measured says so."""
    if d.state == "rolled-back":
        return (
            ("Noticed after", _seconds(d.detected_after_s)),
            ("Traffic back in", _seconds(d.rollback_took_s)),
            ("Failed requests", _count(d.failed_requests)),
        )
    told = d.evidence or {}
    return (
        ("Requests to candidate", _count(told.get("candidate_requests"))),
        ("Requests to stable", _count(told.get("stable_requests"))),
        ("Failed on candidate", _count(told.get("failed_requests"))),
    )


def _seconds(value: float | None) -> str:
    return "not measured" if value is None else format_duration(value)


def _count(value: Any) -> str:
    return f"{int(value):,}".replace(",", " ") if isinstance(value, (int, float)) else "not measured"


def metric_view(figures: Mapping[str, Any]) -> MetricView:
    """Return the figures of one metric in words."""
    name = str(figures["name"])
    is_rate = name in METRIC_NAMES
    return MetricView(
        name=METRIC_NAMES.get(name, name),
        stable=_share(figures.get("stable_rate")),
        candidate=_share(figures.get("candidate_rate")),
        difference=_difference(figures, "pp" if is_rate else "%"),
        evidence=f"{odds(figures['evidence'])}, proof is {odds(figures['needed'])}",
        is_proven=bool(figures.get("is_proven")),
    )


def _share(value: Any) -> str:
    return f"{100 * value:.2f} %" if isinstance(value, (int, float)) else "–"


def _difference(figures: Mapping[str, Any], unit: str) -> str:
    value, low, high = (figures.get(key) for key in ("difference", "low", "high"))
    if value is None:
        return "too little to tell"
    interval = f" ({100 * low:+.2f} to {100 * high:+.2f})" if low is not None and high is not None else ""
    return f"{100 * value:+.2f} {unit}{interval}"


def seen_of(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return how small a difference could be seen with the traffic so far; empty before the first look."""
    if not evidence:
        return ()
    errors, latency = evidence.get("visible_error_increase"), evidence.get("visible_latency_increase")
    unit = evidence.get("unit")
    return (
        ("One observation is", f"a {str(unit).removesuffix('s')}" if unit else "unknown"),
        ("Smallest visible rise of errors", f"{100 * errors:.2f} pp" if errors is not None else "none yet"),
        ("Smallest visible slow-down", f"{100 * latency:.0f} %" if latency is not None else "none yet"),
    )
