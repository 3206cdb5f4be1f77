"""Driving watches: what is due is looked at with no transaction open, and what was seen is settled.

Two reconcilers: what only the proxy's machine can look at, and the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from staycalm.domains.catalog import public as catalog
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.reporting.checking import (
    CheckPlacement,
    CheckSelf,
    Findings,
    make_check,
    plan_check,
    settle_check,
)
from staycalm.domains.monitoring.reporting.service import begin_or_end
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching import planning, queries, service, settling
from staycalm.domains.monitoring.watching.decisions import IDLE_INTERVAL_S, PRUNE, SYNC
from staycalm.domains.monitoring.watching.effects import Looking, Seen, carry_out
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler
from staycalm.ports.errors import PortError

Outcome = Seen | Findings


def reconcilers(outside: Outside, settings: MonitoringSettings) -> tuple[AnyReconciler, ...]:
    """Return the reconcilers of the domain."""
    return (_reconciler(outside, settings, needs_edge=True), _reconciler(outside, settings, needs_edge=False))


def _reconciler(
    outside: Outside, settings: MonitoringSettings, *, needs_edge: bool
) -> Reconciler[Effect, Outcome]:
    perform: Callable[[Effect], Awaitable[Outcome]] = partial(_perform, outside)
    return Reconciler(
        name="monitoring.edge" if needs_edge else "monitoring",
        due=partial(queries.due_keys, needs_edge=needs_edge),
        next_due=partial(queries.next_due, needs_edge=needs_edge),
        soonest=queries.SOONEST[needs_edge],
        plan=partial(plan, outside=outside, settings=settings),
        perform=perform,
        settle=partial(settle, settings=settings),
        needs_edge=needs_edge,
    )


def plan(tx: Tx, key: str, *, outside: Outside, settings: MonitoringSettings) -> Effect | None:
    """Return the look that is due; chores of the database itself are done here."""
    watch = queries.find_watch(tx, key)
    if key == SYNC.key:
        planning.synchronise(tx, watch, settings=settings)
    elif watch is None:
        return None
    elif key == PRUNE.key:
        planning.prune(tx, watch, settings=settings)
    elif watch.kind == "report":
        begin_or_end(tx, watch.name, settings=settings)
    elif watch.kind == "check":
        return plan_check(tx, watch, outside=outside, settings=settings)
    else:
        return _plan_look(tx, watch, outside, settings)
    return None


def _plan_look(tx: Tx, watch: queries.Watch, outside: Outside, settings: MonitoringSettings) -> Effect | None:
    config = catalog.find_placement(tx, watch.placement)
    if config is None:
        service.put_off(tx, watch, IDLE_INTERVAL_S)
        service.wake_sync(tx)
        return None
    if watch.kind == "roll_up":
        planning.roll_minutes_up(tx, watch, config, settings=settings)
        return None
    effect = planning.look_for(tx, watch, config, outside.deployed(tx, watch.placement))
    if effect is None:
        service.put_off(tx, watch, max(watch.interval_s, IDLE_INTERVAL_S))
    return effect


async def _perform(outside: Outside, effect: Effect) -> Outcome:
    if isinstance(effect, CheckSelf | CheckPlacement):
        return await make_check(outside, effect)
    assert isinstance(effect, Looking), f"nobody looks at {effect.key}"
    return await carry_out(outside, effect)


def settle(
    tx: Tx, key: str, effect: Effect, outcome: Outcome | PortError, *, settings: MonitoringSettings
) -> None:
    """What was seen is recorded, the watch is due at its next beat, and the rules that look at it have run."""
    answer = cast(Any, outcome)
    if isinstance(effect, CheckSelf | CheckPlacement):
        settle_check(tx, effect, answer, settings=settings)
        return
    assert isinstance(effect, Looking), f"nobody looks at {key}"
    watch, config = effect.watch, effect.config
    if watch.kind == "query":
        settling.settle_query(tx, watch, config, answer, settings=settings)
        return
    if watch.kind == "instances":
        settled = settling.settle_instances(tx, watch, config, answer)
    elif watch.kind == "traffic":
        settled = settling.settle_traffic(tx, watch, answer)
    elif watch.kind == "counters":
        settled = settling.settle_counters(tx, watch, answer)
    else:
        settled = settling.settle_look(tx, watch, answer)
    if settled != "gone":
        settling.evaluate_after(tx, watch, config, settled, settings=settings)
