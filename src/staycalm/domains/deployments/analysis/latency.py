"""What is slow: τ, the response time that half (or one in twenty) of stable's requests exceed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = 1.02
RECORD_BOUNDS: Floats = np.asarray(0.1 * STEP ** np.arange(698), dtype=np.float64)
KEEP_PER_MINUTE = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """How long stable's requests took: counts per bound (ms, ascending), in about the past 5 min.

    Every minute counts for 3/4 of the minute after it, so the mean age is 4 min at most. `bounds` is None for
    the built-in ones (2 % apart, for the access log), else those of the proxy's histogram. The last count is
    of what exceeded every bound.
    """

    counts: Floats
    bounds: tuple[float, ...] | None = None
    total: float = 0.0
    aged_at_s: float | None = None

    def edges(self) -> Floats:
        """Return the bounds as an array."""
        return RECORD_BOUNDS if self.bounds is None else np.asarray(self.bounds)


def new_sketch(bounds: tuple[float, ...] | None = None, aged_at_s: float | None = None) -> Sketch:
    """Return a sketch that remembers nothing."""
    size = len(RECORD_BOUNDS) if bounds is None else len(bounds)
    return Sketch(np.zeros(size + 1), bounds, 0.0, aged_at_s)


def record(sketch: Sketch, durations_ms: Floats, *, now_s: float) -> Sketch:
    """Return the sketch with these durations of single requests added."""
    base = sketch if sketch.bounds is None else new_sketch(aged_at_s=sketch.aged_at_s)
    places = np.searchsorted(RECORD_BOUNDS, durations_ms, side="left")
    return _added(base, np.bincount(places, minlength=len(RECORD_BOUNDS) + 1), len(durations_ms), now_s)


def record_buckets(sketch: Sketch, buckets: tuple[tuple[float, int], ...], *, now_s: float) -> Sketch:
    """Return the sketch with a proxy's histogram added (upper bound in ms, count; the last bound infinite)."""
    if not buckets:
        return sketch
    bounds = tuple(bound for bound, _ in buckets if np.isfinite(bound))
    base = sketch if sketch.bounds == bounds else new_sketch(bounds, sketch.aged_at_s)
    added = np.zeros(len(bounds) + 1)
    for place, (_, count) in enumerate(buckets):
        added[min(place, len(bounds))] += count
    return _added(base, added, int(added.sum()), now_s)


def _added(sketch: Sketch, added: NDArray[Any], total: int, now_s: float) -> Sketch:
    aged_at = sketch.aged_at_s if sketch.aged_at_s is not None else now_s
    minutes = max(int((now_s - aged_at) // 60.0), 0)
    kept = KEEP_PER_MINUTE ** min(minutes, 200)
    return Sketch(
        sketch.counts * kept + added, sketch.bounds, sketch.total * kept + total, aged_at + 60.0 * minutes
    )


def share_above(sketch: Sketch, threshold_ms: Floats | float) -> Floats:
    """Return the share of requests slower than each threshold (fraction), linear inside a bucket."""
    if sketch.total <= 0:
        return np.zeros(np.shape(threshold_ms))
    below = np.concatenate(([0.0], np.cumsum(sketch.counts[:-1])))
    at = np.interp(threshold_ms, np.concatenate(([0.0], sketch.edges())), below)
    return np.asarray(1.0 - at / sketch.total)


def find_tau(sketch: Sketch, share: float) -> float | None:
    """Return the bound (ms) that the given share of requests exceeds, as nearly as the bounds allow.

    None when no bound splits them (all in one bucket), for then nothing can be compared.
    """
    if sketch.total <= 0:
        return None
    above = 1.0 - np.cumsum(sketch.counts[:-1]) / sketch.total
    usable = (above > 0.005) & (above < 0.95)
    if not usable.any():
        return None
    odds = np.log(np.where(usable, above, 0.5) / (1.0 - np.where(usable, above, 0.5)))
    distance = np.where(usable, np.abs(odds - np.log(share / (1.0 - share))), np.inf)
    return float(sketch.edges()[int(np.argmin(distance))])


def bucket_share_above(buckets: tuple[tuple[float, int], ...], threshold_ms: float) -> float:
    """Return how many requests (not whole) of a histogram were slower than the threshold.

    Linear inside a bucket; a bucket without an upper bound counts as slower.
    """
    slower, lower = 0.0, 0.0
    for bound, count in buckets:
        if lower >= threshold_ms:
            slower += count
        elif bound > threshold_ms:
            is_open = not np.isfinite(bound)
            slower += count * (1.0 if is_open else (bound - threshold_ms) / (bound - lower))
        lower = bound
    return slower
