"""Evidence that may be looked at continuously: the stake of a fair bet against "the candidate is no worse".

Ville's inequality (1939): a nonnegative supermartingale that starts at 1 ever reaches 1/α with probability
at most α. All functions broadcast over leading axes; the last axis runs over the alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FIRST_STAKE = 0.75
STAKE_SHARE = 0.03
STAKE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The stake of one metric: natural logs of the part on each alternative and of the part held back.

    `reached_at_s` is when the whole first was >= 1/α; it is never unset (the bound is on ever reaching it).
    """

    log_parts: tuple[float, ...]
    log_reserve: float
    next_stake_at_s: float | None = None
    reached_at_s: float | None = None

    @property
    def log_value(self) -> float:
        """Return the natural log of the e-value."""
        return float(log_sum_exp(np.asarray((*self.log_parts, self.log_reserve))))


def new_evidence(alternatives: int) -> Evidence:
    """Return a stake of 1 in all: the first part spread evenly, the rest in reserve."""
    each = float(np.log(FIRST_STAKE / alternatives))
    return Evidence((each,) * alternatives, float(np.log1p(-FIRST_STAKE)))


def log_sum_exp(values: Floats) -> Floats:
    """Return ln Σ exp over the last axis without overflow."""
    top = np.max(values, axis=-1)
    return np.asarray(top + np.log(np.sum(np.exp(values - top[..., None]), axis=-1)))


def lay_stake(log_parts: Floats, log_reserve: ArrayLike) -> tuple[Floats, Floats]:
    """Return the parts and the reserve after a small share of the reserve was spread over the alternatives.

    Called at fixed times, so the whole stays a supermartingale; it lets a candidate that turns bad late be
    caught as quickly as one that was bad from the start (e-detectors: Shin, Ramdas & Rinaldo 2024).
    """
    reserve = np.asarray(log_reserve, dtype=np.float64)
    share = reserve[..., None] + np.log(STAKE_SHARE / log_parts.shape[-1])
    return np.logaddexp(log_parts, share), reserve + np.log1p(-STAKE_SHARE)


def block_log_factors(kc: Floats, nc: Floats, kb: Floats, nb: Floats, theta_b: Floats, theta_c: Floats) -> Floats:
    """Return ln of the bet's factor for one block: kc bad of nc at the candidate, kb of nb at stable.

    Turner, Ly & Grünwald, "Generic E-variables for exact sequential k-sample tests" (JSPI 2024), eq. 4: with
    θ0 = (nc θc + nb θb)/(nc + nb) the expectation is <= 1 under any common rate, whatever share of the
    traffic each arm really got. The counts have one axis less than `theta_c`; `theta_b` has theirs.
    """
    kc, nc, kb, nb, tb = (np.asarray(x, dtype=np.float64)[..., None] for x in (kc, nc, kb, nb, theta_b))
    share = nc / np.maximum(nc + nb, 1.0)
    t0 = share * theta_c + (1.0 - share) * tb
    return np.asarray(
        kc * np.log(theta_c / t0)
        + (nc - kc) * np.log((1.0 - theta_c) / (1.0 - t0))
        + kb * np.log(tb / t0)
        + (nb - kb) * np.log((1.0 - tb) / (1.0 - t0))
    )


def single_log_factors(
    is_bad: Bools, is_candidate: Bools, chance: Floats, theta_b: float, theta_c: Floats
) -> Floats:
    """Return ln of the factors of single observations, one row each, whose arm is random with `chance`.

    The per-request form of the same test; `chance` is known (the hash decides), so each row has expectation 1
    under any common rate, also a drifting one.
    """
    t0 = chance[:, None] * theta_c + (1.0 - chance[:, None]) * theta_b
    theta = np.where(is_candidate[:, None], theta_c, theta_b)
    return np.asarray(np.where(is_bad[:, None], np.log(theta / t0), np.log((1.0 - theta) / (1.0 - t0))))


def event_log_factors(is_candidate: Bools, chance: Floats, ratios: Floats) -> Floats:
    """Return ln of the factors of events without a denominator, one row each.

    θ/(wθ+1−w) when the event is the candidate's, else 1/(wθ+1−w): expectation 1 when the arms are alike.
    """
    mixed = chance[..., None] * ratios + (1.0 - chance[..., None])
    return np.asarray(np.where(is_candidate[..., None], np.log(ratios / mixed), -np.log(mixed)))


def add(evidence: Evidence, log_factors: Floats, *, now_s: float, alpha: float) -> Evidence:
    """Return the evidence after multiplying each part by its factor, and after any stake that was due."""
    parts = np.asarray(evidence.log_parts) + log_factors
    reserve = np.asarray(evidence.log_reserve)
    due = evidence.next_stake_at_s if evidence.next_stake_at_s is not None else now_s + STAKE_EVERY_S
    stakes = 0
    while due <= now_s and stakes < 100:
        parts, reserve = lay_stake(parts, reserve)
        due, stakes = due + STAKE_EVERY_S, stakes + 1
    if due <= now_s:
        due = now_s + STAKE_EVERY_S
    after = Evidence(tuple(float(x) for x in parts), float(reserve), due, evidence.reached_at_s)
    if after.reached_at_s is None and after.log_value >= -np.log(alpha):
        return replace(after, reached_at_s=now_s)
    return after


def clip_rate(rate: ArrayLike) -> Floats:
    """Return the rate moved into (0, 1), where logarithms are finite."""
    return np.asarray(np.clip(np.asarray(rate, dtype=np.float64), 1e-5, 1.0 - 1e-3))


ERROR_STEPS = np.array([0.005, 0.01, 0.02, 0.05, 0.10, 0.25, 0.50, 0.90])
P50_ODDS = np.array([p / (1 - p) for p in (0.53, 0.56, 0.60, 0.65, 0.70, 0.80, 0.90, 0.98)])
P95_ODDS = np.array([p / (1 - p) * 19 for p in (0.06, 0.075, 0.10, 0.15, 0.25, 0.40, 0.60, 0.90)])
MORE_RATIOS = np.array([1.1, 1.25, 1.5, 2.0, 3.0, 6.0, 15.0, 50.0])
FEWER_RATIOS = 1.0 / MORE_RATIOS


def error_alternatives(theta_b: ArrayLike) -> Floats:
    """Return the candidate's rates that are bet on, on a new last axis: stable's rate plus 0.5 … 90 points."""
    return np.asarray(np.minimum(np.asarray(theta_b)[..., None] + ERROR_STEPS, 1.0 - 5e-4))


def slower_alternatives(theta_b: ArrayLike, odds: Floats) -> Floats:
    """Return the shares above τ that are bet on, by odds ratio, so that stable's share need not be nominal."""
    at = np.asarray(theta_b, dtype=np.float64)[..., None]
    raised = odds * at / (1.0 - at)
    return np.asarray(raised / (1.0 + raised))


RATIO_ODDS = np.array([0.1, 0.5, 0.8, 1.25, 2.0, 10.0])
LOOSE_RATIO_ODDS = np.array([0.05, 0.1, 0.25, 4.0, 10.0, 20.0])
