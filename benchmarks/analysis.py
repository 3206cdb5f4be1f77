"""How often the analysis rolls back healthy releases, and how soon it catches bad ones, in simulation.

    python benchmarks/analysis.py --quick      a few hundred rollouts per cell, under a minute
    python benchmarks/analysis.py              4,000 rollouts per cell
    python benchmarks/analysis.py --json FILE  also keep the raw figures

Strategy `sop` (10 / 50 / 90 %, 10 min each), looked at every second; response times lognormal, sigma 0.5.
Beside it on the same traffic: a *fixed threshold* judge (every minute: error rate of the last minute over the
usual rate + 1 pp, or p95 over 1.2 x the usual one) and a *Mann-Whitney* judge (points of 6 s, every 5 min on
the last 50 points, errors and response time, two-sided 1 % each, the larger arm cut to the smaller's size).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any

import numpy as np

from staycalm.domains.deployments.analysis import DEFAULT_LIMITS as LIMITS
from staycalm.domains.deployments.analysis import evidence as bets
from staycalm.domains.deployments.analysis import forecast
from staycalm.domains.deployments.analysis.judging import STOP_LEAST_RATE, STOP_NATS
from staycalm.domains.deployments.analysis.observing import (
    BASELINE_REQUESTS,
    BLOCK_REQUESTS,
    PRIOR_ALL,
    PRIOR_BAD,
)
from staycalm.domains.deployments.analysis.power import divergence, two_sample_nats
from staycalm.domains.deployments.strategies import STRATEGIES

SIGMA = 0.5
SOP = STRATEGIES["sop"]
RAISED = 1.0 + LIMITS.gate * LIMITS.latency_increase
Z50, Z95 = 0.0, 1.6448536269514722
WARM_S = 300
BEYOND_HALF_S = 1200
"""From here the candidate carries more than stable; being slower then may be the load alone, and holds nothing."""


@dataclass(frozen=True)
class Case:
    """What the candidate and the world do, as functions of the second since the first shift."""

    name: str
    extra_errors: float = 0.0
    slower: float = 1.0
    from_s: int = 0
    outage: float = 0.0
    drift: float = 1.0
    slow_drift: float = 1.0

    def rates(self, t: int, base: float) -> tuple[float, float]:
        """Return (candidate's, stable's) error rate."""
        common = base * (self.drift ** (t / SOP.duration_s))
        if self.outage and t % 600 in range(120, 180):
            common = self.outage
        return min(common + (self.extra_errors if t >= self.from_s else 0.0), 1.0), common

    def shifts(self, t: int) -> tuple[float, float]:
        """Return (candidate's, stable's) factor on response times."""
        common = self.slow_drift ** (t / SOP.duration_s)
        return common * (self.slower if t >= self.from_s else 1.0), common


HEALTHY = Case("healthy")
CASES = {
    c.name: c
    for c in (
        HEALTHY,
        Case("common outage (30 % for 1 min, each step)", outage=0.3),
        Case("common drift (errors x 10, times x 2)", drift=10.0, slow_drift=2.0),
        Case("+1 pp errors", extra_errors=0.01),
        Case("+2 pp errors", extra_errors=0.02),
        Case("+5 pp errors", extra_errors=0.05),
        Case("+5 pp errors, from minute 25", extra_errors=0.05, from_s=1500),
        Case("+20 % time", slower=1.2),
        Case("+50 % time", slower=1.5),
    )
}


def tail(z: Any) -> Any:
    """Return the upper tail of the normal distribution, vectorised (Abramowitz & Stegun 7.1.26, 1.5e-7)."""
    x = np.abs(np.asarray(z, dtype=float)) / sqrt(2)
    t = 1.0 / (1.0 + 0.3275911 * x)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    half = 0.5 * poly * np.exp(-x * x)
    return np.where(np.asarray(z) >= 0, half, 1.0 - half)


@dataclass
class Bet:
    """One metric's evidence for many rollouts at once, with the formulas of the product."""

    rollouts: int
    alpha: float
    parts: Any = None
    reserve: Any = None
    block: Any = None
    strata: Any = None
    proven_at: Any = None

    def __post_init__(self) -> None:
        start = bets.new_evidence(8)
        self.parts = np.tile(np.array(start.log_parts), (self.rollouts, 1))
        self.reserve = np.full(self.rollouts, start.log_reserve)
        self.block = np.zeros((4, self.rollouts))
        self.strata = np.zeros((len(SOP.steps), 4, self.rollouts))
        self.proven_at = np.full(self.rollouts, np.inf)

    def see(self, t: int, step: int, counts: Any, sized: Any, theta_b: Any, theta_c: Any) -> None:
        """Bet on the open block where it is full; `sized` are the counts that measure the size."""
        self.strata[step] += sized
        if t % 600 == 0:
            self.block[:] = 0.0
        self.block += counts
        full = self.block[1] + self.block[3] >= BLOCK_REQUESTS
        if full.any():
            kc, nc, kb, nb = self.block[:, full]
            self.parts[full] += bets.block_log_factors(kc, nc, kb, nb, theta_b[full], theta_c[full])
            self.block[:, full] = 0.0
        if t > 0 and t % int(bets.STAKE_EVERY_S) == 0:
            self.parts, self.reserve = bets.lay_stake(self.parts, self.reserve)
        value = bets.log_sum_exp(np.concatenate((self.parts, self.reserve[:, None]), axis=1))
        self.proven_at = np.where((value >= log(1 / self.alpha)) & np.isinf(self.proven_at), t, self.proven_at)

    def is_large(self, least: float, lately: Any) -> Any:
        """Return where the size reaches the gate, in the whole or in the last half minute."""
        kc, nc, kb, nb = np.moveaxis(self.strata, 1, 0)
        weight = np.divide(nc * nb, nc + nb, out=np.zeros_like(nc), where=nc + nb > 0)
        total = weight.sum(axis=0)
        difference = np.divide(
            (np.divide(kc * nb - kb * nc, nc + nb, out=np.zeros_like(nc), where=nc + nb > 0)).sum(axis=0),
            total,
            out=np.full(self.rollouts, -1.0),
            where=total > 0,
        )
        lc, mc, lb, mb = lately
        ok = (mc > 0) & (mb > 0)
        pc, pb = lc / np.maximum(mc, 1), lb / np.maximum(mb, 1)
        error = np.sqrt(pc * (1 - pc) / np.maximum(mc, 1) + pb * (1 - pb) / np.maximum(mb, 1))
        return (difference >= least) | (ok & (error > 0) & (pc - pb - 2 * error >= least))


