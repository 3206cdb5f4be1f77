"""Counters from a metric source or from the instances themselves, where the proxy's do not reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from staycalm.domains.catalog.public import BusinessMetric, MetricQueries
from staycalm.domains.deployments.watching.state import Sources, Totals
from staycalm.ports.metrics import InstanceCounters, MetricSource, Reading
from staycalm.ports.traffic import Samples, Slot, SlotCounts

# The bounds Prometheus client libraries have by default; one without data is left out.
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Meters:
    """What can be asked for numbers: metric sources by name, and instances directly."""

    sources: Mapping[str, MetricSource]
    instances: InstanceCounters | None = None


def fill(expression: str, sources: Sources, slot: Slot, seconds: float | None = None) -> str:
    """Return the expression for one slot; plain replacement, because PromQL is full of braces."""
    known = {
        "{service}": sources.placement.service,
        "{environment}": sources.placement.environment,
        "{slot}": slot,
        "{revision}": sources.revision(slot),
    }
    if seconds is not None:
        known["{seconds}"] = f"{seconds:g}"
    for name, value in known.items():
        expression = expression.replace(name, value)
    return expression


async def read_queries(
    meters: Meters, queries: MetricQueries, sources: Sources, at: datetime
) -> tuple[dict[str, float], str | None]:
    """Return the cumulative counters that have data, and what is wrong with those that have none."""
    source = meters.sources.get(queries.source)
    if source is None:
        return {}, f"there is no metric source {queries.source!r}"
    found: dict[str, float] = {}
    problem: str | None = None
    for slot in (sources.stable, sources.candidate):
        for name, expression in (("requests", queries.requests), ("errors", queries.errors)):
            reading = await source.query(fill(expression, sources, slot), at=at)
            problem = _take(found, f"{slot}:{name}", reading) or problem
        if queries.at_most is not None and f"{slot}:requests" in found:
            for bound in BOUNDS_S:
                reading = await source.query(fill(queries.at_most, sources, slot, bound), at=at)
                _take(found, f"{slot}:{bound:g}", reading)
    return found, problem


async def read_business(
    meters: Meters, metric: BusinessMetric, sources: Sources, at: datetime
) -> tuple[dict[str, float], str | None]:
    """Return the business counter of each slot that has data, and what is wrong with the other."""
    found: dict[str, float] = {}
    problem: str | None = None
    for slot in (sources.stable, sources.candidate):
        if metric.query is not None:
            source = meters.sources.get("prometheus")
            if source is None:
                return {}, "there is no metric source for the business metric"
            reading = await source.query(fill(metric.query, sources, slot), at=at)
        elif metric.counter is not None and meters.instances is not None:
            where = tuple((end.host, end.port) for end in sources.endpoints.get(slot, ()))
            reading = await meters.instances.read(where, path=metric.path, counter=metric.counter)
        else:
            return {}, "nothing reads counters from instances"
        problem = _take(found, f"{slot}:{metric.name}", reading) or problem
    return found, problem


def _take(found: dict[str, float], name: str, reading: Reading) -> str | None:
    if reading.kind == "value" and reading.value is not None:
        found[name] = reading.value
        return None
    return f"{name.partition(':')[2]}: {reading.detail or 'no data'}"


def grown(before: Totals, now: Mapping[str, float], name: str) -> int | None:
    """Return by how much a cumulative counter grew; None when either value is missing or it was reset."""
    if name not in now or name not in before.values or now[name] < before.values[name]:
        return None
    return round(now[name] - before.values[name])


def as_samples(before: Totals, now: Mapping[str, float], sources: Sources, seconds: float) -> Samples | None:
    """Return the counters of both slots as the proxy would have given them; None while either is unknown."""
    slots: dict[Slot, SlotCounts] = {}
    for slot in (sources.stable, sources.candidate):
        requests, errors = grown(before, now, f"{slot}:requests"), grown(before, now, f"{slot}:errors")
        if requests is None or errors is None:
            return None
        slots[slot] = SlotCounts(
            total=requests,
            server_errors=min(errors, requests),
            latency_buckets=_buckets(before, now, slot, requests),
        )
    return Samples(cursor="", seconds=seconds, slots=slots)


def _buckets(before: Totals, now: Mapping[str, float], slot: Slot, requests: int) -> tuple[tuple[float, int], ...]:
    buckets: list[tuple[float, int]] = []
    below = 0
    for bound in BOUNDS_S:
        at_most = grown(before, now, f"{slot}:{bound:g}")
        if at_most is None:
            continue
        buckets.append((bound * 1000.0, max(0, at_most - below)))
        below = max(below, at_most)
    return (*buckets, (inf, max(0, requests - below))) if buckets else ()
