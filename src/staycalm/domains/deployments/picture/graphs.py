"""The course of a rollout as graphs: seconds in, series out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, sqrt
from statistics import median
from typing import Any

from staycalm.core.charts.series import Graph, Series, Threshold, odds
from staycalm.domains.deployments.analysis.size import wilson
from staycalm.domains.deployments.records import Moment
from staycalm.domains.deployments.strategies import Step
from staycalm.domains.deployments.watching.tally import quantile_ms

# Rates and response times are taken over at least this time: one failed request of one second is no rate.
OVER_S = 15
LEAST_TIMED = 10
LEAST_GAP_S = 30.0
LATENCIES = ("latency-p50", "latency-p95")
ARMS = ("stable", "candidate")
Z = 1.96
Triple = tuple[float | None, float | None, float | None]
NOTHING: Triple = (None, None, None)
Find = Callable[[Sequence[Moment], int, str], Triple]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is ahead: the present step ends at `step_ends_s` (None: nobody knows), then `ahead`."""

    step_ends_s: float | None = None
    ahead: tuple[Step, ...] = ()

    @property
    def end_s(self) -> float | None:
        """Return when the last step ends."""
        return None if self.step_ends_s is None else self.step_ends_s + sum(s.duration_s for s in self.ahead)


def graphs_of(
    moments: Sequence[Moment], *, needed: Mapping[str, float], plan: Plan, ended_at: float | None = None
) -> tuple[Graph, ...]:
    """Return weight, failed answers, response time, difference and evidence; none while there is one second only.

    `needed` is the evidence (log10) that proves each metric; `ended_at` is the weight the rollout ended with.
    """
    if len(moments) < 2:
        return ()
    times = tuple(float(moment.second) for moment in moments)
    gap_s = max(LEAST_GAP_S, 5 * median(b - a for a, b in pairwise(times)))
    return (
        _weights(moments, times, plan, ended_at),
        _errors(moments, times, gap_s),
        _latency(moments, times, gap_s),
        _difference(moments, times, gap_s),
        _evidence(moments, times, needed, gap_s),
    )


def _weights(moments: Sequence[Moment], times: tuple[float, ...], plan: Plan, ended_at: float | None) -> Graph:
    weights = tuple(moment.weight for moment in moments)
    if ended_at is not None:
        times, weights = (*times, times[-1]), (*weights, ended_at)
    series = [Series("candidate", "candidate", times, weights, is_stepped=True, is_filled=True)]
    if plan.step_ends_s is not None:
        series.append(_planned(times[-1], weights[-1], plan))
    return Graph("weight", "Traffic to the candidate", "percent", tuple(series), least_top=100.0, most_top=100.0)


def _planned(now_s: float, weight: float, plan: Plan) -> Series:
    at = max(plan.step_ends_s or now_s, now_s)
    times, weights = [now_s, at], [weight, weight]
    for step in plan.ahead:
        times += [at, at + step.duration_s]
        weights += [step.weight, step.weight]
        at += step.duration_s
    return Series("plan", "planned", (*times, at), (*weights, 100.0), is_stepped=True, is_plan=True)


def _since(moments: Sequence[Moment], place: int) -> int | None:
    """Return the moment a quarter of a minute before `place`; None when the first one is nearer than that."""
    first = place
    while first > 0 and moments[place].second - moments[first].second < OVER_S:
        first -= 1
    return first if first < place else None


def _grown(moments: Sequence[Moment], place: int, who: str, what: str) -> float:
    first = _since(moments, place)
    before = moments[first].body[who].get(what, 0) if first is not None else 0
    return float(max(0, moments[place].body[who].get(what, 0) - before))


def _rate(moments: Sequence[Moment], place: int, who: str) -> Triple:
    """Return the share of bad answers over the last quarter of a minute, with its 95 % interval."""
    total = _grown(moments, place, who, "total")
    if not total:
        return NOTHING
    rate = min(1.0, _grown(moments, place, who, "total_bad") / total)
    low, high = wilson(rate, total)
    return rate, max(0.0, low), min(1.0, high)


