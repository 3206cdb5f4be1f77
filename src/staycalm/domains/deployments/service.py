"""What people and machines ask of deployments. Each is one transaction; the reconciler carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.deployments.announcing import announce
from staycalm.domains.deployments.changes import deadline, ensure_place, insert_deployment
from staycalm.domains.deployments.decisions import check_may_deploy
from staycalm.domains.deployments.events import DeploymentRequested
from staycalm.domains.deployments.queries import find_deployment
from staycalm.domains.deployments.reconcile.planning import limits_of
from staycalm.domains.deployments.records import Deployment
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.steering import (
    abort,
    check_reason,
    claim_place,
    pause,
    promote,
    resume,
    roll_back,
)
from staycalm.domains.deployments.strategies import Step, Strategy, compress, custom_strategy, get_strategy
from staycalm.domains.monitoring import public as monitoring
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Tx


def deploy(
    tx: Tx,
    actor: Actor,
    *,
    service: str,
    environment: str,
    release: str,
    settings: DeploymentsSettings,
    strategy: str | None = None,
    steps: Sequence[Step] = (),
    is_hotfix: bool = False,
    reason: str = "",
) -> Deployment:
    """The release is on its way into the placement, as the only running deployment there.

    `release` is REL-n, a digest or unique prefix, a commit prefix, or an exact reference. Raises NotFound,
    Forbidden (a person, production, no hotfix with a reason), Invalid, Conflict (one runs already, or what
    is live runs by another target).
    """
    known = catalog.get_service(tx, service)
    where = catalog.get_environment(tx, environment)
    config = catalog.get_placement(tx, Placement(service, environment))
    is_manual = check_may_deploy(
        actor,
        is_production=where.is_production,
        is_hotfix=is_hotfix,
        reason=check_reason(reason),
        people_deploy_freely=settings.people_deploy_freely,
    )
    wanted = releases.resolve_artifact(tx, service, release)
    plan = _strategy(config.strategy, strategy, steps, is_static=config.kind == "static", settings=settings)
    ensure_place(tx, config.placement)
    number = tx.next_number("DEP")
    place = claim_place(tx, config.placement, f"DEP-{number}")
    _check_target(find_deployment(tx, place.live) if place.live else None, config)
    limits = limits_of(settings, config)
    told = announce(plan, limits, **traffic_of(tx, config.placement)) if plan.steps else {}
    d = Deployment(
        id=f"DEP-{number}",
        service=service,
        environment=environment,
        release=wanted.id,
        digest=wanted.digest,
        commit_sha=wanted.commit_sha,
        strategy=plan.name,
        steps=plan.steps,
        config=config,
        tier=known.tier,
        rollback_safe=wanted.rollback_safe,
        announcement=told,
        requested_at=tx.now,
        requested_by=str(actor),
        reason=reason,
        is_manual=is_manual,
        is_hotfix=is_hotfix,
        is_first=place.stable_revision is None,
        state="pending",
        preview_token=tx.ids.token(16),
    )
    d = replace(d, deadline_at=deadline(tx, d, settings))
    insert_deployment(tx, d, number)
    _emit_requested(tx, actor, d)
    return d


def _check_target(live: Deployment | None, config: PlacementConfig) -> None:
    """Raise Conflict where what is live runs by another target: the new one knows nothing of it."""
    if live is None or live.config.target == config.target:
        return
    before, now = live.config.target, config.target
    raise Conflict(
        "another-target",
        f"{live.id} is live in {config.placement} by the target {before}; the next release is to run by {now}",
        next_step=f"Name target: {before} again, or declare the new way under another environment or service, "
        "move the visitors there, and remove this one.",
    )


def _emit_requested(tx: Tx, actor: Actor, d: Deployment) -> None:
    tx.emit(
        actor,
        DeploymentRequested(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            release=d.release,
            digest=d.digest,
            commit_sha=d.commit_sha,
            strategy=d.strategy,
            is_first=d.is_first,
            is_manual=d.is_manual,
            is_hotfix=d.is_hotfix,
            reason=d.reason,
            announcement=dict(d.announcement),
        ),
    )


def traffic_of(tx: Tx, placement: Placement) -> dict[str, float | None]:
    """Return what monitoring saw of the placement's traffic in the last five minutes; None where nothing."""
    seen = monitoring.golden_signals(tx, placement, window_s=300.0)
    if seen is None:
        return {"requests_per_s": None, "error_rate": None}
    return {"requests_per_s": seen.request_rate, "error_rate": seen.error_rate}


def _strategy(
    declared: str, asked: str | None, steps: Sequence[Step], *, is_static: bool, settings: DeploymentsSettings
) -> Strategy:
    """Return the steps to take. A static site is switched at once: its smoke tests decide."""
    if asked is not None and steps:
        raise Invalid("two-strategies", "name a strategy or give steps, not both")
    if is_static:
        return Strategy("switch", ())
    chosen = custom_strategy(steps) if steps else get_strategy(asked or declared)
    return compress(chosen, settings.time_factor) if settings.time_factor > 1.0 else chosen


__all__ = ["abort", "deploy", "pause", "promote", "resume", "roll_back", "traffic_of"]
