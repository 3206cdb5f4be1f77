"""How much traffic shows how small a difference: the arithmetic behind plans, PROCEED and INSUFFICIENT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erf, exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ERROR_ALTERNATIVES = 8
_MIXTURE_NATS = 1.5
_INCREASES: Floats = np.asarray(0.001 * 1.12 ** np.arange(62), dtype=np.float64)


def divergence(p: Any, q: Any) -> Any:
    """Return KL(p‖q) of two Bernoulli rates in nats, a number or an array."""
    p, q = np.clip(p, 1e-9, 1 - 1e-9), np.clip(q, 1e-9, 1 - 1e-9)
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def information(share: float, theta_b: Any, theta_c: Any) -> Any:
    """Return the nats per request (all requests) when the candidate gets `share` of them.

    w·KL(θc‖θ0) + (1−w)·KL(θb‖θ0), θ0 = wθc + (1−w)θb.
    """
    theta_0 = share * theta_c + (1 - share) * theta_b
    return share * divergence(theta_c, theta_0) + (1 - share) * divergence(theta_b, theta_0)


def two_sample_nats(kc: Any, nc: Any, kb: Any, nb: Any) -> Any:
    """Return the log-likelihood ratio of "the candidate's rate is higher" against one common rate; else 0.

    e^-x bounds the chance of an x this large by chance in one look, up to a factor of two (Chernoff).
    """
    pc, pb = kc / np.maximum(nc, 1), kb / np.maximum(nb, 1)
    common = (kc + kb) / np.maximum(nc + nb, 1)
    return np.where(pc > pb, nc * divergence(pc, common) + nb * divergence(pb, common), 0.0)


def bar(alpha: float, alternatives: int = ERROR_ALTERNATIVES) -> float:
    """Return ln(K/α), the nats to collect before evidence is expected."""
    return log(alternatives / alpha)


def smallest_visible(
    parts: Sequence[tuple[float, float]],
    theta_b: float,
    worsened: Callable[[Floats], Floats],
    *,
    alpha: float,
    clients: float | None = None,
) -> float | None:
    """Return the smallest increase whose expected evidence over `parts` reaches the bar; None if none does.

    `parts` are (requests, candidate's share); `worsened(increases)` gives θc of each. With `clients` (how
    many there are) there cannot be more events than clients, and the information is scaled down to that.
    """
    theta_c = worsened(_INCREASES)
    nats = np.zeros(len(_INCREASES))
    for n, share in parts:
        nats += n * information(share, theta_b, theta_c)
    if clients is not None:
        events = sum(n for n, _ in parts) * (theta_b + theta_c) / 2
        nats *= np.minimum(1.0, clients / np.maximum(events, 1e-9))
    seen = np.flatnonzero(nats >= bar(alpha))
    return float(_INCREASES[seen[0]]) if len(seen) else None


def chance_to_prove(nats: float, alpha: float) -> float:
    """Return the chance (0-1) that evidence is reached when `nats` are expected in all.

    A log-likelihood ratio is nearly a Brownian motion with drift m and variance 2m; this is its chance of
    ever passing L (Siegmund, "Sequential Analysis", 1985, eq. 3.15). What the eight alternatives cost in L is
    fitted to simulated rollouts (benchmarks/analysis.py prints both).
    """
    if nats <= 0:
        return 0.0
    level, spread = log(1 / alpha) + _MIXTURE_NATS, sqrt(2 * nats)
    late = exp(min(level, 700.0)) * _normal(-(nats + level) / spread)
    return min(1.0, _normal((nats - level) / spread) + late)


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
