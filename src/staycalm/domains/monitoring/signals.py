"""The golden signals from counter windows: traffic, errors, latency, saturation. SOP §4.2. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from staycalm.domains.catalog.public import CapacityLimits

Buckets = tuple[tuple[float, int], ...]
STALE_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in one slot in the `seconds` up to `at`.

    `server_errors` include time-outs and resets. `buckets` are (upper bound in ms, count in this bucket).
    """

    at: datetime
    seconds: float
    slot: str
    total: int = 0
    client_errors: int = 0
    server_errors: int = 0
    timeouts: int = 0
    resets: int = 0
    active: int = 0
    buckets: Buckets = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one revision used at `at`, against its declared limits; None where nothing was measured."""

    at: datetime
    saturation: float | None
    cpu_cores: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """The golden signals over a window that ended at `at`. None is unknown, never zero.

    `request_rate` per second, `error_rate` and `saturation` as fractions 0-1, latencies in milliseconds.
    """

    at: datetime
    window_s: float
    requests: int
    request_rate: float | None
    error_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    saturation: float | None


def merge_buckets(many: Iterable[Buckets]) -> Buckets:
    """Return one histogram with every bound that occurs, ascending."""
    merged: dict[float, int] = {}
    for buckets in many:
        for bound, count in buckets:
            merged[bound] = merged.get(bound, 0) + count
    return tuple(sorted(merged.items()))


def quantile(buckets: Buckets, q: float) -> float | None:
    """Return the q-quantile in ms, None when nothing was counted.

    Linear within a bucket, as Prometheus' `histogram_quantile` has it: the first bucket begins at 0, and a
    quantile in the unbounded last one is the highest finite bound (the truth is at least that).
    """
    total = sum(count for _, count in buckets)
    if total <= 0:
        return None
    rank = q * total
    below, lower = 0, 0.0
    for bound, count in buckets:
        if count and below + count >= rank:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / count
        below += count
        lower = bound if math.isfinite(bound) else lower
    return lower


def golden_signals(
    samples: Sequence[Counts], usage: Sequence[Usage], *, now: datetime, window_s: float
) -> Signals:
    """Return the signals of the samples that ended within the window, over all slots together.

    Error rate = 5xx, time-outs and resets over requests (SOP §4.3).
    """
    total = sum(s.total for s in samples)
    errors = sum(s.server_errors for s in samples)
    covered_s = _covered_s(samples)
    buckets = merge_buckets(s.buckets for s in samples)
    measured = [u.saturation for u in usage if u.saturation is not None]
    return Signals(
        at=now,
        window_s=window_s,
        requests=total,
        request_rate=total / covered_s if covered_s > 0 else None,
        error_rate=min(1.0, errors / total) if total else None,
        p50_ms=quantile(buckets, 0.5),
        p95_ms=quantile(buckets, 0.95),
        saturation=max(measured) if measured else None,
    )


def _covered_s(samples: Sequence[Counts]) -> float:
    """Return the seconds the samples cover; the slots of one look cover the same seconds once."""
    by_slot: dict[str, float] = {}
    for sample in samples:
        by_slot[sample.slot] = by_slot.get(sample.slot, 0.0) + sample.seconds
    return max(by_slot.values(), default=0.0)


def saturation(
    limits: CapacityLimits, *, cpu_cores: float | None, memory_bytes: int | None, requests_per_s: float | None
) -> float | None:
    """Return the fullest of the declared limits as a fraction; None when none is declared and measured."""
    pairs = (
        (cpu_cores, limits.cpu_cores),
        (memory_bytes, limits.memory_bytes),
        (requests_per_s, limits.requests_per_s),
    )
    fractions = [used / limit for used, limit in pairs if used is not None and limit]
    return max(fractions, default=None)
