"""Reading watches. These run many times a second, so each statement is built once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.decisions import Look
from staycalm.domains.monitoring.watching.decisions import PASSING, SYNC, Kind
from staycalm.domains.monitoring.watching.model import watches
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import Utc
from staycalm.kit.reconcile import soonest

ALL_LIMIT = 20_000
PLACEMENT_LIMIT = 500
# Keys of a watch's body.
CALM = "calm"
CANNOT_TELL = "cannot_tell"


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
    def calm(self) -> str | None:
        """Return the kind of outcome with which everything that looks at this stands inactive, if there is one."""
        return None if self.body is None else self.body.get(CALM)

    @property
    def look(self) -> Look:
        """Return it as rules see it."""
        return Look(
            self.name, self.failures, self.down_after, self.interval_s, self.seen_at, self.detail, self.took_s
        )


_BY_KEY = sa.select(watches).where(watches.c.key == sa.bindparam("key"))
_BY_PLACEMENT = (
    sa.select(watches)
    .where(
        watches.c.service == sa.bindparam("service"),
        watches.c.environment == sa.bindparam("environment"),
        watches.c.kind.in_(sa.bindparam("kinds", expanding=True)),
    )
    .order_by(watches.c.key)
    .limit(PLACEMENT_LIMIT)
)
_LASTING = sa.select(watches).where(watches.c.kind.not_in(PASSING)).limit(ALL_LIMIT)
_DUE = {
    needs_edge: sa.select(watches.c.key)
    .where(watches.c.needs_edge.is_(needs_edge), watches.c.due_at <= sa.bindparam("now"))
    .order_by(watches.c.due_at)
    .limit(sa.bindparam("many"))
    for needs_edge in (True, False)
}
# Before anything is watched the sync is due, and has been for ever: it has no row yet to say so.
_FOR_EVER = sa.literal(datetime(1970, 1, 1, tzinfo=UTC), Utc())
SOONEST: dict[bool, sa.ScalarSelect[Any]] = {
    True: soonest(watches.c.due_at, watches.c.needs_edge.is_(True)),
    False: sa.select(
        sa.func.coalesce(soonest(watches.c.due_at, watches.c.needs_edge.is_(False)), _FOR_EVER, type_=Utc())
    ).scalar_subquery(),
}
_NEXT = {needs_edge: sa.select(earliest) for needs_edge, earliest in SOONEST.items()}


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
    row = tx.execute(_BY_KEY, {"key": key}).first()
    return None if row is None else _watch(row)


def watches_of(tx: ReadTx, placement: Placement, *kinds: Kind) -> tuple[Watch, ...]:
    """Return the placement's watches of these kinds, by key."""
    sought = {"service": placement.service, "environment": placement.environment, "kinds": list(kinds)}
    return tuple(_watch(row) for row in tx.execute(_BY_PLACEMENT, sought))


def list_watches(tx: ReadTx) -> tuple[Watch, ...]:
    """Return every watch that lasts."""
    return tuple(_watch(row) for row in tx.execute(_LASTING))


def due_keys(tx: ReadTx, limit: int, *, needs_edge: bool) -> list[str]:
    """Return what has to be looked at now, the most overdue first; before anything is watched, the sync."""
    keys = [row.key for row in tx.execute(_DUE[needs_edge], {"now": tx.now, "many": limit})]
    if keys or needs_edge:
        return keys
    due = next_due(tx, needs_edge=False)
    return [SYNC.key] if due is not None and due <= tx.now else []


def next_due(tx: ReadTx, *, needs_edge: bool) -> datetime | None:
    """Return when something has to be looked at next."""
    due: datetime | None = tx.execute(_NEXT[needs_edge]).scalar()
    return due