@dataclass
class Outcome:
    """When each rollout was rolled back (seconds, inf: never), held, and how many requests had failed."""

    rolled_back: Any
    held: Any
    failed: Any
    fixed: Any
    ranked: Any
    fields: dict[str, Any] = field(default_factory=dict)


def is_stopped(lately: Any, baseline_bad: Any, baseline_all: Any) -> Any:
    """Return where the absolute stop on errors holds, as in the product."""
    kc, nc, kb, nb = lately
    rate = kc / np.maximum(nc, 1)
    usual = np.maximum((baseline_bad + 0.5) / (baseline_all + 100.0), STOP_LEAST_RATE)
    alone = np.where(rate > usual, nc * divergence(rate, usual), 0.0)
    own = np.where(nb > 0, two_sample_nats(kc, nc, kb, nb), alone) >= STOP_NATS
    return (nc >= LIMITS.stop_min_requests) & (rate > LIMITS.stop_error_rate) & own


def rank_z(x: Any, y: Any, x_ok: Any, y_ok: Any) -> Any:
    """Return the Mann-Whitney z of candidate points x over stable points y, with ties, per rollout."""
    both = np.concatenate((np.where(x_ok, x, np.nan), np.where(y_ok, y, np.nan)), axis=0)
    z = np.zeros(both.shape[1])
    half = x.shape[0]
    for i in range(both.shape[1]):
        column = both[:, i]
        seen = ~np.isnan(column)
        n1, n2 = int(seen[:half].sum()), int(seen[half:].sum())
        if min(n1, n2) < 10:
            continue
        _values, inverse, ties = np.unique(column[seen], return_inverse=True, return_counts=True)
        ranks = (np.cumsum(ties) - (ties - 1) / 2)[inverse]
        u = ranks[:n1].sum() - n1 * (n1 + 1) / 2
        n = n1 + n2
        spread = n1 * n2 / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1)))
        if spread > 0:
            z[i] = (u - n1 * n2 / 2) / sqrt(spread)
    return z


