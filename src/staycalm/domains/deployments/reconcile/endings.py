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
    DeploymentHeld,
    RollbackFailed,
    RollbackStarted,
)
from staycalm.domains.deployments.reconcile.finishing import emit_aborted
from staycalm.domains.deployments.records import Deployment, PlacementState, Scene
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


def call_off(
    tx: Tx, d: Deployment, place: PlacementState, cause: Cause, settings: DeploymentsSettings
) -> Deployment:
    """The deployment, of which nothing has begun, is aborted, and its placement free."""
    d = transition(tx, d, "abort", settings, **_ending("aborted", cause, tx), finished_at=tx.now)
    change_place(tx, place, running=None, due_at=tx.now)
    emit_aborted(tx, d, had_traffic=False)
    return d


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
        call_off(tx, d, place, cause, settings)
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
    _emit_failed(tx, d, reason, is_final=True)
    return d


def raise_alarm(tx: Tx, d: Deployment, reason: str, settings: DeploymentsSettings) -> Deployment:
    """Going back takes too long: the log says so once per deadline, and it is tried on."""
    _emit_failed(tx, d, reason, is_final=False)
    return change_deployment(tx, d, deadline_at=deadline(tx, d, settings))


def _emit_failed(tx: Tx, d: Deployment, reason: str, *, is_final: bool) -> None:
    tx.emit(
        SYSTEM,
        RollbackFailed(
            subject=d.id, service=d.service, environment=d.environment, reason=reason, is_final=is_final
        ),
    )
