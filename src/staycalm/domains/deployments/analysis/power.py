"""How much traffic shows how small a difference: the arithmetic behind plans, PROCEED and INSUFFICIENT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erf, exp, log, sqrt

ERROR_ALTERNATIVES = 8
_INCREASES = tuple(0.001 * 1.12**i for i in range(62))


def divergence(p: float, q: float) -> float:
    """Return KL(p‖q) of two Bernoulli rates in nats."""
    p, q = min(max(p, 1e-9), 1 - 1e-9), min(max(q, 1e-9), 1 - 1e-9)
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))


def information(share: float, theta_b: float, theta_c: float) -> float:
    """Return the nats per request (all requests) when the candidate gets `share` of them.

    w·KL(θc‖θ0) + (1−w)·KL(θb‖θ0), θ0 = wθc + (1−w)θb.
    """
    theta_0 = share * theta_c + (1 - share) * theta_b
    return share * divergence(theta_c, theta_0) + (1 - share) * divergence(theta_b, theta_0)


def bar(alpha: float, alternatives: int = ERROR_ALTERNATIVES) -> float:
    """Return ln(K/α), the nats to collect before evidence is expected."""
    return log(alternatives / alpha)


def smallest_visible(
    parts: Sequence[tuple[float, float]],
    worsened: Callable[[float], tuple[float, float]],
    *,
    alpha: float,
    cap: Callable[[float, float], float] = lambda _b, _c: 1.0,
) -> float | None:
    """Return the smallest increase whose expected evidence over `parts` reaches the bar; None if none does.

    `parts` are (requests, candidate's share); `worsened(increase)` is (θb, θc); `cap` in 0-1 scales the
    information down where clients, not requests, are what there is little of.
    """
    needed = bar(alpha)
    for increase in _INCREASES:
        theta_b, theta_c = worsened(increase)
        nats = sum(n * information(share, theta_b, theta_c) for n, share in parts)
        if nats * cap(theta_b, theta_c) >= needed:
            return increase
    return None


def chance_to_prove(nats: float, alpha: float) -> float:
    """Return the chance (0-1) that evidence is reached when `nats` are expected in all.

    A log-likelihood ratio is nearly a Brownian motion with drift m and variance 2m; this is its chance of
    ever passing L (Siegmund, "Sequential Analysis", 1985, eq. 3.15).
    """
    if nats <= 0:
        return 0.0
    level, spread = log(1 / alpha) + log(ERROR_ALTERNATIVES / 4), sqrt(2 * nats)
    late = exp(min(level, 700.0)) * _normal(-(nats + level) / spread)
    return min(1.0, _normal((nats - level) / spread) + late)


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