def simulate(case: Case, rps: float, base: float, rollouts: int, seed: int, *, peers: bool) -> Outcome:
    """Return the outcomes of many rollouts; each second all of them are looked at."""
    rng = np.random.default_rng(seed)
    errors, p50, p95 = (
        Bet(rollouts, LIMITS.error_alpha),
        Bet(rollouts, LIMITS.latency_alpha),
        Bet(rollouts, LIMITS.latency_alpha),
    )
    warm = rng.poisson(rps * WARM_S, rollouts).astype(float)
    bad = rng.binomial(warm.astype(int), base).astype(float)
    kept = np.minimum(1.0, BASELINE_REQUESTS / np.maximum(warm, 1))
    baseline = np.array([bad * kept, warm * kept])
    ring = {name: np.zeros((LIMITS.stop_window_s, 4, rollouts)) for name in ("errors", "p50", "p95")}
    out = Outcome(
        *(np.full(rollouts, np.inf) for _ in range(2)),
        np.zeros(rollouts),
        *(np.full(rollouts, np.inf) for _ in range(2)),
    )
    minute, points, point = np.zeros((4, rollouts)), [], np.zeros((6, rollouts))
    taus = alone = (np.zeros(rollouts), np.zeros(rollouts))
    for t in range(int(SOP.duration_s)):
        step = min(t // 600, 2)
        w = SOP.steps[step].weight / 100
        if t % 60 == 0:
            learned = max(rps * WARM_S * (1 - w), 200.0)
            taus = (
                Z50 + rng.normal(0, 0.5 / sqrt(learned) / 0.3989, rollouts),
                Z95 + rng.normal(0, 0.218 / sqrt(learned) / 0.1031, rollouts),
            )
            alone = taus if t == 0 else alone
        n = rng.poisson(rps, rollouts)
        nc = rng.binomial(n, w)
        nb = n - nc
        rc, rb = case.rates(t, base)
        kc, kb = rng.binomial(nc, rc), rng.binomial(nb, rb)
        counts = np.array([kc, nc, kb, nb], dtype=float)
        theta_b = bets.clip_rate((baseline[0] + PRIOR_BAD) / (baseline[1] + PRIOR_ALL))
        errors.see(t, step, counts, counts, theta_b, bets.error_alternatives(theta_b))
        ring["errors"][t % LIMITS.stop_window_s] = counts
        alive = np.isinf(out.rolled_back)
        out.failed[alive] += kc[alive]
        found = ~np.isinf(errors.proven_at)
        lately = ring["errors"].sum(axis=0)
        rollback = is_stopped(lately, *baseline)
        if found.any():
            large = errors.is_large(LIMITS.gate * LIMITS.error_increase, lately)
            rollback |= found & large
        fc, fb = (log(x) / SIGMA for x in case.shifts(t))
        carries_more = w > 0.5
        bars = [np.maximum(*each) for each in zip(taus, alone, strict=True)] if carries_more else taus
        k50, k95, slow, usual_p95 = latency(rng, taus, bars, nc, nb, fc, fb)
        if t >= LIMITS.latency_grace_s:
            for name, bet, odds, share, plain, sized in (
                ("p50", p50, bets.P50_ODDS, 0.5, k50[0], k50[1]),
                ("p95", p95, bets.P95_ODDS, 0.05, k95[0], k95[1]),
            ):
                nominal = np.full(rollouts, share)
                if carries_more:
                    sized[2] = np.maximum(sized[2], share * nb)
                bet.see(t, step, plain, sized, nominal, bets.slower_alternatives(nominal, odds))
                ring[name][t % LIMITS.stop_window_s] = sized
                proven = ~np.isinf(bet.proven_at)
                if proven.any():
                    rollback |= proven & bet.is_large(0.0, ring[name].sum(axis=0))
                found |= proven & (bet.proven_at < BEYOND_HALF_S)
        out.rolled_back = np.where(rollback & np.isinf(out.rolled_back), t, out.rolled_back)
        out.held = np.where(found & np.isinf(out.held), t, out.held)
        if peers:
            minute += np.array([kc, nc, usual_p95, nc])
            point += thinned(rng, w, np.array([kc, nc, kb, nb, *slow]))
            judge_fixed(out, minute, base, t)
            points, point = judge_ranks(out, points, point, t)
        baseline += np.array([kb, nb])
        baseline *= np.minimum(1.0, BASELINE_REQUESTS / np.maximum(baseline[1], 1))
        if not peers and np.isfinite(out.rolled_back).all():
            break
    out.fields = {"errors": errors.proven_at, "p50": p50.proven_at, "p95": p95.proven_at}
    return out


def latency(rng: Any, taus: Any, bars: Any, nc: Any, nb: Any, fc: float, fb: float) -> Any:
    """Return counts above τ for the test, above the raised bars for the size, and what the two peers look at."""
    raised = log(RAISED) / SIGMA
    c1 = rng.binomial(nc, tail(taus[0] - fc))
    c2 = rng.binomial(c1, np.minimum(tail(bars[0] + raised - fc) / tail(taus[0] - fc), 1.0))
    c3 = rng.binomial(c2, np.minimum(tail(taus[1] - fc) / tail(bars[0] + raised - fc), 1.0))
    c4 = rng.binomial(c3, np.minimum(tail(bars[1] + raised - fc) / tail(taus[1] - fc), 1.0))
    last = tail(Z95 + log(1.2) / SIGMA - fc) / tail(bars[1] + raised - fc)
    c5 = rng.binomial(c4, np.minimum(last, 1.0))
    b1 = rng.binomial(nb, tail(taus[0] - fb))
    b3 = rng.binomial(b1, np.minimum(tail(taus[1] - fb) / tail(taus[0] - fb), 1.0))
    nc, nb = nc.astype(float), nb.astype(float)
    k50 = (np.array([c1, nc, b1, nb]), np.array([c2, nc, b1, nb]))
    k95 = (np.array([c3, nc, b3, nb]), np.array([c4, nc, b3, nb]))
    return k50, k95, (c1, b1), c5


def thinned(rng: Any, w: float, counts: Any) -> Any:
    """Return (kc, nc, kb, nb, slow c, slow b) with the larger arm cut to the size of the smaller.

    Ranks of rates compare fairly only between arms of one size, which is how Kayenta asks to be used.
    """
    even = min(w, 1 - w)
    keep = [even / w, even / w, even / (1 - w), even / (1 - w), even / w, even / (1 - w)]
    return np.array([rng.binomial(row.astype(int), min(p, 1.0)) for row, p in zip(counts, keep, strict=True)])


def judge_fixed(out: Outcome, minute: Any, base: float, t: int) -> None:
    """Roll back where the last minute was over a constant."""
    if t % 60 != 59:
        return
    kc, nc, slow, _ = minute
    over = (nc > 0) & ((kc > (base + LIMITS.error_increase) * nc) | (slow > 0.05 * nc))
    out.fixed = np.where(over & np.isinf(out.fixed), t, out.fixed)
    minute[:] = 0.0


def judge_ranks(out: Outcome, points: list[Any], point: Any, t: int) -> tuple[list[Any], Any]:
    """Roll back where the last 50 points of the candidate rank above stable's."""
    if t % 6 == 5:
        points, point = [*points[-49:], point], np.zeros_like(point)
    if t % 300 == 299:
        kc, nc, kb, nb, sc, sb = np.moveaxis(np.array(points), 1, 0)
        for x, y in ((kc, kb), (sc, sb)):
            z = rank_z(x / np.maximum(nc, 1), y / np.maximum(nb, 1), nc > 0, nb > 0)
            out.ranked = np.where((z > 2.576) & np.isinf(out.ranked), t, out.ranked)
    return points, point


def describe(case: Case, rps: float, base: float, out: Outcome, *, peers: bool) -> dict[str, Any]:
    """Return one row of the table."""
    start = max(case.from_s, 60 if case.slower > 1 else 0)
    caught = np.isfinite(out.rolled_back)
    # A false alarm before the fault begins is no detection, but the row still counts it as a rollback.
    times = out.rolled_back[caught] - start + 1
    row = {
        "case": case.name,
        "rps": rps,
        "base": base,
        "rollouts": len(out.rolled_back),
        "rolled_back": float(caught.mean()),
        "held": float((np.isfinite(out.held) & ~caught).mean()),
        "median_s": float(np.median(times)) if len(times) else None,
        "p90_s": float(np.quantile(times, 0.9)) if len(times) else None,
        "failed": float(np.median(out.failed[caught])) if len(times) else None,
        **{f"proven_{k}": float(np.isfinite(v).mean()) for k, v in out.fields.items()},
    }
    if peers:
        for name, at in (("fixed", out.fixed), ("ranked", out.ranked)):
            hit = np.isfinite(at) & (at >= case.from_s)
            row[f"{name}_rolled_back"] = float(np.isfinite(at).mean())
            row[f"{name}_median_s"] = float(np.median(at[hit] - case.from_s + 1)) if hit.any() else None
    if case.extra_errors and not case.from_s:
        told = forecast(SOP, requests_per_s=rps, base_error_rate=base, error_increase=case.extra_errors)
        row["announced"] = told.chance
    return row


def seconds(value: float | None) -> str:
    """Return a time for the table."""
    return "-" if value is None else f"{value:.0f} s"


def percent(value: float | None) -> str:
    """Return a share for the table."""
    return "-" if value is None else f"{100 * value:.1f} %"


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    print(
        f"{row['case']:<42} {row['rps']:>5g} {percent(row['base']):>6} | {percent(row['rolled_back']):>8} "
        f"{percent(row['held']):>7} {seconds(row['median_s']):>8} {seconds(row['p90_s']):>8} "
        f"{'-' if row['failed'] is None else format(row['failed'], '.0f'):>6} {percent(row.get('announced')):>8} "
        f"| {percent(row.get('fixed_rolled_back')):>8} {seconds(row.get('fixed_median_s')):>7} | "
        f"{percent(row.get('ranked_rolled_back')):>8} {seconds(row.get('ranked_median_s')):>7}",
        flush=True,
    )


def goals(rows: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """Return (what, measured, met) for each figure that was promised."""
    found = []

    def worst(
        name: str,
        key: str,
        most: float,
        text: str,
        *,
        miss: bool = False,
        least_rps: float = 0,
        only_rps: float | None = None,
    ) -> None:
        chosen = [
            r
            for r in rows
            if r["case"].startswith(name) and r["rps"] >= least_rps and (only_rps is None or r["rps"] == only_rps)
        ]
        if not chosen:
            return
        values = [1 - r[key] if miss else (r[key] if r[key] is not None else float("inf")) for r in chosen]
        shown = seconds(max(values)) if key.endswith("_s") else percent(max(values))
        found.append((text, shown, max(values) <= most))

    worst("healthy", "rolled_back", 0.01, "false rollbacks <= 1 %")
    worst("common", "rolled_back", 0.01, "common outage or drift <= 1 %")
    worst("+2 pp", "median_s", 25, "+2 pp at 500 rps <= 25 s", only_rps=500)
    worst("+2 pp", "median_s", 160, "+2 pp at 50 rps <= 160 s", only_rps=50)
    worst("+50 %", "median_s", 6, "+50 % time at 500 rps <= 6 s (after the grace)", only_rps=500)
    worst("+1 pp", "rolled_back", 0.01, "missed at +1 pp, >= 50 rps, <= 1 %", miss=True, least_rps=50)
    worst("+20 %", "rolled_back", 0.01, "missed at +20 %, >= 50 rps, <= 1 %", miss=True, least_rps=50)
    return found


def main() -> int:
    """Run, print the table, and return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rollouts", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--case", help="only cases whose name begins so")
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    rollouts = chosen.rollouts or (200 if chosen.quick else 4000)
    began, rows = time.perf_counter(), []
    print(
        f"{'case':<42} {'rps':>5} {'base':>6} | {'rolled':>8} {'held':>7} {'median':>8} {'p90':>8} {'failed':>6} "
        f"{'planned':>8} | {'fixed':>8} {'median':>7} | {'ranks':>8} {'median':>7}"
    )
    for number, case in enumerate(CASES.values()):
        if chosen.case and not case.name.startswith(chosen.case):
            continue
        rates = (1.0, 5.0, 50.0, 500.0) if case.name.startswith(("+1 pp", "+20")) else (5.0, 50.0, 500.0)
        for rps in rates:
            for base in (0.01,) if case.slower > 1 else (0.002, 0.01):
                # The peers are slow to compute; a quick run asks them about healthy releases only.
                peers = not chosen.no_peers and (case is HEALTHY or not chosen.quick)
                out = simulate(case, rps, base, rollouts, chosen.seed * 1000 + number, peers=peers)
                rows.append(describe(case, rps, base, out, peers=peers))
                show(rows[-1])
    print()
    met = goals(rows)
    for text, shown, is_met in met:
        print(f"{'met   ' if is_met else 'MISSED'} {text}: {shown}")
    print(f"{rollouts} rollouts per row, {time.perf_counter() - began:.0f} s")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump({"rollouts": rollouts, "seed": chosen.seed, "rows": rows}, file, indent=1)
    return 0 if all(ok for _, _, ok in met) else 1


if __name__ == "__main__":
    sys.exit(main())
