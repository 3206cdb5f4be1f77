"""What to do next for the deployment that runs in a placement: commits the intent, returns the effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from staycalm.domains.catalog.public import BusinessMetric, PlacementConfig
from staycalm.domains.deployments.analysis import CountLimit, Limits
from staycalm.domains.deployments.changes import change_place, insert_revision, transition
from staycalm.domains.deployments.decisions import Next, Standing, instances_at, next_step
from staycalm.domains.deployments.queries import accumulated, find_place
from staycalm.domains.deployments.reconcile import endings
from staycalm.domains.deployments.reconcile.due import glance
from staycalm.domains.deployments.reconcile.effects import (
    CheckReady,
    RunSmokeTests,
    SetInstances,
    SetSplit,
    StartRevision,
    Watch,
)
from staycalm.domains.deployments.reconcile.memory import Memory, pause_s
from staycalm.domains.deployments.reconcile.wishes import (
    as_shared,
    free_slot,
    revision_spec,
    route_spec,
    smoke_checks,
    starts_before_traffic,
    want_instances,
    want_split,
    way_back,
)
from staycalm.domains.deployments.records import (
    Deployment,
    Revision,
    Scene,
    situation,
    wanted_split,
)
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.watching.state import Sources, WatchState, load_watch
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect
from staycalm.ports.traffic import Split


def plan_rollout(tx: Tx, scene: Scene, settings: DeploymentsSettings, memory: Memory) -> Effect | None:
    """Return the next effect; None when a step in the database was all (the placement is due again)."""
    step = next_step(situation(scene), tx.now)
    if step == "watch":
        return _watch(tx, scene, settings, memory)
    return _PLANS[step](tx, scene, settings)


def _begin(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    d, place = scene.deployment, scene.place
    number = place.revision_count + 1
    name = f"{d.service}-{d.environment}-{number}"
    release = releases.get_release(tx, d.release)
    place = change_place(tx, place, revision_count=number, due_at=tx.now)
    candidate = Revision(
        name=name,
        placement=str(d.placement),
        deployment=d.id,
        release=d.release,
        digest=d.digest,
        slot=free_slot(place),
        target=d.config.target,
        spec=revision_spec(d.config, name, d.digest, release.reference),
        created_at=tx.now,
    )
    insert_revision(tx, candidate, number)
    transition(
        tx,
        d,
        "prepare",
        settings,
        candidate_revision=name,
        candidate_slot=candidate.slot,
        stable_revision=place.stable_revision,
        stable_slot=place.stable_slot,
    )


def _arriving(scene: Scene) -> Revision:
    assert scene.arriving is not None
    return scene.arriving


def _start(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Effect:
    revision = _arriving(scene)
    return StartRevision(
        key=f"{revision.name}/start",
        target=revision.target,
        spec=revision.spec,
        only_prepare=not starts_before_traffic(scene.deployment.config),
    )


def _check(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Effect:
    revision = _arriving(scene)
    return CheckReady(key=f"{revision.name}/ready", target=revision.target, spec=revision.spec)


def _open(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Effect:
    """Return the split at weight 0: the newcomer is reached by its own host name, by nobody else."""
    d = scene.deployment
    if d.state == "rolling-back":
        assert scene.returning is not None and d.candidate_slot is not None
        split = Split(d.candidate_slot, scene.returning.slot, 0.0, d.preview_token)
        route = route_spec(tx, d.config, scene.candidate, scene.returning)
        return want_split(tx, scene.place, d.config, route, split, settings.split_deadline_s)
    return _split(tx, scene, settings)


def _split(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> SetSplit:
    d = scene.deployment
    split = wanted_split(d)
    assert split is not None
    route = route_spec(tx, d.config, scene.stable, scene.candidate)
    return want_split(tx, scene.place, d.config, route, split, settings.split_deadline_s)


def _set_weight(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> SetSplit | SetInstances:
    d = scene.deployment
    if d.means == "weights":
        split = _split(tx, scene, settings)
        return replace(split, then=_first_look(tx, scene, settings))
    assert scene.candidate is not None
    return want_instances(d, scene.candidate, scene.stable, d.wanted_weight)


def _first_look(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Watch | None:
    """Return the look at the weight that is being set, worked out while the database still answers."""
    d, place = scene.deployment, find_place(tx, scene.deployment.placement)
    if d.state not in ("shifting", "verifying") or scene.candidate is None or place is None:
        return None
    there = replace(scene, deployment=replace(d, weight=d.wanted_weight, weight_since=tx.now), place=place)
    return _look(tx, there, settings, load_watch(accumulated(tx, d.id)), settings.poll_fast_s)


def _smoke(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Effect:
    d = scene.deployment
    revision = _arriving(scene)
    checks = smoke_checks(as_shared(tx, d.config), revision, is_live=False)
    return RunSmokeTests(key=f"{revision.name}/smoke/{d.step}{d.recheck}", checks=checks)


def _send_back(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Effect:
    return way_back(tx, scene, settings)


def _expire(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    endings.expire(tx, scene, settings)


def _rest(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    """A deployment at rest does not run in its placement."""
    change_place(tx, scene.place, running=None, due_at=tx.now)


_PLANS: dict[Next, Callable[[Tx, Scene, DeploymentsSettings], Effect | None]] = {
    "begin": _begin,
    "start_candidate": _start,
    "check_ready": _check,
    "open_routes": _open,
    "smoke_test": _smoke,
    "set_weight": _set_weight,
    "send_back": _send_back,
    "expire": _expire,
    "nothing": _rest,
}


def _watch(tx: Tx, scene: Scene, settings: DeploymentsSettings, memory: Memory) -> Watch:
    d = scene.deployment
    assert d.weight is not None and d.weight_since is not None
    pause = pause_s((tx.now - d.weight_since).total_seconds(), settings)
    effect = _look(tx, scene, settings, _remember(tx, d, memory), pause)
    here = glance(tx, str(d.placement))
    assert here is not None
    memory.states[d.id] = effect.state
    memory.looks[str(d.placement)] = (here, effect, d.weight_since)
    return effect


def _look(tx: Tx, scene: Scene, settings: DeploymentsSettings, state: WatchState, pause: float) -> Watch:
    d = scene.deployment
    return Watch(
        key=f"{d.id}/watch",
        deployment=d.id,
        sources=_sources(scene, settings),
        state=state,
        standing=standing(d),
        back=way_back(tx, scene, settings),
        pause_s=pause,
    )


def _remember(tx: Tx, d: Deployment, memory: Memory) -> WatchState:
    known = memory.states.get(d.id)
    if known is not None and known.version == d.look_version:
        return known
    return load_watch(accumulated(tx, d.id))


def standing(d: Deployment) -> Standing:
    """Return what the rules need to know of the deployment."""
    why = (
        "the release is not rollback-safe" if not d.rollback_safe else "automatic rollback is off for this service"
    )
    return Standing(
        state=d.state,
        tier=d.tier,
        may_roll_back=d.may_roll_back_by_itself,
        why_not_roll_back=why,
        is_frozen=d.is_frozen,
        held_code=d.held_code,
        waived=frozenset(d.waived),
        step_ends_at=d.step_ends_at,
        is_baseline=d.state == "shifting" and d.step < 0,
    )


def _sources(scene: Scene, settings: DeploymentsSettings) -> Sources:
    d, candidate, stable = scene.deployment, scene.candidate, scene.stable
    assert candidate is not None and d.candidate_slot is not None
    assert d.weight is not None and d.weight_since is not None
    endpoints = {each.slot: each.endpoints for each in (stable, candidate) if each is not None}
    uses_weights = d.means == "weights"
    return Sources(
        placement=d.placement,
        stable=d.stable_slot or free_slot(scene.place),
        candidate=d.candidate_slot,
        weight=d.weight if uses_weights else _share_of_instances(d.weight, d.config.instances),
        weight_since_s=d.weight_since.timestamp(),
        router=d.config.router if uses_weights else None,
        generation=scene.place.generation if uses_weights else None,
        target=d.config.target,
        candidate_spec=candidate.spec,
        stable_spec=stable.spec if stable is not None else None,
        endpoints=endpoints,
        limits=limits_of(settings, d.config),
        min_requests=d.steps[d.step].min_requests if d.state == "shifting" and d.step >= 0 else 0,
        queries=d.config.metric_queries,
        business=d.config.business_metric,
        health_every_s=settings.health_poll_s,
        metrics_every_s=settings.metrics_poll_s,
    )


def _share_of_instances(weight: float, instances: int) -> float:
    """Return the percent of the work that a worker's candidate really gets: whole instances only."""
    mine, theirs = instances_at(weight, instances)
    return 100.0 * mine / max(1, mine + theirs)


def limits_of(settings: DeploymentsSettings, config: PlacementConfig) -> Limits:
    """Return the limits of the analysis for this placement."""
    return Limits(
        error_increase=settings.error_increase,
        latency_increase=settings.latency_increase,
        counts=_count_limits(config.business_metric, settings),
        latency_grace_s=settings.latency_grace_s,
        stop_error_rate=settings.stop_error_rate,
        stop_p95_ms=settings.stop_p95_s * 1000.0,
        stop_window_s=settings.stop_window_s,
        stop_min_requests=settings.stop_min_requests,
    )


def _count_limits(metric: BusinessMetric | None, settings: DeploymentsSettings) -> tuple[CountLimit, ...]:
    if metric is None:
        return ()
    return (CountLimit(metric.name, worse="fewer", limit=settings.business_decrease),)
