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
    """A difference of rates (fractions) with its standard error."""

    difference: float
    error: float

    @property
    def low(self) -> float:
        """Return the lower end of the 95 % interval."""
        return self.difference - 1.96 * self.error

    @property
    def high(self) -> float:
        """Return the upper end of the 95 % interval."""
        return self.difference + 1.96 * self.error


def risk_difference(strata: Sequence[Stratum]) -> Size | None:
    """Return the pooled difference candidate minus stable; None while no stratum has both.

    Mantel & Haenszel weights nc·nb/n; variance of Sato, "On the variance estimator for the Mantel-Haenszel
    risk difference" (Biometrics 1989), eq. 3. Strata keep the change of weight from looking like a change
    of the service (Simpson's paradox).
    """
    weight = difference = p = q = 0.0
    for s in strata:
        n = s.candidate_all + s.stable_all
        if s.candidate_all <= 0 or s.stable_all <= 0:
            continue
        nc, nb, kc, kb = s.candidate_all, s.stable_all, s.candidate_bad, s.stable_bad
        weight += nc * nb / n
        difference += (kc * nb - kb * nc) / n
        p += (nc * nc * kb - nb * nb * kc + nc * nb * (nb - nc) / 2) / (n * n)
        q += (kc * (nb - kb) + kb * (nc - kc)) / (2 * n)
    if weight <= 0:
        return None
    estimate = difference / weight
    variance = (estimate * p + q) / (weight * weight)
    return Size(estimate, sqrt(max(variance, 0.0)))


def add_counts(
    strata: tuple[Stratum, ...], weight: float, counts: tuple[float, float, float, float]
) -> tuple[Stratum, ...]:
    """Return the strata with (kc, nc, kb, nb) added to the one in force; a changed weight opens a new one."""
    if strata and strata[-1].weight == weight:
        return (*strata[:-1], strata[-1].plus(*counts))
    return (*strata, Stratum(weight).plus(*counts))
