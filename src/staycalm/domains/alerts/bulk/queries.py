"""Reading what was asked for many alerts at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import NotFound
from staycalm.domains.alerts.bulk.decisions import AT_ONCE, Bulk
from staycalm.domains.alerts.bulk.model import bulk_items, bulks
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.rows import Alert, alert_of
from staycalm.kit.database import ReadTx


def bulk_of(row: sa.Row[Any]) -> Bulk:
    """Return the bulk a row holds."""
    values = {name: getattr(row, name) for name in Bulk.__slots__ if name != "actor"}
    return Bulk(**values, actor=Actor(row.actor_kind, row.actor_id, row.actor_name))


def find_bulk(tx: ReadTx, id: str) -> Bulk | None:
    """Return the bulk BLK-n, or None."""
    row = tx.one_or_none(sa.select(bulks).where(bulks.c.id == id.upper()[:20]))
    return None if row is None else bulk_of(row)


def get_bulk(tx: ReadTx, id: str) -> Bulk:
    """Return the bulk; raises NotFound."""
    found = find_bulk(tx, id)
    if found is None:
        raise NotFound("no-bulk", f"there is no {id[:40]}: nothing is known of it any more")
    return found


def locked(tx: ReadTx, ids: Sequence[str]) -> list[Alert]:
    """Return these alerts, at most a thousand, as they are now and stay until the transaction ends."""
    statement = sa.select(alerts).where(alerts.c.id.in_(list(ids)[:AT_ONCE])).order_by(alerts.c.id)
    return [alert_of(row) for row in tx.rows(statement.with_for_update())]


def items_after(tx: ReadTx, bulk: str, cursor: str) -> dict[str, int]:
    """Return the next thousand alerts the bulk changed, with the version it left them at."""
    c = bulk_items.c
    statement = (
        sa.select(c.alert, c.version).where(c.bulk == bulk, c.alert > cursor).order_by(c.alert).limit(AT_ONCE)
    )
    return {row.alert: row.version for row in tx.rows(statement)}


def due_ids(tx: ReadTx, limit: int) -> list[str]:
    """Return bulks with something left to do."""
    statement = sa.select(bulks.c.id).where(bulks.c.due_at <= tx.now).order_by(bulks.c.due_at).limit(limit)
    return [row.id for row in tx.rows(statement)]


def next_due(tx: ReadTx) -> datetime | None:
    """Return when the next bulk goes on."""
    statement = sa.select(bulks.c.due_at).where(bulks.c.due_at.isnot(None)).order_by(bulks.c.due_at).limit(1)
    due: datetime | None = tx.scalar(statement)
    return due
