"""What a deployment may cost before it is rolled back, and how sure the analysis has to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ROLLBACK", "HOLD", "PROCEED", "INSUFFICIENT"]
Unit = Literal["clients", "requests"]
Worse = Literal["more", "fewer"]


@dataclass(frozen=True, slots=True)
class CountLimit:
    """A counter without a denominator, such as exceptions (`more` is worse) or orders (`fewer` is worse).

    `limit` is the fraction it may change for the worse, 0.2 = 20 %.
    """

    name: str
    worse: Worse = "more"
    limit: float = 0.20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of SOP §3.2 and the risks taken; every rate is a fraction 0-1, every time in seconds.

    `error_increase` is an absolute difference (0.01 = one percentage point), `latency_increase` a ratio
    (0.20 = 20 % slower at p50 or p95). The alphas bound the chance that a healthy candidate is ever
    accused by that metric, however often one looks; errors and both latencies together 1 %.
    `gate` is the part of a limit that the measured size must reach before a proven difference rolls back.
    """

    error_increase: float = 0.01
    latency_increase: float = 0.20
    counts: tuple[CountLimit, ...] = ()
    gate: float = 0.75
    error_alpha: float = 0.005
    latency_alpha: float = 0.0025
    count_alpha: float = 0.0025
    ratio_alpha: float = 1e-5
    latency_grace_s: float = 60.0
    latency_floor_ms: float = 1.0
    latency_min_requests: int = 200
    stop_error_rate: float = 0.05
    stop_p95_ms: float = 5000.0
    stop_window_s: int = 30
    stop_min_requests: int = 20


DEFAULT_LIMITS = Limits()
