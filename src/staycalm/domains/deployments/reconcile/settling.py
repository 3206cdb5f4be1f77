"""What an outcome means for the deployment that runs: commits it, with what follows and when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from staycalm.core.actor import SYSTEM
from staycalm.domains.deployments.changes import (
    change_deployment,
    change_place,
    change_revision,
    transition,
)
from staycalm.domains.deployments.decisions import retry_after_s
from staycalm.domains.deployments.events import CandidateReady, SmokeTestsPassed
from staycalm.domains.deployments.reconcile import endings, finishing
from staycalm.domains.deployments.reconcile.effects import (
    Adopted,
    Behind,
    CheckReady,
    Outcome,
    RunSmokeTests,
    SentBack,
    SetInstances,
    SetSplit,
    SplitSet,
    StartRevision,
)
from staycalm.domains.deployments.reconcile.endings import Cause
from staycalm.domains.deployments.reconcile.steps import advance, settle_split, settle_weight
from staycalm.domains.deployments.records import Deployment, Scene, after_rollback
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect
from staycalm.ports.deploy import RevisionStatus
from staycalm.ports.errors import DigestMismatch, Fenced, InvalidSpec, NotReady, PortError, Rejected, Unsupported
from staycalm.ports.smoke import SmokeResult

GIVE_UP_AFTER = 3
_CODES: tuple[tuple[type[PortError], str], ...] = (
    (DigestMismatch, "digest-differs"),
    (InvalidSpec, "cannot-run"),
    (NotReady, "never-healthy"),
    (Rejected, "proxy-refused"),
    (Unsupported, "unsupported"),
    (Fenced, "fenced"),
)


def settle_rollout(
    tx: Tx, scene: Scene, effect: Effect, outcome: Outcome | PortError, settings: DeploymentsSettings
) -> None:
    """The outcome is committed; an outcome of an effect that is not wanted any more changes nothing."""
    change_place(tx, scene.place, due_at=tx.now)
    if isinstance(outcome, PortError):
        _settle_failure(tx, scene, effect, outcome, settings)
    elif isinstance(outcome, Adopted):
        _settle_adopted(tx, scene, outcome, settings)
    elif isinstance(outcome, Behind):
        _settle_behind(tx, scene, outcome)
    elif isinstance(outcome, SentBack):
        if scene.deployment.state == "rolling-back":
            finishing.finish(tx, scene, outcome, settings)
    elif isinstance(effect, StartRevision) and isinstance(outcome, RevisionStatus):
        _settle_started(tx, scene, effect, outcome, settings)
    elif isinstance(effect, CheckReady) and isinstance(outcome, RevisionStatus):
        _settle_checked(tx, scene, effect, outcome, settings)
    elif isinstance(effect, RunSmokeTests) and isinstance(outcome, tuple):
        _settle_smoke(tx, scene, outcome, settings)
    elif isinstance(effect, SetSplit) and isinstance(outcome, SplitSet):
        settle_split(tx, scene, effect, outcome, settings)
    elif isinstance(effect, SetInstances) and isinstance(outcome, SplitSet):
        settle_weight(tx, scene, effect.weight, outcome.took_s, settings)


def _settle_started(
    tx: Tx, scene: Scene, effect: StartRevision, status: RevisionStatus, settings: DeploymentsSettings
) -> None:
    d, revision = scene.deployment, scene.arriving
    if revision is None or revision.name != effect.spec.revision or revision.state != "created":
        return
    limit_s = effect.spec.health.start_deadline_s
    change_deployment(tx, d, deadline_at=tx.now + timedelta(seconds=limit_s), attempts=0, problem=None)
    revision = change_revision(tx, revision, "start")
    if effect.only_prepare:
        _settle_checked(tx, replace(scene, candidate=revision), None, status, settings, is_ready=True)


def _settle_checked(
    tx: Tx,
    scene: Scene,
    effect: CheckReady | None,
    status: RevisionStatus,
    settings: DeploymentsSettings,
    *,
    is_ready: bool = False,
) -> None:
    d, revision = scene.deployment, scene.arriving
    if revision is None or revision.name != status.revision or revision.state != "starting":
        return
    if not (is_ready or status.is_ready):
        pause_s = effect.spec.health.interval_s if effect is not None else 0.2
        change_place(tx, scene.place, due_at=tx.now + timedelta(seconds=pause_s))
        problem = _why_not_ready(status)
        if problem != d.problem:
            change_deployment(tx, d, problem=problem)
        return
    endpoints = tuple(i.endpoint for i in status.instances if i.endpoint is not None)
    change_revision(tx, revision, "become_ready", endpoints=endpoints)
    if d.state == "preparing":
        transition(tx, d, "smoke_test", settings)
        tx.emit(
            SYSTEM,
            CandidateReady(
                subject=d.id,
                service=d.service,
                environment=d.environment,
                revision=revision.name,
                slot=revision.slot,
                digest=revision.digest,
            ),
        )


def _why_not_ready(status: RevisionStatus) -> str:
    for instance in status.instances:
        if instance.readiness != "ready":
            why = f" ({instance.exit_reason})" if instance.exit_reason else ""
            return f"instance {instance.number} is {instance.readiness}{why}"
    return "no instance runs"


def _settle_smoke(tx: Tx, scene: Scene, results: tuple[SmokeResult, ...], settings: DeploymentsSettings) -> None:
    d = scene.deployment
    failed = [f"{result.name}: {result.detail}" for result in results if not result.ok]
    if failed:
        _settle_smoke_failed(tx, scene, f"smoke tests failed: {'; '.join(failed)}", settings)
    elif d.state == "smoke-testing":
        names = [result.name for result in results]
        passed = SmokeTestsPassed(subject=d.id, service=d.service, environment=d.environment, tests=names)
        tx.emit(SYSTEM, passed)
        _leave_smoke_testing(tx, d, settings)
    elif d.state == "rolling-back":
        change_deployment(tx, d, did_smoke_pass=True)
    elif d.recheck == "complete":
        finishing.complete(tx, scene, settings)
    elif d.recheck == "advance":
        advance(tx, d, settings, is_proven=False)


def _settle_smoke_failed(tx: Tx, scene: Scene, reason: str, settings: DeploymentsSettings) -> None:
    d = scene.deployment
    cause = Cause(reason, "smoke-failed")
    if d.state == "smoke-testing":
        endings.withdraw(tx, d, scene.place, cause, settings)
    elif d.state == "rolling-back":
        endings.keep(tx, scene, reason, settings)
    else:
        roll_back_or_hold(tx, scene, cause, settings)


def roll_back_or_hold(tx: Tx, scene: Scene, cause: Cause, settings: DeploymentsSettings) -> None:
    """The rollout goes back, or where it must not do that by itself, is held and people are called."""
    d = scene.deployment
    if d.may_roll_back_by_itself:
        endings.begin_rollback(tx, d, scene.place, cause, settings, recheck="")
    else:
        d = change_deployment(tx, d, recheck="")
        endings.hold(tx, d, code=cause.code, reason=cause.reason, is_urgent=True, evidence={}, settings=settings)


def _leave_smoke_testing(tx: Tx, d: Deployment, settings: DeploymentsSettings) -> None:
    """The first deployment goes to everybody; another one shifts, after a while of watching stable alone."""
    if d.is_first:
        change_deployment(tx, d, did_smoke_pass=True, wanted_weight=100.0)
        return
    has_baseline = d.means == "weights" and settings.baseline_s > 0 and bool(d.steps)
    d = transition(
        tx,
        d,
        "shift",
        settings,
        did_smoke_pass=True,
        weight=0.0,
        weight_since=tx.now,
        step_ends_at=tx.now + timedelta(seconds=settings.baseline_s),
    )
    if not has_baseline:
        advance(tx, d, settings, is_proven=False)


def _settle_adopted(tx: Tx, scene: Scene, adopted: Adopted, settings: DeploymentsSettings) -> None:
    """A rollback in force at the proxy is the truth; the database follows it."""
    d, place = scene.deployment, scene.place
    reason = "the proxy had already gone back to stable"
    if d.state == "rolling-back":
        return
    if d.state in ("shifting", "verifying"):
        d = endings.begin_rollback(tx, d, place, Cause(reason, "adopted"), settings, recheck="")
        finishing.finish(tx, replace(scene, deployment=d), SentBack(0.0, adopted.generation, True), settings)
        return
    split = after_rollback(place.confirmed_split) if place.confirmed_split is not None else None
    change_place(tx, place, split=split)
    endings.withdraw(tx, d, place, Cause(reason, "adopted"), settings)


def _settle_behind(tx: Tx, scene: Scene, behind: Behind) -> None:
    """Our numbers go on above the proxy's, so that what is decided now can be put in force."""
    place = scene.place
    change_place(tx, place, generation=max(place.generation, behind.generation) + 2, fence=place.fence + 1)


