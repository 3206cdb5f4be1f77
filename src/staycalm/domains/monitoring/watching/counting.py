"""From cumulative counters of a metric source to what happened since the last look. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import MetricQueries
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.signals import Buckets, Counts
from staycalm.ports.metrics import Reading

# The bounds that SOP §4.3's rules compare response time with, and one below them.
BOUNDS_MS = (250.0, 1000.0, 2000.0, 5000.0)
SATURATION = "saturation"
# A sample over a longer silence would spread what happened then over a time nobody looked at.
LONGEST_SAMPLE_S = 300.0


def expressions_for(
    queries: MetricQueries, placement: Placement, running: Sequence[RunningRevision]
) -> dict[str, str]:
    """Return what to ask, by `slot/name`."""
    asked: dict[str, str] = {}
    for each in running:
        slot = each.slot or "blue"
        words = {
            "{service}": placement.service,
            "{environment}": placement.environment,
            "{slot}": slot,
            "{revision}": each.spec.revision,
        }
        asked[f"{slot}/requests"] = _filled(queries.requests, words)
        asked[f"{slot}/errors"] = _filled(queries.errors, words)
        if queries.at_most is not None:
            for bound_ms in BOUNDS_MS:
                seconds = {"{seconds}": f"{bound_ms / 1000:g}"}
                asked[f"{slot}/{bound_ms:g}"] = _filled(queries.at_most, {**words, **seconds})
        if queries.saturation is not None and each.is_stable:
            asked[SATURATION] = _filled(queries.saturation, words)
    return asked


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def cumulative(answers: Mapping[str, Reading]) -> dict[str, float]:
    """Return the counters that have a value. No data is left out: it is not zero."""
    return {
        name: reading.value
        for name, reading in answers.items()
        if reading.kind == "value" and reading.value is not None and name != SATURATION
    }


def counts_since(
    before: Mapping[str, Any] | None, now_read: Mapping[str, float], *, since: datetime | None, now: datetime
) -> list[Counts]:
    """Return what happened per slot between two looks; a slot without both counters twice is left out.

    A counter that fell was reset: what it holds now is what happened since then (Prometheus' `increase`).
    """
    if before is None or since is None:
        return []
    seconds = (now - since).total_seconds()
    if not 0 < seconds <= LONGEST_SAMPLE_S:
        return []
    found = []
    for slot in ("blue", "green"):
        names = (f"{slot}/requests", f"{slot}/errors")
        if all(name in before and name in now_read for name in names):
            total, errors = (_grown(before[name], now_read[name]) for name in names)
            buckets = _buckets(slot, before, now_read, total)
            found.append(Counts(now, seconds, slot, total, server_errors=min(errors, total), buckets=buckets))
    return found


def _grown(before: float, now: float) -> int:
    return round(now - before if now >= before else now)


def _buckets(slot: str, before: Mapping[str, Any], now_read: Mapping[str, float], total: int) -> Buckets:
    names = [f"{slot}/{bound:g}" for bound in BOUNDS_MS]
    if not all(name in before and name in now_read for name in names):
        return ()
    below = 0
    buckets = []
    for bound, name in zip(BOUNDS_MS, names, strict=True):
        at_most = max(below, min(total, _grown(before[name], now_read[name])))
        buckets.append((bound, at_most - below))
        below = at_most
    return (*buckets, (math.inf, total - below))
