"""Driving watches: what is due is looked at with no transaction open, and what was seen is settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, cast

from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.conditions.service import retire
from staycalm.domains.monitoring.decisions import expression
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.reporting.service import forget_reports, keep_scheduled
from staycalm.domains.monitoring.rules import TRAFFIC_SIGNALS
from staycalm.domains.monitoring.sampling.service import forget, roll_up
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching import queries, service, settling
from staycalm.domains.monitoring.watching.counting import expressions_for
from staycalm.domains.monitoring.watching.decisions import (
    IDLE_INTERVAL_S,
    PRUNE,
    SYNC,
    integrity_probe,
    probe_for,
    probes_of,
)
from staycalm.domains.monitoring.watching.effects import Ask, LookAt, LookAtInstances, ReadTraffic, Seen, carry_out
from staycalm.domains.monitoring.watching.queries import Watch
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect, Reconciler
from staycalm.ports.errors import PortError

# Evaluated every minute whatever is seen, so that silence itself becomes visible.
ALL_MEASURED = TRAFFIC_SIGNALS | {"saturation", "probes_down", "integrity_failed"}


def reconcilers(outside: Outside, settings: MonitoringSettings) -> tuple[Reconciler[Effect, Seen], ...]:
    """Return one reconciler for what only the proxy's machine can look at, and one for the rest."""
    return (_reconciler(outside, settings, needs_edge=True), _reconciler(outside, settings, needs_edge=False))


def _reconciler(outside: Outside, settings: MonitoringSettings, *, needs_edge: bool) -> Reconciler[Effect, Seen]:
    perform: Callable[[Effect], Awaitable[Seen]] = partial(carry_out, outside)
    return Reconciler(
        name="monitoring.watch.edge" if needs_edge else "monitoring.watch",
        due=partial(queries.due_keys, needs_edge=needs_edge),
        next_due=partial(queries.next_due, needs_edge=needs_edge),
        plan=partial(plan, outside=outside, settings=settings),
        perform=perform,
        settle=partial(settle, settings=settings),
        needs_edge=needs_edge,
    )


def plan(tx: Tx, key: str, *, outside: Outside, settings: MonitoringSettings) -> Effect | None:
    """Return the look that is due; chores of the database itself are done here."""
    watch = queries.find_watch(tx, key)
    if key == SYNC.key:
        _synchronise(tx, watch, settings)
        return None
    if watch is None:
        return None
    if key == PRUNE.key:
        _prune(tx, watch, settings)
        return None
    config = catalog.find_placement(tx, watch.placement)
    if config is None:
        service.wake_sync(tx)
        service.put_off(tx, watch, IDLE_INTERVAL_S)
        return None
    if watch.kind == "roll_up":
        _roll_up(tx, watch, config, settings)
        return None
    effect = _look(tx, watch, config, outside.deployed(tx, watch.placement))
    if effect is None:
        service.put_off(tx, watch, max(watch.interval_s, IDLE_INTERVAL_S))
    return effect


def _look(tx: Tx, watch: Watch, config: PlacementConfig, running: tuple[RunningRevision, ...]) -> Effect | None:
    """Return how to look, or None when nothing is deployed there: what was never started is not down."""
    stable = next((each for each in running if each.is_stable), None)
    if stable is None:
        return None
    key = f"{watch.key}@{watch.due_at.isoformat()}"
    if watch.kind == "probe":
        declared = next((p for p in probes_of(config) if p.name == watch.name), None)
        return None if declared is None else LookAt(key=key, probe=probe_for(declared))
    if watch.kind == "integrity":
        probe = integrity_probe(config)
        return None if probe is None else LookAt(key=key, probe=probe)
    if watch.kind == "instances":
        return LookAtInstances(key=key, target=config.target, spec=stable.spec)
    if watch.kind == "traffic":
        return ReadTraffic(key=key, router=config.router, placement=watch.placement, cursor=watch.cursor)
    if watch.kind == "counters" and config.metric_queries is not None:
        asked = expressions_for(config.metric_queries, watch.placement, running)
        return Ask(key=key, source=config.metric_queries.source, expressions=asked, at=tx.now)
    if watch.kind == "query":
        return _question(tx, key, watch)
    return None


def _question(tx: Tx, key: str, watch: Watch) -> Effect | None:
    rule = next((r for r in conditions.all_rules(tx) if r.name == watch.name and r.signal == "query"), None)
    if rule is None:
        return None
    return Ask(key=key, source=rule.source, expressions={"value": expression(rule, watch.placement)}, at=tx.now)


def settle(tx: Tx, key: str, effect: Effect, seen: Seen | PortError, *, settings: MonitoringSettings) -> None:
    """What was seen is recorded, the watch is due at its next beat, and the rules that look at it have run."""
    watch = queries.find_watch(tx, key)
    config = catalog.find_placement(tx, watch.placement) if watch is not None else None
    if watch is None or config is None:
        return
    answer = cast(Any, seen)
    if watch.kind == "query":
        settling.settle_query(tx, watch, config, answer, settings=settings)
        return
    if watch.kind == "instances":
        settling.settle_instances(tx, watch, config, answer)
    elif watch.kind == "traffic":
        settling.settle_traffic(tx, watch, answer)
    elif watch.kind == "counters":
        settling.settle_counters(tx, watch, answer)
    else:
        settling.settle_look(tx, watch, answer)
    settling.evaluate_rules(tx, config, settling.SIGNALS_OF[watch.kind], settings=settings)


def _synchronise(tx: Tx, watch: Watch | None, settings: MonitoringSettings) -> None:
    rules = conditions.all_rules(tx)
    placements: tuple[Placement, ...] = service.sync(tx, rules, settings=settings)
    retire(tx, placements, rules)
    keep_scheduled(tx, has_placements=bool(placements))
    if watch is not None:
        service.moved_on(tx, watch)


def _prune(tx: Tx, watch: Watch, settings: MonitoringSettings) -> None:
    has_more = forget(tx, settings=settings) or forget_reports(tx, keep_s=settings.keep_reports_s)
    if has_more:
        service.put_off(tx, watch, 1.0)
    else:
        service.moved_on(tx, watch)


def _roll_up(tx: Tx, watch: Watch, config: PlacementConfig, settings: MonitoringSettings) -> None:
    since = datetime.fromisoformat(watch.cursor) if watch.cursor else None
    until = roll_up(tx, watch.placement, since=since)
    settling.evaluate_rules(tx, config, ALL_MEASURED, settings=settings)
    if (tx.now - until).total_seconds() >= 120:
        service.put_off(tx, watch, 0.0, cursor=until.isoformat())
    else:
        service.moved_on(tx, watch, cursor=until.isoformat())