def _settle_failure(tx: Tx, scene: Scene, effect: Effect, error: PortError, settings: DeploymentsSettings) -> None:
    d, place = scene.deployment, scene.place
    attempts = d.attempts + 1
    if isinstance(error, Fenced):
        change_place(tx, place, generation=place.generation + 10, fence=place.fence + 10)
    if _is_hopeless(error, attempts):
        if d.state in ("preparing", "smoke-testing"):
            endings.withdraw(tx, d, place, Cause(str(error), _code(error)), settings)
            return
        if d.state in ("shifting", "verifying"):
            roll_back_or_hold(tx, scene, Cause(str(error), _code(error)), settings)
            return
        if d.state == "rolling-back" and scene.returning is not None and not d.did_smoke_pass:
            endings.keep(tx, scene, str(error), settings)
            return
    d = change_deployment(tx, d, attempts=attempts, problem=str(error))
    most_s = 1.0 if d.state in ("shifting", "verifying", "rolling-back") else 10.0
    pause = timedelta(seconds=retry_after_s(attempts, most_s=most_s))
    change_place(tx, place, due_at=tx.now + pause, problem=str(error))
    if d.state == "rolling-back" and d.deadline_at is not None and tx.now >= d.deadline_at:
        endings.raise_alarm(tx, d, f"going back does not succeed: {error}", settings)


def _is_hopeless(error: PortError, attempts: int) -> bool:
    """Return whether trying again is in vain. A refusing proxy gets a few tries: a file may be half-way."""
    if isinstance(error, (DigestMismatch, InvalidSpec, NotReady, Unsupported)):
        return True
    return not error.retryable and attempts >= GIVE_UP_AFTER


def _code(error: PortError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "outside-failed")
