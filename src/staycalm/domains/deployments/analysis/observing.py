"""One poll: from what the proxy counted to what the analysis remembers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from staycalm.domains.deployments.analysis import evidence as bets
from staycalm.domains.deployments.analysis.clients import meet
from staycalm.domains.deployments.analysis.figures import Poll
from staycalm.domains.deployments.analysis.latency import (
    find_tau,
    record,
    record_buckets,
    share_above,
)
from staycalm.domains.deployments.analysis.limits import DEFAULT_LIMITS, CountLimit, Limits
from staycalm.domains.deployments.analysis.requests import Requests, count_above, read_requests, slot_counts, tally
from staycalm.domains.deployments.analysis.size import Stratum, add_counts
from staycalm.domains.deployments.analysis.state import EMPTY_BLOCK, AnalysisState, Block, MetricState, Taus
from staycalm.domains.deployments.analysis.window import ERRORS, P50, P95, SLOW, slide

BLOCK_REQUESTS = 30
SETTLE_S = 2.0
PRIOR_BAD, PRIOR_ALL = 0.5, 100.0
BASELINE_REQUESTS = 20_000.0
TAU_EVERY_S = 60.0

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def observe(state: AnalysisState, poll: Poll, limits: Limits = DEFAULT_LIMITS) -> AnalysisState:
    """Return the analysis after this poll.

    Every rate that is bet against comes from earlier polls only. Requests that began before the weight came
    into force are left out where the arm's chance matters. At weight 0 and 100 there is no comparison, only
    what stable does is learned.
    """
    is_live = 0.0 < poll.weight < 100.0
    state = _at_weight(state, poll) if is_live else replace(state, weight=poll.weight)
    state = _with_taus(state, poll.now_s, limits)
    requests = read_requests(poll) if poll.samples.has_requests else None
    counts: dict[str, Block] = {}
    failing: dict[int, bool] = {}
    if is_live:
        state, errors, failing = _observe_errors(state, poll, requests, limits)
        state, slow = _observe_latency(state, poll, requests, limits)
        counts = {ERRORS: errors, **slow}
        state = _observe_ratio(state, poll, requests, limits)
        for limit in limits.counts:
            state = _observe_count(state, poll, limit, limits)
    window = slide(state.window, counts, failing, now_s=poll.now_s, length_s=limits.stop_window_s)
    return _with_baseline(replace(state, window=window, last_s=poll.now_s), poll, requests)


def _at_weight(state: AnalysisState, poll: Poll) -> AnalysisState:
    live_since = state.live_since_s if state.live_since_s is not None else poll.weight_since_s
    if state.weight == poll.weight:
        return replace(state, live_since_s=live_since)
    fresh = bets.new_evidence(len(bets.RATIO_ODDS))
    # A block that spans a shift could mistake a change over time for a difference between the revisions.
    return replace(
        state,
        errors=replace(state.errors, block=EMPTY_BLOCK),
        p50=replace(state.p50, block=EMPTY_BLOCK),
        p95=replace(state.p95, block=EMPTY_BLOCK),
        weight=poll.weight,
        weight_before=state.weight,
        live_since_s=live_since,
        ratio=fresh,
        ratio_counts=(0.0, 0.0, 0.0),
    )


def _observe_errors(
    state: AnalysisState, poll: Poll, requests: Requests | None, limits: Limits
) -> tuple[AnalysisState, Block, dict[int, bool]]:
    bad, seen = state.baseline
    theta_b = float(bets.clip_rate((bad + PRIOR_BAD) / (seen + PRIOR_ALL)))
    theta_c = bets.error_alternatives(theta_b)
    metric, failing = state.errors, {}
    if requests is None:
        c, b = slot_counts(poll, is_candidate=True), slot_counts(poll, is_candidate=False)
        counts: Block = (
            float(min(c.server_errors, c.total)),
            float(c.total),
            float(min(b.server_errors, b.total)),
            float(b.total),
        )
        metric = _bet_block(metric, counts, theta_b, theta_c, now_s=poll.now_s, alpha=limits.error_alpha)
        unit = "requests" if c.total + b.total else state.unit
        state = replace(state, unit=unit)
    else:
        counts = tally(requests, requests.is_bad, requests.is_bad)
        state, on, chances = _fresh_failures(state, poll, requests)
        factors = bets.event_log_factors(on, chances, theta_c / theta_b).sum(axis=0)
        grown = bets.add(metric.evidence, factors, now_s=poll.now_s, alpha=limits.error_alpha)
        metric = replace(metric, evidence=grown)
        is_bad = requests.is_bad
        failing = dict(zip(requests.keys[is_bad].tolist(), requests.is_candidate[is_bad].tolist(), strict=True))
    metric = replace(metric, strata=add_counts(metric.strata, poll.weight, counts))
    return replace(state, errors=_noted(metric, metric.strata)), counts, failing


def _fresh_failures(state: AnalysisState, poll: Poll, requests: Requests) -> tuple[AnalysisState, Bools, Floats]:
    # A request that began before the shift had the old chance. The factor of a failure falls with the chance,
    # so the greater of the two is safe, and nobody waits for old requests to end before a bad step is seen.
    weights = (poll.weight, state.weight_before)
    seen, on, chances = state.failed_clients, [], []
    for is_settled, share, told in (
        (False, max(weights) / 100.0, min(weights) / 100.0),
        (True, poll.weight / 100.0, poll.weight / 100.0),
    ):
        places = np.flatnonzero(requests.is_bad & (requests.is_settled == is_settled))
        at = requests.is_candidate[places]
        seen, fresh = meet(seen, requests.keys[places], at, share, told_share=told)
        on.append(at[fresh.places])
        chances.append(fresh.chances)
    return replace(state, failed_clients=seen), np.concatenate(on), np.concatenate(chances)


def _bet_block(
    metric: MetricState, counts: Block, theta_b: float, theta_c: Floats, *, now_s: float, alpha: float
) -> MetricState:
    kc, nc, kb, nb = (a + b for a, b in zip(metric.block, counts, strict=True))
    if nc + nb < BLOCK_REQUESTS:
        idle = bets.add(metric.evidence, np.zeros(len(theta_c)), now_s=now_s, alpha=alpha)
        return replace(metric, block=(kc, nc, kb, nb), evidence=idle)
    k_c, n_c, k_b, n_b, base = (np.asarray(x) for x in (kc, nc, kb, nb, theta_b))
    factors = bets.block_log_factors(k_c, n_c, k_b, n_b, base, theta_c)
    return replace(
        metric, block=EMPTY_BLOCK, evidence=bets.add(metric.evidence, factors, now_s=now_s, alpha=alpha)
    )


def _noted(metric: MetricState, seen: tuple[Stratum, ...]) -> MetricState:
    if metric.evidence.reached_at_s is None or metric.bad_at_proof is not None:
        return metric
    bad = int(sum(s.candidate_bad for s in seen))
    return replace(metric, bad_at_proof=bad, proven_at_weight=seen[-1].weight)


def _observe_latency(
    state: AnalysisState, poll: Poll, requests: Requests | None, limits: Limits
) -> tuple[AnalysisState, dict[str, Block]]:
    slow: dict[str, Block] = {SLOW: count_above(poll, requests, limits.stop_p95_ms, limits.stop_p95_ms)}
    taus, live_since = state.taus, state.live_since_s
    if taus is None or live_since is None or poll.now_s < live_since + limits.latency_grace_s:
        return state, slow
    fresh_places, chances = np.empty(0, np.intp), np.empty(0)
    if requests is not None:
        places = np.flatnonzero(requests.is_settled)
        timed, fresh = meet(
            state.timed_clients, requests.keys[places], requests.is_candidate[places], poll.weight / 100.0
        )
        state = replace(state, timed_clients=timed)
        fresh_places, chances = places[fresh.places], fresh.chances
    after: dict[str, MetricState] = {}
    settings = (
        (P50, state.p50, taus.p50_ms, taus.p50_share, bets.P50_ODDS),
        (P95, state.p95, taus.p95_ms, taus.p95_share, bets.P95_ODDS),
    )
    for name, metric, tau, theta_b, odds in settings:
        theta_c = bets.slower_alternatives(theta_b, odds)
        if requests is None:
            counts = count_above(poll, None, tau, tau)
            metric = _bet_block(metric, counts, theta_b, theta_c, now_s=poll.now_s, alpha=limits.latency_alpha)
        else:
            on = requests.is_candidate[fresh_places]
            is_slow = requests.durations_ms[fresh_places] > tau
            factors = bets.single_log_factors(is_slow, on, chances, theta_b, theta_c).sum(axis=0)
            grown = bets.add(metric.evidence, factors, now_s=poll.now_s, alpha=limits.latency_alpha)
            metric = replace(metric, evidence=grown)
            kc, nc = float(np.count_nonzero(is_slow & on)), float(np.count_nonzero(on))
            counts = (kc, nc, float(np.count_nonzero(is_slow & ~on)), float(len(on)) - nc)
        slow[name] = _size(state, poll, requests, (name, tau, theta_b), limits)
        metric = replace(
            metric,
            strata=add_counts(metric.strata, poll.weight, slow[name]),
            tested=add_counts(metric.tested, poll.weight, counts),
        )
        after[name] = _noted(metric, metric.tested)
    return replace(state, p50=after[P50], p95=after[P95]), slow


def _size(
    state: AnalysisState, poll: Poll, requests: Requests | None, at: tuple[str, float, float], limits: Limits
) -> Block:
    name, tau, share = at
    raise_by = 1.0 + limits.gate * limits.latency_increase
    if poll.weight <= 50.0 or state.alone is None:
        return count_above(poll, requests, max(tau * raise_by, tau + limits.latency_floor_ms), tau)
    # Beyond 50 % the candidate carries more than stable, and load alone makes it slower than stable is now: it
    # is measured against what stable took when it carried everything.
    bar = max(tau, state.alone.p50_ms if name == P50 else state.alone.p95_ms)
    kc, nc, kb, nb = count_above(poll, requests, max(bar * raise_by, bar + limits.latency_floor_ms), tau)
    return kc, nc, max(kb, share * nb), nb


def _observe_ratio(state: AnalysisState, poll: Poll, requests: Requests | None, limits: Limits) -> AnalysisState:
    share = poll.weight / 100.0
    if requests is None:
        if poll.now_s - poll.samples.seconds < poll.weight_since_s + SETTLE_S:
            return state
        nc = float(slot_counts(poll, is_candidate=True).total)
        nb = float(slot_counts(poll, is_candidate=False).total)
        both = bets.event_log_factors(np.array([True, False]), np.full(2, share), bets.LOOSE_RATIO_ODDS)
        factors, expected = nc * both[0] + nb * both[1], share * (nc + nb)
    else:
        places = np.flatnonzero(requests.is_settled)
        on = requests.is_candidate[places]
        met, fresh = meet(state.met_clients, requests.keys[places], on, share)
        state = replace(state, met_clients=met)
        on = on[fresh.places]
        factors = bets.event_log_factors(on, fresh.chances, bets.RATIO_ODDS).sum(axis=0)
        nc, nb, expected = float(np.count_nonzero(on)), float(np.count_nonzero(~on)), float(fresh.chances.sum())
    held = state.ratio_counts
    grown = bets.add(state.ratio, factors, now_s=poll.now_s, alpha=limits.ratio_alpha)
    return replace(state, ratio=grown, ratio_counts=(held[0] + nc, held[1] + nb, held[2] + expected))


def _observe_count(state: AnalysisState, poll: Poll, limit: CountLimit, limits: Limits) -> AnalysisState:
    odds = bets.MORE_RATIOS if limit.worse == "more" else bets.FEWER_RATIOS
    metric = state.counts.get(limit.name) or MetricState(bets.new_evidence(len(odds)))
    if poll.now_s - poll.samples.seconds < poll.weight_since_s + SETTLE_S or limit.name not in poll.counts:
        return state
    stable, candidate = poll.counts[limit.name]
    both = bets.event_log_factors(np.array([True, False]), np.full(2, poll.weight / 100.0), odds)
    grown = bets.add(
        metric.evidence, candidate * both[0] + stable * both[1], now_s=poll.now_s, alpha=limits.count_alpha
    )
    strata = add_counts(metric.strata, poll.weight, (float(candidate), 0.0, float(stable), 0.0))
    metric = _noted(replace(metric, evidence=grown, strata=strata), strata)
    return replace(state, counts={**state.counts, limit.name: metric})


def _with_taus(state: AnalysisState, now_s: float, limits: Limits) -> AnalysisState:
    total, old = state.sketch.total, state.taus
    if total < limits.latency_min_requests:
        return state
    if old is not None and now_s < old.at_s + TAU_EVERY_S and total < 2 * old.learned_from:
        return state
    p50, p95 = find_tau(state.sketch, 0.50), find_tau(state.sketch, 0.05)
    if p50 is None or p95 is None:
        return replace(state, taus=None)
    shares = [float(np.clip(share_above(state.sketch, tau), 0.005, 0.95)) for tau in (p50, p95)]
    taus = Taus(now_s, total, p50, shares[0], p95, shares[1])
    is_alone = state.live_since_s is None or state.alone is None
    return replace(state, taus=taus, alone=taus if is_alone else state.alone)


def _with_baseline(state: AnalysisState, poll: Poll, requests: Requests | None) -> AnalysisState:
    stable = slot_counts(poll, is_candidate=False)
    if requests is None:
        bad, seen = float(stable.server_errors), float(stable.total)
        sketch = record_buckets(state.sketch, stable.latency_buckets, now_s=poll.now_s)
    else:
        on_stable = ~requests.is_candidate
        bad, seen = float(np.count_nonzero(requests.is_bad & on_stable)), float(np.count_nonzero(on_stable))
        sketch = record(state.sketch, requests.durations_ms[on_stable], now_s=poll.now_s)
    held_bad, held_seen = state.baseline
    kept = min(1.0, BASELINE_REQUESTS / max(held_seen + seen, 1.0))
    return replace(state, baseline=((held_bad + bad) * kept, (held_seen + seen) * kept), sketch=sketch)
