"""What a look at a rollout means: commits evidence, verdict and reaction; a rollback it did is adopted first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from staycalm.domains.deployments.changes import (
    change_deployment,
    change_place,
    change_revision,
    look_again,
    save_evidence,
    save_look,
    save_moment,
)
from staycalm.domains.deployments.decisions import STAY
from staycalm.domains.deployments.machine import WITH_TRAFFIC
from staycalm.domains.deployments.queries import get_revision
from staycalm.domains.deployments.reconcile import endings, finishing
from staycalm.domains.deployments.reconcile.effects import Looked, Watch
from staycalm.domains.deployments.reconcile.endings import Cause
from staycalm.domains.deployments.reconcile.memory import Memory, is_unchanged
from staycalm.domains.deployments.reconcile.planning import standing
from staycalm.domains.deployments.reconcile.steps import advance
from staycalm.domains.deployments.records import Deployment, Scene
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.watching.state import WatchState, dump_watch
from staycalm.kit.database import Tx


def settle_quiet_look(
    tx: Tx, placement: str, effect: Watch, looked: Looked, settings: DeploymentsSettings, memory: Memory
) -> bool:
    """Return True when the look changed nothing and is not due to be stored: it is remembered, no more."""
    if looked.reaction.kind != "stay" or looked.has_drifted or _is_due(looked.state, settings):
        return False
    if not is_unchanged(tx, placement, memory):
        return False
    memory.states[effect.deployment] = looked.state
    look_again(tx, placement, effect.pause_s)
    return True


def _is_due(state: WatchState, settings: DeploymentsSettings) -> bool:
    return state.last_s - state.saved_s >= settings.save_every_s


def settle_look(
    tx: Tx, scene: Scene, effect: Watch, looked: Looked, settings: DeploymentsSettings, memory: Memory
) -> None:
    """The look is committed. One of a rollout that somebody ended meanwhile only tells what the proxy did."""
    d = scene.deployment
    if d.id != effect.deployment:
        return
    if d.state not in WITH_TRAFFIC:
        if d.state == "rolling-back" and looked.sent_back is not None:
            finishing.finish(tx, scene, looked.sent_back, settings)
        return
    if _is_overtaken(d, effect, looked):
        looked = replace(looked, reaction=STAY)
    state, d = _save(tx, d, looked, settings)
    scene = replace(scene, deployment=d)
    if looked.stable_moved_to and effect.back.stable is not None:
        change_revision(tx, get_revision(tx, effect.back.stable.revision), endpoints=looked.stable_moved_to)
    _react(tx, scene, effect, looked, state, settings)
    memory.states[d.id] = state
    if looked.reaction.kind == "roll_back":
        memory.states.pop(d.id, None)


def _is_overtaken(d: Deployment, effect: Watch, looked: Looked) -> bool:
    """Return whether somebody decided after the look was planned, so that its own step is not to be taken.

    Going back is right whatever was decided. The first look at a weight did not know yet when its step ends.
    """
    if looked.reaction.kind not in ("advance", "recheck", "hold"):
        return False
    planned, now = effect.standing, standing(d)
    if effect.follows is not None:
        now = replace(now, step_ends_at=planned.step_ends_at)
    return now != planned


def _save(tx: Tx, d: Deployment, looked: Looked, settings: DeploymentsSettings) -> tuple[WatchState, Deployment]:
    """Store evidence and history once a second, and whenever something follows from the look."""
    state = looked.state
    if not _is_due(state, settings) and looked.reaction.kind == "stay":
        return state, d
    moments = state.tally.moments
    state = replace(state, version=state.version + 1, saved_s=state.last_s, tally=replace(state.tally, moments=()))
    for moment in moments:
        body = {**moment.body, "verdict": looked.verdict, **_figures(looked)}
        save_moment(tx, d.id, moment.second, moment.weight, body)
    save_evidence(tx, d.id, dump_watch(state))
    first_bad_at = d.first_bad_at
    if first_bad_at is None and state.first_bad_s is not None:
        first_bad_at = datetime.fromtimestamp(state.first_bad_s - state.ahead_s, UTC)
    d = save_look(
        tx,
        d,
        look_version=state.version,
        verdict=looked.verdict,
        verdict_reason=looked.reason,
        evidence=looked.evidence() or d.evidence,
        first_bad_at=first_bad_at,
        failed_requests=state.tally.candidate_bad,
        attempts=0,
        problem=None,
    )
    return state, d


def _figures(looked: Looked) -> dict[str, Any]:
    metrics = looked.told.metrics if looked.told is not None else ()
    return {
        "evidence": {metric.name: metric.evidence for metric in metrics},
        "difference": {metric.name: [metric.difference, metric.low, metric.high] for metric in metrics},
    }


def _react(
    tx: Tx, scene: Scene, effect: Watch, looked: Looked, state: WatchState, settings: DeploymentsSettings
) -> None:
    d, reaction = scene.deployment, looked.reaction
    if reaction.kind != "stay" or looked.has_drifted:
        change_place(tx, scene.place, due_at=tx.now)
    if reaction.kind == "roll_back":
        cause = Cause(reaction.reason, reaction.code, decided_at=looked.decided_at)
        d = endings.begin_rollback(tx, d, scene.place, cause, settings, recheck="")
        if looked.sent_back is not None:
            finishing.finish(tx, replace(scene, deployment=d), looked.sent_back, settings)
        elif looked.back_problem is not None:
            change_deployment(tx, d, attempts=1, problem=looked.back_problem)
    elif reaction.kind == "hold":
        endings.hold(
            tx,
            d,
            code=reaction.code,
            reason=reaction.reason,
            is_urgent=reaction.is_urgent,
            evidence=looked.evidence(),
            settings=settings,
        )
    elif reaction.kind == "advance":
        advance(tx, d, settings, is_proven=reaction.code == "proven")
    elif reaction.kind == "recheck":
        change_deployment(tx, d, recheck="complete" if reaction.code == "complete" else "advance")
    elif looked.has_drifted:
        # A number nobody has used puts the wanted split in force again.
        change_place(tx, scene.place, generation=scene.place.generation + 2)
    else:
        look_again(tx, str(d.placement), effect.pause_s)
