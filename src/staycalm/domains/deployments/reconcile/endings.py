"""How a deployment ends: completed, withdrawn, rolled back, or kept after a rollback that could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.durations import format_duration
from staycalm.domains.deployments.changes import (
    change_deployment,
    change_place,
    change_revision,
    deadline,
    transition,
)
from staycalm.domains.deployments.events import (
    CandidateRemoved,
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentHeld,
    DeploymentRolledBack,
    RollbackFailed,
    RollbackStarted,
)
from staycalm.domains.deployments.model import revisions
from staycalm.domains.deployments.queries import find_deployment, find_revisions
from staycalm.domains.deployments.reconcile.effects import SentBack
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision, Scene, after_rollback
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a deployment ends early, and whose decision that was."""

    reason: str
    code: str
    actor: Actor = SYSTEM
    is_automatic: bool = True
    decided_at: datetime | None = None


def withdraw(
    tx: Tx, d: Deployment, place: PlacementState, cause: Cause, settings: DeploymentsSettings
) -> Deployment:
    """The deployment is on its way to `aborted`: stable serves everything, or nobody where there is none."""
    d = transition(tx, d, "withdraw", settings, **_ending("aborted", cause, tx))
    change_place(tx, place, due_at=tx.now, attempts=0, problem=None)
    return d


def begin_rollback(
    tx: Tx, d: Deployment, place: PlacementState, cause: Cause, settings: DeploymentsSettings, **changed: Any
) -> Deployment:
    """The deployment is on its way to `rolled-back`; the log says why and who decided."""
    weight = d.weight or 0.0
    d = transition(tx, d, "roll_back", settings, **_ending("rolled-back", cause, tx), **changed)
    change_place(tx, place, due_at=tx.now, attempts=0, problem=None)
    tx.emit(
        cause.actor,
        RollbackStarted(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            reason=cause.reason,
            is_automatic=cause.is_automatic,
            weight=weight,
        ),
    )
    return d


def _ending(ending: str, cause: Cause, tx: Tx) -> dict[str, Any]:
    return {
        "ending": ending,
        "end_reason": cause.reason,
        "end_code": cause.code,
        "end_actor": cause.actor,
        "is_automatic_end": cause.is_automatic,
        "decided_at": cause.decided_at or tx.now,
        "held_code": None,
        "held_reason": None,
        "is_paused": False,
        "frozen_at": None,
    }


def hold(
    tx: Tx,
    d: Deployment,
    *,
    code: str,
    reason: str,
    is_urgent: bool,
    evidence: Mapping[str, Any],
    settings: DeploymentsSettings,
) -> Deployment:
    """The weight is frozen until a person decides; the log says why. A second hold replaces the first."""
    d = change_deployment(
        tx,
        d,
        held_code=code,
        held_reason=reason,
        frozen_at=d.frozen_at or tx.now,
        deadline_at=tx.now + timedelta(seconds=settings.held_limit_s),
    )
    tx.emit(
        SYSTEM,
        DeploymentHeld(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            reason=reason,
            code=code,
            weight=d.weight or 0.0,
            is_urgent=is_urgent,
            evidence=dict(evidence),
        ),
    )
    return d


