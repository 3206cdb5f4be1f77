"""From a deployment and its seconds to the graphs of its page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from staycalm.core.charts.series import Graph, Series
from staycalm.domains.deployments.picture.figures import metrics_of
from staycalm.domains.deployments.picture.graphs import Plan, graphs_of
from staycalm.domains.deployments.records import Deployment, Moment

_END_WEIGHTS = {"rolled-back": 0.0, "aborted": 0.0, "completed": 100.0}


def drawn_graphs(d: Deployment, moments: Sequence[Moment]) -> tuple[Graph, ...]:
    """Return the graphs of the deployment as it stands; empty while there is nothing to draw."""
    metrics = metrics_of(d)
    return graphs_of(
        _with_end(tuple(moments), d, metrics),
        needed={str(each["name"]): float(each["needed"]) for each in metrics},
        plan=plan_of(d),
        ended_at=_END_WEIGHTS.get(d.state),
    )


def plan_of(d: Deployment) -> Plan:
    """Return what is ahead of the rollout; nothing while it stands still."""
    if d.state != "shifting" or d.is_frozen or d.step_ends_at is None:
        return Plan()
    return Plan(d.step_ends_at.timestamp(), d.steps[d.step + 1 :])


def within(graphs: Sequence[Graph], since_s: float, until_s: float) -> tuple[Graph, ...]:
    """Return what the graphs show between two instants; a step in force at the first one is kept."""
    return tuple(replace(g, series=tuple(_part(s, since_s, until_s) for s in g.series)) for g in graphs)


def _part(series: Series, since_s: float, until_s: float) -> Series:
    inside = [n for n, at in enumerate(series.times) if since_s <= at <= until_s]
    before = [n for n, at in enumerate(series.times) if at < since_s][-1:] if series.is_stepped else []
    first = next(iter(before or inside), 0)
    kept = slice(first, max(inside, default=first - 1 + len(before)) + 1)
    return replace(
        series,
        times=series.times[kept],
        values=series.values[kept],
        low=series.low[kept],
        high=series.high[kept],
    )


def _with_end(
    moments: tuple[Moment, ...], d: Deployment, metrics: Sequence[Mapping[str, Any]]
) -> tuple[Moment, ...]:
    """Return the moments up to the look that decided: it ended the rollout before a second of history was due."""
    if not moments or d.decided_at is None or d.after_completion or not metrics:
        return moments
    second = max(int(d.decided_at.timestamp()), moments[-1].second + 1)
    told = {
        "evidence": {str(each["name"]): float(each["evidence"]) for each in metrics},
        "difference": {
            str(each["name"]): [each.get("difference"), each.get("low"), each.get("high")] for each in metrics
        },
    }
    return (*moments, Moment(second, moments[-1].weight, {**moments[-1].body, **told}))
