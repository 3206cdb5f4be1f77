"""What a rollout will be able to see, told before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from staycalm.domains.deployments.analysis.limits import DEFAULT_LIMITS, Limits
from staycalm.domains.deployments.analysis.power import (
    ERROR_ALTERNATIVES,
    bar,
    chance_to_prove,
    information,
    smallest_visible,
)
from staycalm.domains.deployments.strategies import Strategy


@dataclass(frozen=True, slots=True)
class StepForecast:
    """One step: how many requests until the limit shows, and in how many seconds; None: not at this traffic."""

    weight: float
    duration_s: float
    requests: int
    requests_needed: int
    detection_s: float | None
    big_detection_s: float | None
    visible_error_increase: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The rollout as planned. `chance` is that a release at exactly the error limit is caught (0-1).

    `visible_error_increase` is the smallest increase the whole rollout shows with about even odds.
    `big_detection_s` of a step is the time to see 5 pp more errors.
    """

    requests_per_s: float
    base_error_rate: float
    error_increase: float
    chance: float
    visible_error_increase: float | None
    steps: tuple[StepForecast, ...]

    def sentences(self) -> tuple[str, ...]:
        """Return the announcement."""
        limit, rate = 100 * self.error_increase, f"{self.requests_per_s:g} requests/s"
        told = [
            f"at {rate} over {100 * self.base_error_rate:g} % errors, a release that adds {limit:g} pp is caught "
            f"in {100 * self.chance:.0f} of 100 rollouts"
        ]
        if self.visible_error_increase is None:
            told.append(
                "this traffic is too little to see any difference; the deployment will be marked not proven"
            )
        elif self.visible_error_increase > self.error_increase * 1.0001:
            told.append(f"it can only see an increase of {100 * self.visible_error_increase:.1f} pp or more")
        return tuple(told)


def requests_needed(
    increase: float, base: float, weight: float, alpha: float, alternatives: int = ERROR_ALTERNATIVES
) -> int:
    """Return how many requests (both revisions) until an increase of the error rate is expected to show.

    N = ln(K/α) / [w·KL(θc‖θ0) + (1−w)·KL(θb‖θ0)]; rates are fractions, `weight` is percent in (0, 100).
    """
    nats = float(information(weight / 100.0, base, min(base + increase, 0.999)))
    return ceil(bar(alpha, alternatives) / nats)


def forecast(
    strategy: Strategy,
    *,
    requests_per_s: float,
    base_error_rate: float,
    limits: Limits = DEFAULT_LIMITS,
    error_increase: float | None = None,
) -> Forecast:
    """Return what the strategy can see at this traffic, for an increase (by default the limit)."""
    base, alpha = max(base_error_rate, 1e-4), limits.error_alpha
    increase = limits.error_increase if error_increase is None else error_increase
    steps, parts, nats = [], [], 0.0
    for step in strategy.steps:
        share = step.weight / 100.0
        seen = step.duration_s * requests_per_s
        parts.append((seen, share))
        nats += seen * information(share, base, min(base + increase, 0.999))
        needed = requests_needed(increase, base, step.weight, alpha)
        big = requests_needed(0.05, base, step.weight, alpha)
        steps.append(
            StepForecast(
                weight=step.weight,
                duration_s=step.duration_s,
                requests=int(seen),
                requests_needed=needed,
                detection_s=_seconds(needed, requests_per_s),
                big_detection_s=_seconds(big, requests_per_s),
                visible_error_increase=_visible([(seen, share)], base, alpha),
            )
        )
    return Forecast(
        requests_per_s=requests_per_s,
        base_error_rate=base_error_rate,
        error_increase=increase,
        chance=chance_to_prove(nats, alpha),
        visible_error_increase=_visible(parts, base, alpha),
        steps=tuple(steps),
    )


def _seconds(requests: int, requests_per_s: float) -> float | None:
    return requests / requests_per_s if requests_per_s > 0 else None


def _visible(parts: Sequence[tuple[float, float]], base: float, alpha: float) -> float | None:
    return smallest_visible(parts, base, lambda more: np.minimum(base + more, 0.999), alpha=alpha)