def _time(share: float, told: str) -> Find:
    """Return what finds the response time that `share` of the last quarter of a minute do not exceed.

    Its interval is the 95 % one of its rank: the rank of a quantile among n is binomial (David & Nagaraja,
    "Order Statistics", 2003, section 7.1). `told` names the figure of moments that were stored without times.
    """

    def find(moments: Sequence[Moment], place: int, who: str) -> Triple:
        here = moments[place].body[who].get("times")
        if here is None:
            return moments[place].body[who].get(told), None, None
        first = _since(moments, place)
        before = moments[first].body[who].get("times") if first is not None else None
        counted = [max(0, a - b) for a, b in zip(here, before or [0] * len(here), strict=True)]
        total = sum(counted)
        if total < LEAST_TIMED:
            return NOTHING
        spread = Z * sqrt(share * (1 - share) / total)
        low, high = max(0.0, share - spread), min(1.0, share + spread)
        return quantile_ms(counted, share), quantile_ms(counted, low), quantile_ms(counted, high)

    return find


def _compared(
    moments: Sequence[Moment], times: tuple[float, ...], find: Find, *, role: str = "", label: str = ""
) -> tuple[Series, ...]:
    found = []
    for who in ARMS:
        triples = [find(moments, place, who) for place in range(len(moments))]
        values, low, high = (tuple(each) for each in zip(*triples, strict=True))
        found.append(Series(f"{who}{role}", f"{who}{label}", times, values, low, high))
    return tuple(found)


def _errors(moments: Sequence[Moment], times: tuple[float, ...], gap_s: float) -> Graph:
    series = _compared(moments, times, _rate)
    return Graph("errors", "Failed answers", "share", series, least_top=0.02, most_top=1.0, gap_s=gap_s)


def _latency(moments: Sequence[Moment], times: tuple[float, ...], gap_s: float) -> Graph:
    slow = _compared(moments, times, _time(0.95, "p95_ms"), label=" p95")
    half = _compared(moments, times, _time(0.50, "p50_ms"), role="-median", label=" p50")
    return Graph("latency", "Response time", "ms", (*slow, *half), least_top=20.0, gap_s=gap_s)


def _difference(moments: Sequence[Moment], times: tuple[float, ...], gap_s: float) -> Graph:
    """Return the pooled difference as the analysis told it at each second, with its interval."""
    told = [_triple(moment.body.get("difference") or {}) for moment in moments]
    values, low, high = (tuple(each) for each in zip(*told, strict=True))
    series = Series("errors", "candidate minus stable", times, values, low, high)
    return Graph("difference", "Difference in failed answers", "points", (series,), least_top=0.02, gap_s=gap_s)


def _triple(told: Mapping[str, Any]) -> Triple:
    value, low, high = told.get("errors") or NOTHING
    return value, low, high


def _evidence(
    moments: Sequence[Moment], times: tuple[float, ...], needed: Mapping[str, float], gap_s: float
) -> Graph:
    """Return how the bet against "the candidate is no worse" stands, by kind, and where each is proof."""
    groups: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("errors", "more errors", lambda name: name == "errors"),
        ("latency", "slower", lambda name: name in LATENCIES),
        ("counts", "business metric", lambda name: name != "errors" and name not in LATENCIES),
    )
    series, levels = [], []
    for role, label, belongs in groups:
        names = [name for name in needed if belongs(name) and needed[name] > 0]
        values = tuple(_strongest(moment, names) for moment in moments)
        if any(value is not None for value in values):
            series.append(Series(role, label, times, values))
            level = min(needed[name] for name in names)
            levels.append(Threshold(level, f"proof of {label} at {odds(floor(level * 1000) / 1000)}"))
    return Graph(
        "evidence", "Evidence that the candidate is worse", "odds", tuple(series), tuple(levels), gap_s=gap_s
    )


def _strongest(moment: Moment, names: Sequence[str]) -> float | None:
    told = moment.body.get("evidence") or {}
    return max((told[name] for name in names if told.get(name) is not None), default=None)
