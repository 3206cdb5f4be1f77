"""One look at a rollout. When it says ROLLBACK, the proxy goes back here and now; the database learns it after."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from staycalm.domains.deployments.analysis import Judgement, Poll, judge, observe
from staycalm.domains.deployments.decisions import Health, Reaction, hard_trigger, react
from staycalm.domains.deployments.reconcile.effects import Looked, Watch, WayBack
from staycalm.domains.deployments.reconcile.outside import Outside, find_adopted, is_off, needs_start, send_back
from staycalm.domains.deployments.watching import counters, tally
from staycalm.domains.deployments.watching.state import Sources, Totals, WatchState
from staycalm.ports.errors import OutsideUnavailable, PortError, Unsupported
from staycalm.ports.traffic import EdgeObservation, Endpoint, Samples

# A metric source tells what it scraped last, usually once in 15 to 60 s.
SCRAPE_LAG_S = 60.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """What was read in one look."""

    state: WatchState
    edges: tuple[EdgeObservation, ...]
    moved: tuple[Endpoint, ...]


async def watch(outside: Outside, effect: Watch) -> Looked:
    """Return what was seen; when the reaction is roll_back, stable serves everything already."""
    if effect.done is not None:
        return effect.done
    now = outside.clock.now()
    sources, back = effect.sources, effect.back
    if sources.router is not None:
        router = outside.router(sources.router)
        adopted = await find_adopted(router, sources.placement, back.reserved, back.deadline_s)
        if adopted is not None:
            return await _adopt(outside, effect, now)
    sight = await _see(outside, effect, now)
    judged = sight.state.judgement or judge(sight.state.analysis, sources.limits)
    judgement = _without_silence(judged, sight.state)
    trigger = hard_trigger(sight.state.health) or _stop_at_full_weight(sight.state, sources)
    reason = "; ".join(judgement.reasons)
    standing = effect.standing
    if not _has_enough(judgement, sight.state, sources):
        standing = replace(standing, step_ends_at=None)
    reaction = react(
        standing, verdict=judgement.verdict, reason=reason, code=judgement.code, trigger=trigger, now=now
    )
    looked = Looked(
        at=now,
        state=replace(sight.state, judgement=judged),
        verdict=judgement.verdict,
        reason=reason,
        told=judgement,
        trigger=trigger,
        reaction=reaction,
        has_drifted=bool(sight.moved) or _has_drifted(sight.edges, sources),
        stable_moved_to=sight.moved,
    )
    return await _roll_back(outside, effect, looked) if reaction.kind == "roll_back" else looked


def _without_silence(judgement: Judgement, state: WatchState) -> Judgement:
    """Return the judgement; what was seen before proves nothing once a metric source gives no data."""
    silent = [text for text in (state.metrics.problem, state.business.problem) if text]
    if judgement.verdict != "PROCEED" or not silent:
        return judgement
    return replace(judgement, verdict="INSUFFICIENT", reasons=tuple(f"no data: {text}" for text in silent))


async def _roll_back(outside: Outside, effect: Watch, looked: Looked) -> Looked:
    decided_at = outside.clock.now()
    # This look has just seen its own generation in force, so the rename need not look again.
    back = effect.back if looked.has_drifted else replace(effect.back, own=())
    try:
        sent = await send_back(outside, back)
    except PortError as error:
        return replace(looked, decided_at=decided_at, back_problem=str(error))
    state = await _count_the_last(outside, effect.sources, looked.state)
    return replace(looked, decided_at=decided_at, sent_back=sent, state=state)


async def _count_the_last(outside: Outside, sources: Sources, state: WatchState) -> WatchState:
    """Return the state with what ended since the look, so that no failed request is left out."""
    if sources.router is None or state.cursor is None:
        return state
    try:
        samples = await outside.router(sources.router).samples(sources.placement, state.cursor)
    except PortError:
        return state
    return replace(_tallied(state, samples, sources, state.last_s), cursor=samples.cursor)


async def _adopt(outside: Outside, effect: Watch, now: datetime) -> Looked:
    sent = await send_back(outside, _only_confirm(effect.back))
    reason = "the proxy had already gone back to stable"
    reaction = Reaction("roll_back", reason, "adopted")
    return Looked(
        at=now,
        state=effect.state,
        verdict="ROLLBACK",
        reason=reason,
        told=None,
        trigger=None,
        reaction=reaction,
        decided_at=now,
        sent_back=sent,
    )


def _only_confirm(back: WayBack) -> WayBack:
    return replace(back, split_to=None, removes_route=False, own=())


async def _see(outside: Outside, effect: Watch, now: datetime) -> _Sight:
    """Return the state after this look; the clock of the evidence never goes back, nor stands still."""
    state = effect.state.at(now.timestamp(), effect.pause_s)
    now_s = now.timestamp() + state.ahead_s
    sources = replace(effect.sources, weight_since_s=min(effect.sources.weight_since_s + state.ahead_s, now_s))
    edges: tuple[EdgeObservation, ...] = ()
    samples: Samples | None = None
    if sources.router is not None:
        router = outside.router(sources.router)
        edges = await router.observe(sources.placement)
        try:
            samples = await router.samples(sources.placement, state.cursor)
            state = replace(state, cursor=samples.cursor)
        except Unsupported:
            samples = None
    lag_s = 0.0
    if samples is None and sources.queries is not None:
        lag_s = SCRAPE_LAG_S
        state, samples = await _from_metrics(outside, state, sources, now, now_s)
    state, events = await _business(outside, state, sources, now, now_s)
    if samples is not None:
        state = _tallied(state, samples, sources, now_s)
        poll = Poll(
            now_s=now_s,
            weight=sources.weight,
            weight_since_s=sources.weight_since_s + lag_s,
            stable=sources.stable,
            candidate=sources.candidate,
            samples=samples,
            counts=events,
        )
        state = replace(state, analysis=observe(state.analysis, poll, sources.limits), judgement=None)
    moved: tuple[Endpoint, ...] = ()
    if _is_health_due(state, sources, now_s) and _misses_members(edges, effect):
        with suppress(OutsideUnavailable):
            moved = await _look_after_stable(outside, effect)
    state = await _with_health(outside, state, sources, edges, now_s)
    return _Sight(replace(state, last_s=now_s), edges, moved)


def _is_health_due(state: WatchState, sources: Sources, now_s: float) -> bool:
    return state.health_at_s is None or now_s >= state.health_at_s + sources.health_every_s


def _misses_members(edges: tuple[EdgeObservation, ...], effect: Watch) -> bool:
    """Return whether a proxy finds fewer healthy members of stable than there should be."""
    slot = effect.sources.stable
    members = len(effect.sources.endpoints.get(slot, ()))
    return any(edge.is_live and edge.healthy_members.get(slot, members) < members for edge in edges)


async def _look_after_stable(outside: Outside, effect: Watch) -> tuple[Endpoint, ...]:
    """Stable runs, started again where even its supervisor was gone; returns where it listens if that is elsewhere
    than its route says, else nothing.
    """
    back = effect.back
    if back.stable is None or back.stable_target is None:
        return ()
    target = outside.target(back.stable_target)
    status = await target.status(back.stable)
    if needs_start(status):
        await target.prepare(back.stable)
        status = await target.start(back.stable)
    found = tuple(i.endpoint for i in status.instances if i.endpoint is not None)
    return found if found != effect.sources.endpoints.get(effect.sources.stable, ()) else ()


def _tallied(state: WatchState, samples: Samples, sources: Sources, now_s: float) -> WatchState:
    candidate, stable = tally.count(samples, sources.candidate), tally.count(samples, sources.stable)
    limits = sources.limits
    after = tally.add(
        state.tally,
        candidate,
        stable,
        now_s=now_s,
        weight=sources.weight,
        slow_ms=limits.stop_p95_ms,
        window_s=limits.stop_window_s,
    )
    first_bad_s = state.first_bad_s
    if first_bad_s is None and candidate.bad:
        first_bad_s = max(now_s - samples.seconds, sources.weight_since_s)
    return replace(state, tally=after, first_bad_s=first_bad_s)


async def _from_metrics(
    outside: Outside, state: WatchState, sources: Sources, now: datetime, now_s: float
) -> tuple[WatchState, Samples | None]:
    before = state.metrics
    assert sources.queries is not None
    if before.at_s is not None and now_s < before.at_s + sources.metrics_every_s:
        return state, None
    values, problem = await counters.read_queries(outside.meters, sources.queries, sources, now)
    samples = None
    if before.at_s is not None:
        samples = counters.as_samples(before, values, sources, now_s - before.at_s)
    return replace(state, metrics=Totals(now_s, values, problem)), samples


async def _business(
    outside: Outside, state: WatchState, sources: Sources, now: datetime, now_s: float
) -> tuple[WatchState, dict[str, tuple[int, int]]]:
    metric, before = sources.business, state.business
    if metric is None or (before.at_s is not None and now_s < before.at_s + sources.metrics_every_s):
        return state, {}
    values, problem = await counters.read_business(outside.meters, metric, sources, now)
    stable = counters.grown(before, values, f"{sources.stable}:{metric.name}")
    candidate = counters.grown(before, values, f"{sources.candidate}:{metric.name}")
    # What was counted across a shift has no one share to compare with.
    began_s = sources.weight_since_s + (SCRAPE_LAG_S if metric.query is not None else 0.0)
    is_of_this_weight = before.at_s is not None and before.at_s >= began_s
    events: dict[str, tuple[int, int]] = {}
    if stable is not None and candidate is not None and is_of_this_weight:
        events[metric.name] = (stable, candidate)
    return replace(state, business=Totals(now_s, values, problem)), events


async def _with_health(
    outside: Outside, state: WatchState, sources: Sources, edges: tuple[EdgeObservation, ...], now_s: float
) -> WatchState:
    health = replace(state.health, memberless_looks=_memberless(state.health, sources, edges))
    if not _is_health_due(state, sources, now_s):
        return replace(state, health=health)
    try:
        status = await outside.target(sources.target).status(sources.candidate_spec)
    except OutsideUnavailable:
        return replace(state, health=health)
    restarts = sum(instance.restarts for instance in status.instances)
    first = state.first_restarts if state.first_restarts is not None else restarts
    gone = [i for i in status.instances if i.readiness == "exited"]
    is_sick = any(instance.readiness == "unhealthy" for instance in status.instances)
    detail = next((i.exit_reason for i in status.instances if i.exit_reason), None)
    health = Health(
        is_running=status.exists and bool(status.instances) and not gone,
        restarts=max(0, restarts - first),
        unhealthy_looks=health.unhealthy_looks + 1 if is_sick else 0,
        memberless_looks=health.memberless_looks,
        detail=detail or "",
    )
    return replace(state, health=health, first_restarts=first, health_at_s=now_s)


def _memberless(health: Health, sources: Sources, edges: tuple[EdgeObservation, ...]) -> int:
    live = [edge for edge in edges if edge.is_live and sources.candidate in edge.healthy_members]
    if sources.weight > 0 and any(edge.healthy_members[sources.candidate] == 0 for edge in live):
        return health.memberless_looks + 1
    return 0


def _stop_at_full_weight(state: WatchState, sources: Sources) -> str | None:
    return tally.stop_at_full_weight(state.tally, sources.limits) if sources.weight >= 100 else None


def _has_enough(judgement: Judgement, state: WatchState, sources: Sources) -> bool:
    if not sources.min_requests:
        return True
    strata = state.analysis.errors.strata
    here = [s for s in strata if s.weight == sources.weight]
    return sum(s.candidate_all + s.stable_all for s in here) >= sources.min_requests


def _has_drifted(edges: tuple[EdgeObservation, ...], sources: Sources) -> bool:
    if sources.generation is None:
        return False
    return any(is_off(edge, sources.generation, sources.weight) for edge in edges)


def carry(effect: Watch, looked: Looked) -> Watch:
    """Return the look to repeat while no commit succeeds; after going back, one that only tells of it.

    The weight stays: a step forward needs its intent committed first.
    """
    if looked.sent_back is not None:
        return replace(effect, done=looked)
    return replace(effect, state=looked.state)
