"""Writes of watches: kept in step with the catalog, and moved to their next due time after every look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.monitoring.rules import Rule
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.decisions import (
    PRUNE,
    SYNC,
    Wanted,
    first_due_after_s,
    next_due_after_s,
    wanted_for,
)
from staycalm.domains.monitoring.watching.model import watches
from staycalm.domains.monitoring.watching.queries import Watch, list_watches
from staycalm.kit.database import Tx


def sync(tx: Tx, rules: tuple[Rule, ...], *, settings: MonitoringSettings) -> tuple[Placement, ...]:
    """Exactly what the catalog and the rules ask for is watched; returns the placements there are."""
    configs = catalog.list_placements(tx)
    wanted = {SYNC.key: SYNC, PRUNE.key: PRUNE}
    for config in configs:
        for each in wanted_for(
            config,
            rules,
            traffic_interval_s=settings.traffic_interval_s,
            instances_interval_s=settings.instances_interval_s,
            query_interval_s=settings.query_interval_s,
        ):
            wanted[each.key] = each
    known = {watch.key: watch for watch in list_watches(tx)}
    for key in known.keys() - wanted.keys():
        tx.execute(watches.delete().where(watches.c.key == key))
    for key, each in wanted.items():
        if key not in known:
            tx.insert_or_ignore(watches, _fresh(tx, each), on=["key"])
        elif (known[key].interval_s, known[key].down_after) != (each.interval_s, each.limit):
            tx.execute(
                watches.update()
                .where(watches.c.key == key)
                .values(
                    interval_s=each.interval_s,
                    down_after=each.limit,
                    due_at=min(known[key].due_at, tx.now + timedelta(seconds=each.interval_s)),
                )
            )
    _set_edges(tx, wanted.values())
    return tuple(config.placement for config in configs)


def _set_edges(tx: Tx, wanted: Iterable[Wanted]) -> None:
    for needs_edge in (True, False):
        keys = [each.key for each in wanted if each.needs_edge is needs_edge]
        for start in range(0, len(keys), 500):
            tx.execute(
                watches.update()
                .where(watches.c.key.in_(keys[start : start + 500]), watches.c.needs_edge.is_not(needs_edge))
                .values(needs_edge=needs_edge)
            )


def _fresh(tx: Tx, wanted: Wanted) -> dict[str, Any]:
    return {
        "key": wanted.key,
        "kind": wanted.kind,
        "service": wanted.placement.service if wanted.placement else "",
        "environment": wanted.placement.environment if wanted.placement else "",
        "name": wanted.name,
        "needs_edge": wanted.needs_edge,
        "interval_s": wanted.interval_s,
        "down_after": wanted.limit,
        "due_at": tx.now + timedelta(seconds=first_due_after_s(wanted)),
        "failures": 0,
        "detail": "",
    }


def moved_on(tx: Tx, watch: Watch, **values: Any) -> None:
    """The watch holds `values` and is due at its next beat."""
    late_s = (tx.now - watch.due_at).total_seconds()
    due_at = tx.now + timedelta(seconds=next_due_after_s(watch.interval_s, late_s))
    tx.execute(watches.update().where(watches.c.key == watch.key).values(due_at=due_at, **values))


def put_off(tx: Tx, watch: Watch, delay_s: float, **values: Any) -> None:
    """The watch is due after `delay_s` seconds; what was seen before is stale by then and says so."""
    due_at = tx.now + timedelta(seconds=delay_s)
    tx.execute(watches.update().where(watches.c.key == watch.key).values(due_at=due_at, **values))


def seen(tx: Tx, watch: Watch, *, ok: bool, detail: str, took_s: float | None) -> None:
    """What was seen is recorded: failures count up in a row, one success ends the row."""
    values = {
        "failures": 0 if ok else watch.failures + 1,
        "detail": detail[:500],
        "took_s": took_s,
        "seen_at": tx.now,
    }
    moved_on(tx, watch, **values)


def wake(tx: Tx, placement: Placement) -> None:
    """Everything of the placement is looked at now, because what runs there has changed."""
    tx.execute(
        watches.update()
        .where(
            watches.c.service == placement.service,
            watches.c.environment == placement.environment,
            watches.c.due_at > tx.now,
            watches.c.kind.in_(("instances", "traffic", "counters")),
        )
        .values(due_at=tx.now)
    )


def wake_sync(tx: Tx) -> None:
    """What is watched is compared with the catalog now."""
    if not tx.insert_or_ignore(watches, {**_fresh(tx, SYNC), "due_at": tx.now}, on=["key"]):
        tx.execute(watches.update().where(watches.c.key == SYNC.key).values(due_at=tx.now))
