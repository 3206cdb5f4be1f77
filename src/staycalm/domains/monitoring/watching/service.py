"""Writes of watches: kept in step with the catalog, and moved to their next due time after every look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.monitoring.machine import OutcomeKind
from staycalm.domains.monitoring.rules import Rule
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.decisions import (
    CALMED,
    PRUNE,
    SYNC,
    Wanted,
    first_due_after_s,
    next_due_after_s,
    wanted_for,
)
from staycalm.domains.monitoring.watching.model import watches
from staycalm.domains.monitoring.watching.queries import CALM, CANNOT_TELL, Watch, list_watches
from staycalm.kit.database import Tx

# The parameters say which columns change; built once, because building one costs more than running it.
_BY_KEY = watches.update().where(watches.c.key == sa.bindparam("which"))
_OF_PLACEMENT = watches.update().where(
    watches.c.kind.in_(CALMED),
    watches.c.service == sa.bindparam("of_service"),
    watches.c.environment == sa.bindparam("of_environment"),
)


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
            add(tx, each, after_s=first_due_after_s(each))
        elif (known[key].interval_s, known[key].down_after) != (each.interval_s, each.limit):
            due_at = min(known[key].due_at, tx.now + timedelta(seconds=each.interval_s))
            values = {"interval_s": each.interval_s, "down_after": each.limit, "due_at": due_at}
            tx.execute(watches.update().where(watches.c.key == key).values(values))
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


def add(tx: Tx, wanted: Wanted, *, after_s: float = 0.0) -> bool:
    """The thing is watched, first after `after_s` seconds; returns False when it was watched already."""
    values = {
        "key": wanted.key,
        "kind": wanted.kind,
        "service": wanted.placement.service if wanted.placement else "",
        "environment": wanted.placement.environment if wanted.placement else "",
        "name": wanted.name,
        "needs_edge": wanted.needs_edge,
        "interval_s": wanted.interval_s,
        "down_after": wanted.limit,
        "due_at": tx.now + timedelta(seconds=after_s),
        "failures": 0,
        "detail": "",
    }
    return tx.insert_or_ignore(watches, values, on=["key"])


def remove(tx: Tx, unwanted: Iterable[Wanted]) -> None:
    """These are not watched any more."""
    for each in unwanted:
        tx.execute(watches.delete().where(watches.c.key == each.key))


def moved_on(tx: Tx, watch: Watch, **values: Any) -> bool:
    """The watch holds `values` and is due at its next beat; returns False when it is not watched any more."""
    late_s = (tx.now - watch.due_at).total_seconds()
    values["due_at"] = tx.now + timedelta(seconds=next_due_after_s(watch.interval_s, late_s))
    return tx.guarded_update(_BY_KEY, {"which": watch.key, **values}) > 0


def put_off(tx: Tx, watch: Watch, delay_s: float, **values: Any) -> None:
    """The watch is due after `delay_s` seconds; what was seen before is stale by then and says so."""
    put_off_key(tx, watch.key, delay_s, **values)


def put_off_key(tx: Tx, key: str, delay_s: float, **values: Any) -> None:
    """What is watched under this key is due after `delay_s` seconds."""
    values["due_at"] = tx.now + timedelta(seconds=delay_s)
    tx.execute(_BY_KEY, {"which": key, **values})


def seen(tx: Tx, watch: Watch, *, ok: bool, detail: str, took_s: float | None) -> bool:
    """What was seen is recorded: failures count up in a row, one success ends the row."""
    failures = 0 if ok else watch.failures + 1
    values = {"failures": failures, "detail": detail[:500], "took_s": took_s, "seen_at": tx.now}
    if watch.body is not None and CANNOT_TELL in watch.body:
        values["body"] = None
    return moved_on(tx, watch, **values)


def set_calm(tx: Tx, watch: Watch, kind: OutcomeKind | None) -> None:
    """The watch remembers with which outcomes nothing has to be evaluated."""
    if kind != watch.calm:
        body = None if kind is None else {CALM: kind}
        tx.execute(_BY_KEY, {"which": watch.key, "body": body})


def unsettle(tx: Tx, placement: Placement | None = None) -> None:
    """Everything (of the placement) is evaluated with its next look, because rules or conditions have changed."""
    if placement is None:
        tx.execute(watches.update().where(watches.c.kind.in_(CALMED)).values(body=None))
    else:
        sought = {"of_service": placement.service, "of_environment": placement.environment}
        tx.execute(_OF_PLACEMENT, {**sought, "body": None})


def wake(tx: Tx, placement: Placement) -> None:
    """What depends on what runs in the placement is looked at now."""
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


def wake_late(tx: Tx) -> None:
    """Nothing is looked at later than at its next beat, nor was seen later than now: the clock was set back."""
    tx.execute(watches.update().where(watches.c.seen_at > tx.now).values(seen_at=tx.now))
    for watch in list_watches(tx):
        if watch.due_at > tx.now + timedelta(seconds=watch.interval_s):
            put_off_key(tx, watch.key, 0.0)


def wake_sync(tx: Tx) -> None:
    """What is watched is compared with the catalog now."""
    if not add(tx, SYNC):
        put_off_key(tx, SYNC.key, 0.0)
