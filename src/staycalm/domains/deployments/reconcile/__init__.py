"""Carrying deployments out. One reconciler per placement (rollout or rest), one per revision that ends.

All that touches a placement's proxy goes through its one row, so two steps of it never overlap; stopping and
removing revisions is slow and touches no route, so it has rows of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from staycalm.core.placement import Placement
from staycalm.domains.deployments import queries
from staycalm.domains.deployments.changes import keep_to_clock
from staycalm.domains.deployments.model import placements, revisions
from staycalm.domains.deployments.reconcile import due
from staycalm.domains.deployments.reconcile.effects import (
    CheckReady,
    Inspect,
    Inspected,
    Looked,
    Outcome,
    RemoveRevision,
    RunSmokeTests,
    SetInstances,
    SetSplit,
    SplitSet,
    StartRevision,
    Stopped,
    StopRevision,
    Watch,
    WayBack,
)
from staycalm.domains.deployments.reconcile.look import carry as carry_look
from staycalm.domains.deployments.reconcile.look import watch
from staycalm.domains.deployments.reconcile.looking import settle_look, settle_quiet_look
from staycalm.domains.deployments.reconcile.memory import Memory, plan_again
from staycalm.domains.deployments.reconcile.outside import (
    Outside,
    check_ready,
    go_back,
    inspect,
    remove_revision,
    run_smoke_tests,
    set_instances,
    set_split,
    start_revision,
    stop_revision,
)
from staycalm.domains.deployments.reconcile.planning import plan_rollout
from staycalm.domains.deployments.reconcile.settling import settle_rollout
from staycalm.domains.deployments.reconcile.steady import (
    plan_retirement,
    plan_steady,
    settle_retirement,
    settle_steady,
)
from staycalm.domains.deployments.reconcile.steps import catch_up
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect, Reconciler, soonest
from staycalm.ports.errors import PortError

__all__ = ["Outside", "reconcilers", "revisions_reconciler", "rollouts_reconciler"]


def reconcilers(
    outside: Outside, settings: DeploymentsSettings
) -> tuple[Reconciler[Effect, Outcome], Reconciler[Effect, Outcome]]:
    """Return everything of this domain that the engine drives."""
    return rollouts_reconciler(outside, settings), revisions_reconciler(outside, settings)


async def perform(outside: Outside, effect: Effect) -> Outcome:
    """Carry one effect out; raises nothing but PortError."""
    match effect:
        case Watch():
            return await watch(outside, effect)
        case SetSplit():
            return await set_split(outside, effect)
        case WayBack():
            return await go_back(outside, effect)
        case StartRevision():
            return await start_revision(outside, effect)
        case CheckReady():
            return await check_ready(outside, effect)
        case RunSmokeTests():
            return await run_smoke_tests(outside, effect)
        case SetInstances():
            return await set_instances(outside, effect)
        case Inspect():
            return await inspect(outside, effect)
        case StopRevision():
            return await stop_revision(outside, effect)
        case RemoveRevision():
            await remove_revision(outside, effect)
            return None
    raise AssertionError(f"no such effect: {type(effect).__name__}")


def rollouts_reconciler(outside: Outside, settings: DeploymentsSettings) -> Reconciler[Effect, Outcome]:
    """Return what drives placements: the running deployment, or the inspection at rest."""
    memory = Memory()

    def plan(tx: Tx, id: str) -> Effect | None:
        again = plan_again(tx, id, settings, memory)
        if again is not None:
            return again
        place = queries.find_place(tx, Placement.parse(id))
        if place is None:
            return None
        if place.running is None:
            return plan_steady(tx, place, settings)
        deployment = queries.find_deployment(tx, place.running)
        assert deployment is not None
        deployment = keep_to_clock(tx, deployment, settings)
        return plan_rollout(tx, queries.set_the_scene(tx, deployment, place), settings, memory)

    async def act(effect: Effect) -> Outcome:
        return await perform(outside, effect)

    def settle(tx: Tx, id: str, effect: Effect, outcome: Outcome | PortError) -> None:
        if (
            isinstance(effect, Watch)
            and effect.follows is None
            and isinstance(outcome, Looked)
            and settle_quiet_look(tx, id, effect, outcome, settings, memory)
        ):
            return
        place = queries.find_place(tx, Placement.parse(id))
        if place is None:
            return
        if isinstance(effect, Inspect):
            settle_steady(tx, place, effect, cast("Inspected | PortError", outcome), settings)
            return
        deployment = queries.find_deployment(tx, place.running) if place.running is not None else None
        if deployment is None:
            return
        scene = queries.set_the_scene(tx, deployment, place)
        if isinstance(effect, Watch) and isinstance(outcome, Looked):
            if effect.follows is not None:
                scene = catch_up(tx, scene, *effect.follows, settings)
            settle_look(tx, scene, effect, outcome, settings, memory)
        else:
            settle_rollout(tx, scene, effect, outcome, settings)

    return Reconciler(
        name="deployments",
        due=due.due_placements,
        next_due=due.next_due_placement,
        soonest=soonest(placements.c.due_at),
        plan=plan,
        perform=act,
        settle=settle,
        carry=_carry,
        needs_edge=True,
    )


def _carry(effect: Effect, outcome: Outcome) -> Effect | None:
    if isinstance(effect, Watch) and isinstance(outcome, Looked):
        return carry_look(effect, outcome)
    if isinstance(effect, SetSplit) and isinstance(outcome, SplitSet) and effect.then is not None:
        return replace(effect.then, follows=(replace(effect, then=None), outcome))
    return None


def revisions_reconciler(outside: Outside, settings: DeploymentsSettings) -> Reconciler[Effect, Outcome]:
    """Return what stops revisions whose time is over, and removes what stopped long ago."""

    def plan(tx: Tx, id: str) -> Effect | None:
        return plan_retirement(tx, id, settings)

    async def act(effect: Effect) -> Outcome:
        return await perform(outside, effect)

    def settle(tx: Tx, id: str, effect: Effect, outcome: Outcome | PortError) -> None:
        settle_retirement(tx, id, effect, cast("Stopped | PortError | None", outcome), settings)

    return Reconciler(
        name="deployments.revisions",
        due=due.due_revisions,
        next_due=due.next_due_revision,
        soonest=soonest(revisions.c.due_at),
        plan=plan,
        perform=act,
        settle=settle,
        needs_edge=True,
    )
