"""The last step of a deployment: who serves now, what is kept warm or for looking into, and what the log says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from staycalm.core.actor import SYSTEM
from staycalm.domains.deployments.changes import (
    change_place,
    change_revision,
    transition,
)
from staycalm.domains.deployments.events import (
    CandidateRemoved,
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentRolledBack,
)
from staycalm.domains.deployments.model import revisions
from staycalm.domains.deployments.picture.frozen import keep_picture
from staycalm.domains.deployments.queries import find_deployment, find_revisions
from staycalm.domains.deployments.reconcile.effects import SentBack
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision, Scene, after_rollback
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx


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
    keep_picture(tx, d)
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
        emit_aborted(tx, d, had_traffic=had_traffic)
    else:
        _emit_rolled_back(tx, scene, d, sent)
        keep_picture(tx, d)
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
        changed |= _in_force(place, d, sent)
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


def _in_force(place: PlacementState, d: Deployment, sent: SentBack) -> dict[str, Any]:
    before = place.confirmed_split
    if before is not None and before.preview_token == d.preview_token:
        # Somebody else's weights were in force instead of ours, which must not come back.
        before = after_rollback(before)
    if sent.generation is None and place.split == before and place.is_split_confirmed:
        return {"fence": place.fence + 1}
    if sent.generation is None:
        # Nothing of this deployment was in force: what was confirmed before is wanted again, under a
        # number that no late writer of this deployment can have.
        return {
            "split": before,
            "generation": place.generation + 2,
            "fence": place.fence + 1,
        }
    split = after_rollback(place.split) if place.split is not None else None
    # Where a higher number was given out and perhaps never used, wanting a new one fences it off.
    is_highest = sent.generation >= place.generation
    return {
        "split": split,
        "generation": sent.generation if is_highest else place.generation + 2,
        "confirmed_split": split,
        "confirmed_generation": sent.generation,
        "fence": place.fence + 1,
    }


def emit_aborted(tx: Tx, d: Deployment, *, had_traffic: bool) -> None:
    """The log says that the deployment ended without its release."""
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
    keep_picture(tx, d)


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
