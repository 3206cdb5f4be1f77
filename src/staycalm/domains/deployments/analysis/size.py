"""How much worse, apart from whether: the Mantel-Haenszel risk difference over the weight steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Stratum:
    """What was counted at one weight: bad and all, at the candidate and at stable."""

    weight: float
    candidate_bad: float = 0.0
    candidate_all: float = 0.0
    stable_bad: float = 0.0
    stable_all: float = 0.0

    def plus(self, kc: float, nc: float, kb: float, nb: float) -> Stratum:
        """Return the stratum with these counts added."""
        return Stratum(
            self.weight,
            self.candidate_bad + kc,
            self.candidate_all + nc,
            self.stable_bad + kb,
            self.stable_all + nb,
        )


@dataclass(frozen=True, slots=True)
class Size:
    """A difference of rates (fractions), its standard error, and the ends of its 95 % interval."""

    difference: float
    error: float
    low: float
    high: float


def risk_difference(strata: Sequence[Stratum]) -> Size | None:
    """Return the pooled difference candidate minus stable; None while no stratum has both.

    Mantel & Haenszel weights nc·nb/n; variance of Sato, "On the variance estimator for the Mantel-Haenszel
    risk difference" (Biometrics 1989), eq. 3. Strata keep the change of weight from looking like a change
    of the service (Simpson's paradox). The interval is Newcombe's hybrid of two Wilson scores with the same
    weights (Yan & Su, Statistics in Biopharmaceutical Research 2010), right also for a handful of failures.
    """
    both = [s for s in strata if s.candidate_all > 0 and s.stable_all > 0]
    if not both:
        return None
    weight = p = q = rate_c = rate_b = spread_c = spread_b = 0.0
    for s in both:
        nc, nb, kc, kb = s.candidate_all, s.stable_all, s.candidate_bad, s.stable_bad
        n = nc + nb
        w = nc * nb / n
        weight, rate_c, rate_b = weight + w, rate_c + w * kc / nc, rate_b + w * kb / nb
        spread_c, spread_b = spread_c + w * w / nc, spread_b + w * w / nb
        p += (nc * nc * kb - nb * nb * kc + nc * nb * (nb - nc) / 2) / (n * n)
        q += (kc * (nb - kb) + kb * (nc - kc)) / (2 * n)
    rate_c, rate_b = rate_c / weight, rate_b / weight
    estimate = rate_c - rate_b
    error = sqrt(max((estimate * p + q) / (weight * weight), 0.0))
    low_c, high_c = wilson(rate_c, weight * weight / spread_c)
    low_b, high_b = wilson(rate_b, weight * weight / spread_b)
    low = estimate - sqrt((rate_c - low_c) ** 2 + (high_b - rate_b) ** 2)
    high = estimate + sqrt((high_c - rate_c) ** 2 + (rate_b - low_b) ** 2)
    return Size(estimate, error, low, high)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a rate seen in `n` trials (Wilson, JASA 1927)."""
    rate, z = min(max(rate, 0.0), 1.0), 1.96
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def add_counts(
    strata: tuple[Stratum, ...], weight: float, counts: tuple[float, float, float, float]
) -> tuple[Stratum, ...]:
    """Return the strata with (kc, nc, kb, nb) added to the one in force; a changed weight opens a new one."""
    if strata and strata[-1].weight == weight:
        return (*strata[:-1], strata[-1].plus(*counts))
    return (*strata, Stratum(weight).plus(*counts))
