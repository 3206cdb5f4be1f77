"""What people are shown of a rollout, second by second, and the absolute stops at full weight. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from staycalm.domains.deployments.analysis import Limits
from staycalm.domains.deployments.records import Moment
from staycalm.ports.traffic import Samples, Slot

LADDER_MS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0, 150.0, 200.0, 300.0, 500.0,
             700.0, 1000.0, 1500.0, 2000.0, 3000.0, 5000.0, 10000.0, inf)  # fmt: skip
MAX_MOMENTS = 900
NO_TIMES = (0,) * len(LADDER_MS)


def _together(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


@dataclass(frozen=True, slots=True)
class Arm:
    """Requests of one revision: how many, how many bad, and how long they took (counts per LADDER_MS)."""

    total: int = 0
    bad: int = 0
    times: tuple[int, ...] = NO_TIMES

    def plus(self, other: Arm) -> Arm:
        """Return both together."""
        return Arm(self.total + other.total, self.bad + other.bad, _together(self.times, other.times))

    def quantile_ms(self, share: float) -> float | None:
        """Return the response time that `share` of requests do not exceed, linear within a rung."""
        return quantile_ms(self.times, share)


def quantile_ms(times: Sequence[int], share: float) -> float | None:
    """Return the response time that `share` of the requests counted per LADDER_MS do not exceed; None of none."""
    count = sum(times)
    if not count:
        return None
    wanted, below, lower = share * count, 0, 0.0
    for upper, here in zip(LADDER_MS, times, strict=True):
        if here and below + here >= wanted:
            return lower if upper == inf else lower + (upper - lower) * (wanted - below) / here
        below, lower = below + here, upper
    return lower


@dataclass(frozen=True, slots=True)
class Tally:
    """The second in progress, the totals since the first look, and the last half minute of the candidate."""

    second: int = 0
    weight: float = 0.0
    candidate: Arm = Arm()
    stable: Arm = Arm()
    candidate_total: int = 0
    candidate_bad: int = 0
    stable_total: int = 0
    stable_bad: int = 0
    candidate_times: tuple[int, ...] = NO_TIMES
    stable_times: tuple[int, ...] = NO_TIMES
    recent: tuple[tuple[int, int, int, int], ...] = ()
    moments: tuple[Moment, ...] = ()


def count(samples: Samples, slot: Slot) -> Arm:
    """Return what the samples hold of one slot; the access log wins over the counters."""
    times = [0] * len(LADDER_MS)
    if samples.has_requests:
        mine = [record for record in samples.requests if record.slot == slot]
        for record in mine:
            times[bisect_left(LADDER_MS, record.duration_ms)] += 1
        return Arm(len(mine), sum(record.is_bad for record in mine), tuple(times))
    counts = samples.slots.get(slot)
    if counts is None:
        return Arm()
    for bound, number in counts.latency_buckets:
        times[min(bisect_left(LADDER_MS, bound), len(LADDER_MS) - 1)] += number
    return Arm(counts.total, counts.server_errors, tuple(times))


def add(
    tally: Tally, candidate: Arm, stable: Arm, *, now_s: float, weight: float, slow_ms: float, window_s: int
) -> Tally:
    """Return the tally with one look added; a second that ended became a moment."""
    second = int(now_s)
    if second != tally.second:
        tally = _end_of_second(tally, second, weight)
    slow = sum(n for bound, n in zip(LADDER_MS, candidate.times, strict=True) if bound > slow_ms)
    recent = tuple(row for row in tally.recent if row[0] > second - window_s)
    here = (second, candidate.total, candidate.bad, slow)
    if recent and recent[-1][0] == second:
        _, total, bad, slower = recent[-1]
        recent = (*recent[:-1], (second, total + here[1], bad + here[2], slower + here[3]))
    else:
        recent = (*recent, here)
    return replace(
        tally,
        weight=weight,
        candidate=tally.candidate.plus(candidate),
        stable=tally.stable.plus(stable),
        candidate_total=tally.candidate_total + candidate.total,
        candidate_bad=tally.candidate_bad + candidate.bad,
        stable_total=tally.stable_total + stable.total,
        stable_bad=tally.stable_bad + stable.bad,
        candidate_times=_together(tally.candidate_times, candidate.times),
        stable_times=_together(tally.stable_times, stable.times),
        recent=recent,
    )


def _end_of_second(tally: Tally, second: int, weight: float) -> Tally:
    moments = tally.moments
    if tally.second:
        body = {
            "candidate": _shown(
                tally.candidate, tally.candidate_total, tally.candidate_bad, tally.candidate_times
            ),
            "stable": _shown(tally.stable, tally.stable_total, tally.stable_bad, tally.stable_times),
        }
        moments = (*moments, Moment(tally.second, tally.weight, body))[-MAX_MOMENTS:]
    return replace(tally, second=second, weight=weight, candidate=Arm(), stable=Arm(), moments=moments)


def _shown(arm: Arm, total: int, bad: int, times: Sequence[int]) -> dict[str, Any]:
    return {
        "requests": arm.total,
        "bad": arm.bad,
        "p50_ms": arm.quantile_ms(0.50),
        "p95_ms": arm.quantile_ms(0.95),
        "total": total,
        "total_bad": bad,
        "times": list(times),
    }


def stop_at_full_weight(tally: Tally, limits: Limits) -> str | None:
    """Return why the candidate that serves everything must go, or None.

    reading-the-spec.md "absolute stops": error rate > 5 % or p95 > 5 s over 30 s with >= 20 requests. With no
    stable beside it there is nothing to compare with, so these alone decide.
    """
    total, bad, slow = (sum(row[i] for row in tally.recent) for i in (1, 2, 3))
    if total < limits.stop_min_requests:
        return None
    last = f"in the last {limits.stop_window_s} s"
    if bad / total > limits.stop_error_rate:
        return f"absolute stop: {100 * bad / total:.1f} % of answers {last} failed, at full weight"
    if slow / total > 0.05:
        share, limit_s = 100 * slow / total, limits.stop_p95_ms / 1000
        return f"absolute stop: {share:.1f} % of answers {last} took over {limit_s:g} s, at full weight"
    return None