def expire(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    """The state whose deadline passed is left: traffic stays on stable, or goes back to it."""
    d, place = scene.deployment, scene.place
    if d.state == "pending":
        cause = Cause(f"it could not start within {format_duration(settings.pending_limit_s)}", "never-started")
        d = transition(tx, d, "abort", settings, **_ending("aborted", cause, tx), finished_at=tx.now)
        change_place(tx, place, running=None, due_at=tx.now)
        _emit_aborted(tx, d, had_traffic=False)
    elif d.state == "rolling-back":
        keep(tx, scene, f"the old revision did not come up again{_because(d.problem)}", settings)
    elif d.state == "preparing":
        what = "the candidate did not become healthy"
        withdraw(tx, d, place, Cause(f"{what} in time{_because(d.problem)}", "never-healthy"), settings)
    elif d.state == "smoke-testing":
        withdraw(tx, d, place, Cause(f"smoke testing took too long{_because(d.problem)}", "smoke-late"), settings)
    else:
        _expire_with_traffic(tx, d, place, settings)


def _expire_with_traffic(tx: Tx, d: Deployment, place: PlacementState, settings: DeploymentsSettings) -> None:
    what = "nobody decided" if d.is_frozen else "the rollout did not get on"
    cause = Cause(f"{what} in time{_because(d.held_reason or d.problem)}", "too-late")
    if d.may_roll_back_by_itself:
        begin_rollback(tx, d, place, cause, settings)
    else:
        hold(tx, d, code="too-late", reason=cause.reason, is_urgent=True, evidence={}, settings=settings)
        change_place(tx, place, due_at=tx.now)


def _because(problem: str | None) -> str:
    return f": {problem}" if problem else ""


def complete(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> Deployment:
    """The release is the placement's stable one. The old revision stays warm: rollback is one rename."""
    d, place = scene.deployment, scene.place
    assert scene.candidate is not None
    warm_s = d.config.warm_for_s * (1.0 if d.is_proven else settings.unproven_warm_factor)
    warm_until = tx.now + timedelta(seconds=warm_s)
    d = transition(
        tx, d, "complete", settings, completed_at=tx.now, finished_at=tx.now, recheck="", step_ends_at=None
    )
    change_revision(tx, scene.candidate, "serve", stop_at=None, due_at=None, is_routed=True)
    if scene.stable is not None:
        change_revision(tx, scene.stable, "keep_warm", stop_at=warm_until, due_at=warm_until, why_kept="warm")
    change_place(
        tx,
        place,
        running=None,
        live=d.id,
        live_since=tx.now,
        stable_revision=scene.candidate.name,
        stable_slot=scene.candidate.slot,
        warm_revision=scene.stable.name if scene.stable is not None else None,
        attempts=0,
        problem=None,
        due_at=tx.now + timedelta(seconds=settings.steady_s),
    )
    tx.emit(
        SYSTEM,
        DeploymentCompleted(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            is_proven=d.is_proven,
            release=d.release,
            digest=d.digest,
            commit_sha=d.commit_sha,
            is_first=d.is_first,
            warm_until=warm_until.isoformat() if scene.stable is not None else None,
        ),
    )
    return d


def finish(tx: Tx, scene: Scene, sent: SentBack, settings: DeploymentsSettings) -> Deployment:
    """Stable serves everything and the database knows it; the failed candidate is kept for whoever looks."""
    d = scene.deployment
    took_s = _took_s(tx, d, sent)
    verb = "finish_rollback" if d.ending == "rolled-back" else "finish_withdrawal"
    had_traffic = bool(d.weight)
    detected_after_s = _detected_after_s(d)
    d = transition(
        tx,
        d,
        verb,
        settings,
        weight=0.0 if d.weight is not None else None,
        wanted_weight=0.0,
        finished_at=tx.now,
        rollback_took_s=took_s,
        detected_after_s=detected_after_s,
    )
    _keep_candidate(tx, scene, settings)
    _free_place(tx, scene, d, sent)
    if d.ending == "aborted":
        _emit_aborted(tx, d, had_traffic=had_traffic)
    else:
        _emit_rolled_back(tx, scene, d, sent)
    return d


def _took_s(tx: Tx, d: Deployment, sent: SentBack) -> float:
    """Return decision to confirmation: exact where one look did both, else by the database's instants."""
    if d.decided_at is None or (d.is_automatic_end and not d.attempts):
        return sent.took_s
    return max(sent.took_s, (tx.now - d.decided_at).total_seconds())


def _detected_after_s(d: Deployment) -> float | None:
    """Return first bad response (errors) or first shift (all else) to decision; None without any shift."""
    if d.decided_at is None or d.after_completion:
        return None
    since = d.first_bad_at if _is_about_errors(d) else None
    since = since or d.first_shift_at
    return max(0.0, (d.decided_at - since).total_seconds()) if since is not None else None


def _is_about_errors(d: Deployment) -> bool:
    evidence = d.evidence or {}
    if evidence.get("trigger"):
        return "failed" in str(evidence["trigger"])
    metrics = [m for m in evidence.get("metrics", ()) if m.get("is_proven")]
    return bool(evidence.get("is_absolute_stop")) or any(m.get("name") == "errors" for m in metrics)


def _keep_candidate(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    d, candidate = scene.deployment, scene.candidate
    if candidate is None or candidate.state in ("kept", "stopped", "removed"):
        return
    until = tx.now + timedelta(seconds=settings.keep_failed_s)
    snapshot = {"at": tx.now.isoformat(), "verdict": d.verdict, "evidence": dict(d.evidence or {})}
    why = f"{d.id} {d.ending}: {d.end_reason}"
    change_revision(tx, candidate, "keep", stop_at=until, due_at=until, why_kept=why, snapshot=snapshot)


def _free_place(tx: Tx, scene: Scene, d: Deployment, sent: SentBack) -> None:
    """The placement runs no deployment; what is in force at the proxy is what its row says."""
    place = scene.place
    changed: dict[str, Any] = {"running": None, "due_at": tx.now, "attempts": 0, "problem": None}
    if d.is_first and not d.after_completion:
        changed |= {"split": None, "confirmed_split": None, "confirmed_generation": 0}
    elif d.means == "weights":
        changed |= _in_force(place, sent)
    if d.after_completion:
        back = scene.returning or scene.stable
        assert back is not None
        change_revision(tx, back, "serve", stop_at=None, due_at=None, is_routed=True, why_kept=None)
        changed |= {
            "live": back.deployment,
            "live_since": tx.now,
            "stable_revision": back.name,
            "stable_slot": back.slot,
            "warm_revision": None,
        }
    change_place(tx, place, **changed)


def _in_force(place: PlacementState, sent: SentBack) -> dict[str, Any]:
    if sent.generation is None and place.split == place.confirmed_split and place.is_split_confirmed:
        return {"fence": place.fence + 1}
    if sent.generation is None:
        # Nothing of this deployment was in force: what was confirmed before is wanted again, under a
        # number that no late writer of this deployment can have.
        return {
            "split": place.confirmed_split,
            "generation": place.generation + 2,
            "fence": place.fence + 1,
        }
    split = after_rollback(place.split) if place.split is not None else None
    if sent.generation >= place.generation:
        return {
            "split": split,
            "generation": sent.generation,
            "confirmed_split": split,
            "confirmed_generation": sent.generation,
            "fence": place.fence + 1,
        }
    # A higher number was given out and perhaps never used: wanting a new one fences it off.
    return {
        "split": split,
        "generation": place.generation + 2,
        "confirmed_split": split,
        "confirmed_generation": sent.generation,
        "fence": place.fence + 1,
    }


def _emit_aborted(tx: Tx, d: Deployment, *, had_traffic: bool) -> None:
    tx.emit(
        d.end_actor or SYSTEM,
        DeploymentAborted(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            reason=d.end_reason or "",
            code=d.end_code or "",
            is_automatic=d.is_automatic_end,
            had_traffic=had_traffic,
        ),
    )


def _emit_rolled_back(tx: Tx, scene: Scene, d: Deployment, sent: SentBack) -> None:
    stable = scene.returning or scene.stable
    tx.emit(
        d.end_actor or SYSTEM,
        DeploymentRolledBack(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            reason=d.end_reason or "",
            is_automatic=d.is_automatic_end,
            stable_is_healthy=sent.stable_is_healthy,
            evidence=dict(d.evidence or {}),
            failed_requests=d.failed_requests,
            detected_after_s=d.detected_after_s,
            rollback_took_s=d.rollback_took_s,
            stable_digest=stable.digest if stable is not None else None,
            candidate_digest=d.digest,
            after_completion=d.after_completion,
            release=d.release,
            stable_release=stable.release if stable is not None else None,
        ),
    )


def keep(tx: Tx, scene: Scene, reason: str, settings: DeploymentsSettings) -> Deployment:
    """The rollback cannot be done; the release that is live stays live, and the log says why."""
    d, place = scene.deployment, scene.place
    d = transition(
        tx,
        d,
        "keep",
        settings,
        ending="",
        end_reason=None,
        end_code=None,
        end_actor=None,
        after_completion=False,
        return_revision=None,
        decided_at=None,
        weight=100.0,
        wanted_weight=100.0,
        did_smoke_pass=True,
    )
    if scene.returning is not None and scene.returning.state not in ("stopped", "removed"):
        why = f"could not take over from {d.id}: {reason}"
        change_revision(tx, scene.returning, "keep", stop_at=tx.now, due_at=tx.now, why_kept=why)
    change_place(tx, place, running=None, due_at=tx.now, attempts=0, problem=None)
    failed = RollbackFailed(
        subject=d.id, service=d.service, environment=d.environment, reason=reason, is_final=True
    )
    tx.emit(SYSTEM, failed)
    return d


def raise_alarm(tx: Tx, d: Deployment, reason: str, settings: DeploymentsSettings) -> Deployment:
    """Going back takes too long: the log says so once per deadline, and it is tried on."""
    failed = RollbackFailed(
        subject=d.id, service=d.service, environment=d.environment, reason=reason, is_final=False
    )
    tx.emit(SYSTEM, failed)
    return change_deployment(tx, d, deadline_at=deadline(tx, d, settings))


def note_removed(tx: Tx, revision: Revision, why: str) -> None:
    """The log says that the revision does not run any more."""
    d = find_deployment(tx, revision.deployment)
    tx.emit(
        SYSTEM,
        CandidateRemoved(
            subject=revision.deployment,
            service=d.service if d is not None else None,
            environment=d.environment if d is not None else None,
            revision=revision.name,
            why=why,
        ),
    )


def revision_of(tx: Tx, name: str | None) -> Revision | None:
    """Return the revision, or None."""
    return find_revisions(tx, [name]).get(name or "")


def unroute_others(tx: Tx, place: PlacementState, *, keep: tuple[str | None, ...]) -> None:
    """No other revision of the placement is a member at the proxy."""
    names = [name for name in keep if name is not None]
    where = revisions.c.placement == str(place.placement)
    tx.execute(
        revisions.update()
        .where(where, revisions.c.is_routed, revisions.c.name.not_in(names))
        .values(is_routed=False)
    )
