"""The verdict: what the evidence so far means, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log10, sqrt

import numpy as np

from staycalm.domains.deployments.analysis.figures import Judgement, MetricFigures
from staycalm.domains.deployments.analysis.latency import Floats, share_above
from staycalm.domains.deployments.analysis.limits import DEFAULT_LIMITS, CountLimit, Limits, Verdict
from staycalm.domains.deployments.analysis.power import divergence, smallest_visible, two_sample_nats
from staycalm.domains.deployments.analysis.size import Stratum, risk_difference
from staycalm.domains.deployments.analysis.state import AnalysisState, MetricState
from staycalm.domains.deployments.analysis.window import ERRORS, P50, P95, SLOW, recent

STOP_NATS = 10.0
STOP_CLIENT_NATS = 7.0
STOP_LEAST_RATE = 0.005
STOP_LEAST_CLIENTS = 5


@dataclass(frozen=True, slots=True)
class _Finding:
    """One metric as figures, and the sentence about it when it is proven."""

    figures: MetricFigures
    sentence: str


def judge(state: AnalysisState, limits: Limits = DEFAULT_LIMITS) -> Judgement:
    """Return the verdict on the candidate as of the last poll.

    ROLLBACK: an absolute stop, or proven worse and the size reaches the gate. HOLD: proven worse but below
    the gate, or the traffic is not split as configured, or both revisions fail alike. PROCEED: nothing found,
    and the limits would show. INSUFFICIENT: nothing found, and too little seen to say so.
    """
    findings = _findings(state, limits)
    stops = _absolute_stops(state, limits)
    proven = [f for f in findings if f.figures.is_proven]
    large = [f for f in proven if f.figures.is_large]
    small = [f for f in proven if not f.figures.is_large and not _is_load(state, f.figures)]
    holds = [f"{f.sentence}; less than the limit, so people decide" for f in small]
    holds += _ratio_problem(state, limits) + _common_trouble(state, limits)
    error_sees, latency_sees = _visible(state, limits)
    verdict: Verdict
    if stops or large:
        verdict, reasons = "ROLLBACK", [*stops, *(f.sentence for f in large)]
    elif holds:
        verdict, reasons = "HOLD", holds
    else:
        lacking = _lacking(state, limits, error_sees, latency_sees)
        verdict = "INSUFFICIENT" if lacking else "PROCEED"
        reasons = lacking or [
            "no metric is worse on the candidate, and the limits would show with this much traffic"
        ]
    total = _total(state.errors.strata)
    return Judgement(
        verdict=verdict,
        reasons=tuple(reasons),
        unit=state.unit,
        metrics=tuple(f.figures for f in findings),
        candidate_requests=int(total.candidate_all),
        stable_requests=int(total.stable_all),
        failed_requests=int(total.candidate_bad),
        visible_error_increase=error_sees,
        visible_latency_increase=latency_sees,
        is_absolute_stop=bool(stops),
    )


def _is_load(state: AnalysisState, figures: MetricFigures) -> bool:
    # Slower only where the candidate carries more than stable, yet about as quick as stable was with everything.
    metric = {P50: state.p50, P95: state.p95}.get(figures.name)
    return metric is not None and state.alone is not None and (metric.proven_at_weight or 0.0) > 50.0


def _total(strata: tuple[Stratum, ...]) -> Stratum:
    whole = Stratum(0.0)
    for s in strata:
        whole = whole.plus(s.candidate_bad, s.candidate_all, s.stable_bad, s.stable_all)
    return whole


def _findings(state: AnalysisState, limits: Limits) -> list[_Finding]:
    errors = _rate_figures(state, ERRORS, state.errors, limits.error_alpha, limits.gate * limits.error_increase)
    found = [_Finding(errors, _error_sentence(errors, state.errors, limits))]
    for name, metric, where in ((P50, state.p50, "median"), (P95, state.p95, "95th percentile")):
        if metric.strata:
            figures = _rate_figures(state, name, metric, limits.latency_alpha, 0.0)
            found.append(_Finding(figures, _latency_sentence(figures, state, where, limits)))
    for limit in limits.counts:
        if limit.name in state.counts:
            found.append(_count_finding(state.counts[limit.name], limit, limits))
    return found


def _rate_figures(state: AnalysisState, name: str, metric: MetricState, alpha: float, bar: float) -> MetricFigures:
    shown = risk_difference(metric.tested or metric.strata)
    overall, lately = risk_difference(metric.strata), risk_difference([recent(state.window, name)])
    # A candidate that turns bad late is diluted in the whole; what it did lately counts when it is no chance.
    is_large = (overall is not None and overall.difference >= bar) or (
        lately is not None and lately.error > 0 and lately.difference - 2 * lately.error >= bar
    )
    total = _total(metric.tested or metric.strata)
    return MetricFigures(
        name=name,
        stable_rate=total.stable_bad / total.stable_all if total.stable_all else None,
        candidate_rate=total.candidate_bad / total.candidate_all if total.candidate_all else None,
        difference=shown.difference if shown else None,
        low=shown.low if shown else None,
        high=shown.high if shown else None,
        evidence=metric.evidence.log_value / log(10),
        needed=-log10(alpha),
        is_proven=metric.evidence.reached_at_s is not None,
        is_large=is_large,
        proven_at_s=metric.evidence.reached_at_s,
    )


def _points(fraction: float | None) -> str:
    return "?" if fraction is None else f"{100 * fraction:.1f}"


def _certainty(alpha: float) -> str:
    return f"the chance of a false alarm is at most {100 * alpha:g} %"


def _error_sentence(figures: MetricFigures, metric: MetricState, limits: Limits) -> str:
    return (
        f"the candidate's error rate is {_points(figures.difference)} pp higher than stable's "
        f"({_points(figures.low)} to {_points(figures.high)}), proven after {metric.bad_at_proof or 0} failed "
        f"requests; {_certainty(limits.error_alpha)}"
    )


def _latency_sentence(figures: MetricFigures, state: AnalysisState, where: str, limits: Limits) -> str:
    tau = state.taus
    ms = "?" if tau is None else f"{tau.p50_ms if where == 'median' else tau.p95_ms:.1f}"
    return (
        f"the candidate is slower: {_points(figures.candidate_rate)} % of its answers take longer than stable's "
        f"{where} ({ms} ms), {_points(figures.stable_rate)} % of stable's do; {_certainty(limits.latency_alpha)}"
    )


def _count_finding(metric: MetricState, limit: CountLimit, limits: Limits) -> _Finding:
    # Mantel-Haenszel rate ratio with exposures in proportion to the weight (Greenland & Robins 1985).
    up = sum(s.candidate_bad * (1 - s.weight / 100) for s in metric.strata)
    down = sum(s.stable_bad * s.weight / 100 for s in metric.strata)
    spread = sum((s.candidate_bad + s.stable_bad) * s.weight / 100 * (1 - s.weight / 100) for s in metric.strata)
    change = low = high = None
    if up > 0 and down > 0:
        ratio, error = up / down, sqrt(spread / (up * down))
        change, low, high = ratio - 1, ratio * exp(-1.96 * error) - 1, ratio * exp(1.96 * error) - 1
    worse = limit.worse
    bar = limits.gate * limit.limit
    is_large = change is not None and (change >= bar if worse == "more" else change <= -bar)
    is_large = (
        is_large or (up > 0 and down == 0 and worse == "more") or (up == 0 and down > 0 and worse == "fewer")
    )
    figures = MetricFigures(
        name=limit.name,
        stable_rate=None,
        candidate_rate=None,
        difference=change,
        low=low,
        high=high,
        evidence=metric.evidence.log_value / log(10),
        needed=-log10(limits.count_alpha),
        is_proven=metric.evidence.reached_at_s is not None,
        is_large=is_large,
        proven_at_s=metric.evidence.reached_at_s,
    )
    how_much = "" if change is None else f" ({100 * abs(change):.0f} % {worse})"
    return _Finding(
        figures,
        f"the candidate has {worse} {limit.name} than its share{how_much}; {_certainty(limits.count_alpha)}",
    )


def _absolute_stops(state: AnalysisState, limits: Limits) -> list[str]:
    found = []
    for metric in (ERRORS, SLOW):
        seen = recent(state.window, metric)
        if seen.candidate_all < limits.stop_min_requests:
            continue
        rate = seen.candidate_bad / seen.candidate_all
        if rate <= limits.stop_error_rate or not _is_its_own(state, seen, metric):
            continue
        what = f"{100 * rate:.1f} % of the candidate's answers in the last {limits.stop_window_s} s "
        if metric == ERRORS:
            found.append(f"absolute stop: {what}failed, the limit is {100 * limits.stop_error_rate:g} %")
        else:
            found.append(f"absolute stop: {what}took longer than {limits.stop_p95_ms / 1000:g} s (p95 limit)")
    return found


def _is_its_own(state: AnalysisState, seen: Stratum, metric: str) -> bool:
    # Without this nearly half of the healthy rollouts would be stopped at 5 rps, and all in a common outage.
    if seen.stable_all > 0:
        if two_sample_nats(seen.candidate_bad, seen.candidate_all, seen.stable_bad, seen.stable_all) < STOP_NATS:
            return False
    else:
        bad, total = state.baseline if metric == ERRORS else (0.0, 0.0)
        usual = max((bad + 0.5) / (total + 100.0), STOP_LEAST_RATE)
        rate = seen.candidate_bad / seen.candidate_all
        if rate <= usual or seen.candidate_all * divergence(rate, usual) < STOP_NATS:
            return False
    if metric != ERRORS or state.unit == "requests":
        return True
    here = sum(1 for _, _, on_candidate in state.window.failing if on_candidate)
    everyone, share = len(state.window.failing), state.weight / 100.0
    if here < STOP_LEAST_CLIENTS or here <= share * everyone:
        return False
    return bool(everyone * divergence(here / everyone, share) >= STOP_CLIENT_NATS)


def _common_trouble(state: AnalysisState, limits: Limits) -> list[str]:
    seen = recent(state.window, ERRORS)
    if min(seen.candidate_all, seen.stable_all) < limits.stop_min_requests:
        return []
    candidate, stable = seen.candidate_bad / seen.candidate_all, seen.stable_bad / seen.stable_all
    if min(candidate, stable) <= limits.stop_error_rate:
        return []
    return [f"both revisions fail ({_points(stable)} % stable, {_points(candidate)} % candidate): not the release"]


def _ratio_problem(state: AnalysisState, limits: Limits) -> list[str]:
    if state.ratio.reached_at_s is None:
        return []
    nc, nb, expected = state.ratio_counts
    seen = max(nc + nb, 1.0)
    return [
        f"traffic is not split as configured: the candidate got {100 * nc / seen:.1f} % of the {state.unit} "
        f"instead of {100 * expected / seen:.1f} %, so no comparison can be trusted"
    ]


def _visible(state: AnalysisState, limits: Limits) -> tuple[float | None, float | None]:
    bad, total = state.baseline
    base = (bad + 0.5) / (total + 100.0)
    clients: float | None = None
    if state.unit == "clients":
        clients = len(state.met_clients.keys) * 2.0**state.met_clients.level
    errors = smallest_visible(
        _parts(state.errors.strata),
        base,
        lambda more: np.minimum(base + more, 0.999),
        alpha=limits.error_alpha,
        clients=clients,
    )
    return errors, _visible_latency(state, limits)


def _parts(strata: tuple[Stratum, ...]) -> list[tuple[float, float]]:
    return [
        (s.candidate_all + s.stable_all, s.candidate_all / (s.candidate_all + s.stable_all))
        for s in strata
        if s.candidate_all and s.stable_all
    ]


def _visible_latency(state: AnalysisState, limits: Limits) -> float | None:
    taus, seen = state.taus, []
    if taus is None:
        return None
    for metric, tau, share in ((state.p50, taus.p50_ms, taus.p50_share), (state.p95, taus.p95_ms, taus.p95_share)):

        def slower(by: Floats, tau: float = tau, share: float = share) -> Floats:
            return np.asarray(np.maximum(share, share_above(state.sketch, tau / (1 + by))))

        seen.append(smallest_visible(_parts(metric.tested), share, slower, alpha=limits.latency_alpha))
    return min((s for s in seen if s is not None), default=None)


def _lacking(state: AnalysisState, limits: Limits, errors: float | None, latency: float | None) -> list[str]:
    reasons = []
    if errors is None:
        reasons.append("too little traffic to compare error rates at all")
    elif errors > limits.error_increase * 1.0001:
        reasons.append(
            f"too little traffic so far: in errors it can only see an increase of {_points(errors)} pp or more, "
            f"the limit is {_points(limits.error_increase)} pp"
        )
    is_timed = state.sketch.total > 0
    if is_timed and latency is None:
        reasons.append("response times are not compared yet (grace after the start, or fewer than 200 requests)")
    elif latency is not None and latency > limits.latency_increase * 1.0001:
        reasons.append(
            f"too little traffic so far: it can only see response times {100 * latency:.0f} % longer or more, "
            f"the limit is {100 * limits.latency_increase:.0f} %"
        )
    return reasons
