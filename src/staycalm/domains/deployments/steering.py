"""What people do to a deployment that exists: roll back, abort, pause, resume, promote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.core.placement import Placement
from staycalm.domains.deployments.changes import (
    change_deployment,
    change_place,
    deadline,
    insert_revision,
    return_limit_s,
    take_place,
    wake,
)
from staycalm.domains.deployments.events import (
    DeploymentPaused,
    DeploymentPromoted,
    DeploymentResumed,
)
from staycalm.domains.deployments.machine import RUNNING
from staycalm.domains.deployments.queries import find_place, get_deployment, get_revision
from staycalm.domains.deployments.reconcile.endings import Cause, begin_rollback, call_off, withdraw
from staycalm.domains.deployments.reconcile.steps import advance
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision, other_slot
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Tx

MAX_REASON = 2000


def check_reason(reason: str) -> str:
    """Return the reason; raises Invalid when it is too long to be kept."""
    if len(reason) > MAX_REASON:
        raise Invalid("long-reason", f"a reason has at most {MAX_REASON} characters")
    return reason


def claim_place(tx: Tx, placement: Placement, deployment: str) -> PlacementState:
    """Return the placement, in which `deployment` runs from now on. Raises Conflict when another one does."""
    is_taken = take_place(tx, placement, deployment)
    place = find_place(tx, placement)
    assert place is not None
    if is_taken:
        return place
    raise Conflict(
        "deployment-running",
        f"{place.running} is running in {placement} already",
        next_step=f"Wait for it, or end it: `sc ops rollback --deployment={place.running}`.",
        running=place.running,
    )


def _running(tx: Tx, name: str) -> tuple[Deployment, PlacementState]:
    d = get_deployment(tx, name)
    place = find_place(tx, d.placement)
    assert place is not None
    return d, place


def roll_back(tx: Tx, actor: Actor, deployment: str, *, reason: str, settings: DeploymentsSettings) -> Deployment:
    """Stable is to serve everything again: at once while it runs, by one rename while the old one is warm.

    A revision that no longer runs is started again from its artifact first. Before any traffic was shifted
    this is an abort. Raises Conflict in one sentence when there is nothing to go back to.
    """
    d, place = _running(tx, deployment)
    cause = _by_hand(actor, reason)
    if d.state in ("pending", "preparing", "smoke-testing"):
        return abort(tx, actor, d.id, reason=reason, settings=settings)
    if d.state in ("shifting", "verifying"):
        return begin_rollback(tx, d, place, cause, settings, recheck="")
    if d.state == "rolling-back":
        return d
    if d.state == "completed":
        return _roll_back_live(tx, d, place, cause, settings)
    raise Conflict("already-over", f"{d.id} is {d.state}", next_step="Look at what is live: `sc ops status`.")


def _by_hand(actor: Actor, reason: str) -> Cause:
    return Cause(check_reason(reason) or "asked for by hand", "manual", actor, is_automatic=False)


def _roll_back_live(
    tx: Tx, d: Deployment, place: PlacementState, cause: Cause, settings: DeploymentsSettings
) -> Deployment:
    if place.live != d.id:
        raise Conflict(
            "not-live",
            f"{d.id} is not live in {d.placement}; {place.live} is",
            next_step=f"Roll {place.live} back, or deploy {d.release} again.",
        )
    if d.stable_revision is None or d.stable_slot is None:
        raise Conflict(
            "nothing-before",
            f"{d.id} was the first deployment of {d.placement}: there is nothing to go back to",
            next_step="Deploy a release that works.",
        )
    taken = claim_place(tx, d.placement, d.id)
    is_warm = place.warm_revision == d.stable_revision
    changed = {"after_completion": True, "completed_at": d.completed_at, "recheck": ""}
    if is_warm:
        return begin_rollback(tx, d, taken, cause, settings, **changed)
    returning = _start_again(tx, d, taken)
    limit_s = return_limit_s(d, settings)
    d = begin_rollback(
        tx, d, taken, cause, settings, **changed, return_revision=returning, did_smoke_pass=False, weight=None
    )
    return change_deployment(tx, d, deadline_at=tx.now + timedelta(seconds=limit_s))


def _start_again(tx: Tx, d: Deployment, place: PlacementState) -> str:
    """A new revision of the release before is created; returns its name. NotFound when its record is gone."""
    assert d.stable_revision is not None
    old = get_revision(tx, d.stable_revision)
    release = releases.find_release(tx, old.release)
    if release is None:
        raise NotFound(
            "release-gone",
            f"{old.release}, which served before {d.id}, is not known any more",
            next_step="Deploy a release that is.",
        )
    number = place.revision_count + 1
    name = f"{d.service}-{d.environment}-{number}"
    change_place(tx, place, revision_count=number)
    again = Revision(
        name=name,
        placement=old.placement,
        deployment=old.deployment,
        release=old.release,
        digest=old.digest,
        slot=other_slot(d.candidate_slot),
        target=old.target,
        spec=replace(old.spec, revision=name, reference=release.reference),
        created_at=tx.now,
    )
    insert_revision(tx, again, number)
    return name


def abort(tx: Tx, actor: Actor, deployment: str, *, reason: str, settings: DeploymentsSettings) -> Deployment:
    """The deployment ends without its release; stable serves everything. Final and fenced."""
    d, place = _running(tx, deployment)
    cause = _by_hand(actor, reason)
    if d.state == "pending":
        return call_off(tx, d, place, cause, settings)
    _check_is_running(d, "abort")
    if d.state == "rolling-back":
        return d
    return withdraw(tx, d, place, cause, settings)


def _check_is_running(d: Deployment, verb: str, *states: str) -> None:
    if d.state not in (states or RUNNING):
        raise Conflict(
            "wrong-state",
            f"cannot {verb} {d.id}: it is {d.state}",
            next_step="Look at it: `sc ops deployments`.",
            state=d.state,
        )


def pause(tx: Tx, actor: Actor, deployment: str, *, reason: str, settings: DeploymentsSettings) -> Deployment:
    """The rollout's clock stands still; it is watched on, and still rolls back by itself.

    Smoke tests that were to decide about the next step decide after it is resumed.
    """
    d, _ = _running(tx, deployment)
    _check_is_running(d, "pause", "shifting", "verifying")
    if d.is_paused:
        return d
    limit = tx.now + timedelta(seconds=settings.held_limit_s)
    d = change_deployment(tx, d, is_paused=True, frozen_at=d.frozen_at or tx.now, recheck="", deadline_at=limit)
    tx.emit(
        actor,
        DeploymentPaused(subject=d.id, service=d.service, environment=d.environment, reason=check_reason(reason)),
    )
    wake(tx, d.placement)
    return d


def resume(tx: Tx, actor: Actor, deployment: str, *, settings: DeploymentsSettings) -> Deployment:
    """A paused or held rollout goes on with the rest of its step; the finding it was held for is waived."""
    d, _ = _running(tx, deployment)
    if not d.is_frozen:
        raise Conflict("not-frozen", f"{d.id} is neither paused nor held", next_step="Nothing is to be done.")
    d = _unfreeze(tx, d, settings)
    waived = list(d.waived)
    tx.emit(actor, DeploymentResumed(subject=d.id, service=d.service, environment=d.environment, waived=waived))
    wake(tx, d.placement)
    return d


def _unfreeze(tx: Tx, d: Deployment, settings: DeploymentsSettings) -> Deployment:
    if not d.is_frozen:
        return d
    stood_still = tx.now - d.frozen_at if d.frozen_at is not None else timedelta(0)
    waived = (*d.waived, d.held_code) if d.held_code is not None and d.held_code not in d.waived else d.waived
    return change_deployment(
        tx,
        d,
        held_code=None,
        held_reason=None,
        is_paused=False,
        frozen_at=None,
        waived=waived,
        step_ends_at=d.step_ends_at + stood_still if d.step_ends_at is not None else None,
        deadline_at=deadline(tx, d, settings),
    )


def promote(
    tx: Tx, actor: Actor, deployment: str, *, reason: str, settings: DeploymentsSettings, to_full: bool = False
) -> Deployment:
    """The rollout does not wait for the end of its step: the next weight, or everything, is wanted now.

    At full weight the smoke tests are run once more and complete it. The deployment counts as not proven.
    """
    d, _ = _running(tx, deployment)
    _check_is_running(d, "promote", "shifting", "verifying")
    d = _unfreeze(tx, d, settings)
    if d.state == "verifying":
        d = change_deployment(tx, d, recheck="complete")
    else:
        last = replace(d, step=len(d.steps)) if to_full else d
        d = advance(tx, last, settings, is_proven=False)
    tx.emit(
        actor,
        DeploymentPromoted(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            to_weight=d.wanted_weight,
            reason=check_reason(reason),
        ),
    )
    wake(tx, d.placement)
    return d
