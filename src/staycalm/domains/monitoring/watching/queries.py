"""Reading watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.decisions import Look
from staycalm.domains.monitoring.watching.decisions import SYNC, Kind
from staycalm.domains.monitoring.watching.model import watches
from staycalm.kit.database import ReadTx

ALL_LIMIT = 20_000
PLACEMENT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Watch:
    """A watched thing and what was last seen of it."""

    key: str
    kind: Kind
    placement: Placement
    name: str
    interval_s: float
    down_after: int
    due_at: datetime
    failures: int
    detail: str
    took_s: float | None
    seen_at: datetime | None
    cursor: str | None
    body: Mapping[str, Any] | None

    @property
    def look(self) -> Look:
        """Return it as rules see it."""
        return Look(
            self.name, self.failures, self.down_after, self.interval_s, self.seen_at, self.detail, self.took_s
        )


def _watch(row: sa.Row[Any]) -> Watch:
    return Watch(
        key=row.key,
        kind=cast(Kind, row.kind),
        placement=Placement(row.service, row.environment),
        name=row.name,
        interval_s=row.interval_s,
        down_after=row.down_after,
        due_at=row.due_at,
        failures=row.failures,
        detail=row.detail,
        took_s=row.took_s,
        seen_at=row.seen_at,
        cursor=row.cursor,
        body=row.body,
    )


def find_watch(tx: ReadTx, key: str) -> Watch | None:
    """Return the watch, or None."""
    row = tx.one_or_none(sa.select(watches).where(watches.c.key == key))
    return None if row is None else _watch(row)


def watches_of(tx: ReadTx, placement: Placement, *kinds: Kind) -> tuple[Watch, ...]:
    """Return the placement's watches of these kinds (all without any), by key."""
    statement = (
        sa.select(watches)
        .where(watches.c.service == placement.service, watches.c.environment == placement.environment)
        .order_by(watches.c.key)
        .limit(PLACEMENT_LIMIT)
    )
    if kinds:
        statement = statement.where(watches.c.kind.in_(kinds))
    return tuple(_watch(row) for row in tx.rows(statement))


def list_watches(tx: ReadTx) -> tuple[Watch, ...]:
    """Return every watch there is."""
    return tuple(_watch(row) for row in tx.rows(sa.select(watches).limit(ALL_LIMIT)))


def due_keys(tx: ReadTx, limit: int, *, needs_edge: bool) -> list[str]:
    """Return what has to be looked at now, the most overdue first; before anything is watched, the sync."""
    statement = (
        sa.select(watches.c.key)
        .where(watches.c.needs_edge.is_(needs_edge), watches.c.due_at <= tx.now)
        .order_by(watches.c.due_at)
        .limit(limit)
    )
    keys = [row.key for row in tx.rows(statement)]
    if not keys and not needs_edge and _first_due(tx, needs_edge) is None:
        return [SYNC.key]
    return keys


def next_due(tx: ReadTx, *, needs_edge: bool) -> datetime | None:
    """Return when something has to be looked at next."""
    due = _first_due(tx, needs_edge)
    return tx.now if due is None and not needs_edge else due


def _first_due(tx: ReadTx, needs_edge: bool) -> datetime | None:
    statement = (
        sa.select(watches.c.due_at).where(watches.c.needs_edge.is_(needs_edge)).order_by(watches.c.due_at).limit(1)
    )
    due: datetime | None = tx.scalar(statement)
    return due
