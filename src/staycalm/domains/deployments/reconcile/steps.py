"""The weights of a rollout: the next one is wanted, and one that is in force starts the clock of its step."""

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
from staycalm.domains.deployments.events import WeightShifted
from staycalm.domains.deployments.queries import find_deployment, find_place, set_the_scene
from staycalm.domains.deployments.reconcile import finishing
from staycalm.domains.deployments.reconcile.effects import (
    SetSplit,
    SplitSet,
)
from staycalm.domains.deployments.records import Deployment, Scene
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Tx


def advance(
    tx: Tx, d: Deployment, settings: DeploymentsSettings, *, is_proven: bool, **changed: object
) -> Deployment:
    """The next step's weight is wanted; after the last step, everything."""
    after = d.step + 1
    if after < len(d.steps):
        step: Step = d.steps[after]
        return change_deployment(
            tx, d, step=after, step_ends_at=None, wanted_weight=step.weight, recheck="", attempts=0, **changed
        )
    return transition(
        tx,
        d,
        "verify",
        settings,
        step_ends_at=None,
        wanted_weight=100.0,
        recheck="",
        is_proven=is_proven,
        **changed,
    )


def settle_split(tx: Tx, scene: Scene, effect: SetSplit, done: SplitSet, settings: DeploymentsSettings) -> None:
    place = scene.place
    if place.generation != effect.generation:
        return
    change_place(
        tx, place, confirmed_generation=effect.generation, confirmed_split=effect.split, attempts=0, problem=None
    )
    d = scene.deployment
    if d.state == "rolling-back":
        if d.weight is None:
            change_deployment(tx, d, weight=0.0)
            _mark_routed(tx, scene, settings)
        return
    if d.weight is None:
        _mark_routed(tx, scene, settings)
        change_deployment(
            tx, d, weight=effect.split.candidate_weight, weight_since=tx.now, attempts=0, problem=None
        )
        if d.is_first and d.did_smoke_pass:
            finishing.complete(tx, scene, settings)
        return
    weight = 100.0 if effect.split.candidate is None else effect.split.candidate_weight
    settle_weight(tx, scene, weight, done.took_s, settings, generation=effect.generation)


def catch_up(tx: Tx, scene: Scene, effect: SetSplit, done: SplitSet, settings: DeploymentsSettings) -> Scene:
    """The split, in force for a while, is committed if that was not possible then; returns the scene after it."""
    if scene.place.confirmed_generation >= effect.generation:
        return scene
    settle_split(tx, scene, effect, done, settings)
    d, place = find_deployment(tx, scene.deployment.id), find_place(tx, scene.deployment.placement)
    assert d is not None and place is not None
    return set_the_scene(tx, d, place)


def _mark_routed(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> None:
    """The newcomer has its slot; whoever had it before is reached by nobody and, if it was warm, is not needed."""
    arriving = scene.arriving
    assert arriving is not None
    change_revision(tx, arriving, is_routed=True)
    warm = finishing.revision_of(tx, scene.place.warm_revision)
    if warm is not None and warm.name != arriving.name and warm.state == "warm":
        soon = tx.now + timedelta(seconds=1)
        change_revision(tx, warm, is_routed=False, stop_at=soon, due_at=soon)
    change_place(tx, scene.place, warm_revision=None)
    finishing.unroute_others(tx, scene.place, keep=(arriving.name, scene.place.stable_revision))


def settle_weight(
    tx: Tx, scene: Scene, weight: float, took_s: float, settings: DeploymentsSettings, *, generation: int = 0
) -> None:
    """The weight is in force: the step's clock starts. The same weight set again changes nothing."""
    d = scene.deployment
    if d.state == "smoke-testing" and d.is_first and d.did_smoke_pass:
        d = change_deployment(tx, d, weight=weight, weight_since=tx.now)
        finishing.complete(tx, replace(scene, deployment=d), settings)
        return
    if d.weight == weight or d.wanted_weight != weight or d.state not in ("shifting", "verifying"):
        return
    lasts_s = settings.verify_s if d.state == "verifying" else d.steps[d.step].duration_s
    change_deployment(
        tx,
        d,
        weight=weight,
        weight_since=tx.now,
        step_ends_at=tx.now + timedelta(seconds=lasts_s),
        first_shift_at=d.first_shift_at or (tx.now if weight > 0 else None),
        attempts=0,
        problem=None,
    )
    tx.emit(
        SYSTEM,
        WeightShifted(
            subject=d.id,
            service=d.service,
            environment=d.environment,
            weight=weight,
            previous_weight=d.weight or 0.0,
            step=d.step,
            generation=generation,
            took_s=took_s,
        ),
    )
