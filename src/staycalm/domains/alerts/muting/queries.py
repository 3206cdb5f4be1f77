"""Reading silences and maintenances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.alerts.muting.decisions import Maintenance, Mute, Silence, parse_matcher
from staycalm.domains.alerts.muting.model import maintenances, silences
from staycalm.kit.database import ReadTx

# More than this at once is refused at creation, so that reading all of them is bounded.
ACTIVE_LIMIT = 500


def silence_of(row: sa.Row[Any]) -> Silence:
    """Return the silence a row holds."""
    matchers = tuple(parse_matcher(text) for text in row.matchers)
    return Silence(row.id, matchers, row.reason, row.owner, row.starts_at, row.until)


def maintenance_of(row: sa.Row[Any]) -> Maintenance:
    """Return the maintenance a row holds."""
    return Maintenance(row.id, row.service, row.environment, row.reason, row.owner, row.starts_at, row.until)


def list_silences(tx: ReadTx, *, is_active: bool = True, limit: int = ACTIVE_LIMIT) -> tuple[Silence, ...]:
    """Return silences in force (or all, the latest end first)."""
    return tuple(silence_of(row) for row in _latest(tx, silences, is_active=is_active, limit=limit))


def list_maintenances(tx: ReadTx, *, is_active: bool = True, limit: int = ACTIVE_LIMIT) -> tuple[Maintenance, ...]:
    """Return maintenances in force (or all, the latest end first)."""
    return tuple(maintenance_of(row) for row in _latest(tx, maintenances, is_active=is_active, limit=limit))


def _latest(tx: ReadTx, table: sa.Table, *, is_active: bool, limit: int) -> Sequence[sa.Row[Any]]:
    in_force, everything = _statements(table)
    if is_active:
        return tx.execute(in_force, {"now": tx.now, "many": limit}).all()
    return tx.execute(everything, {"many": limit}).all()


@cache
def _statements(table: sa.Table) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return what reads those in force, and all, the latest end first. Built once: intake asks in every commit."""
    everything = sa.select(table).order_by(table.c.until.desc(), table.c.id).limit(sa.bindparam("many"))
    return everything.where(table.c.until > sa.bindparam("now", type_=table.c.until.type)), everything


def list_mutes(tx: ReadTx) -> tuple[Mute, ...]:
    """Return everything that mutes alerts now."""
    return (*list_silences(tx), *list_maintenances(tx))


def find_mutes(tx: ReadTx, ids: Sequence[str]) -> dict[str, Mute]:
    """Return silences and maintenances, also ended ones, by id; at most a hundred."""
    wanted = list(ids)[:100]
    found: list[Mute] = [silence_of(row) for row in tx.rows(sa.select(silences).where(silences.c.id.in_(wanted)))]
    rows = tx.rows(sa.select(maintenances).where(maintenances.c.id.in_(wanted)))
    found.extend(maintenance_of(row) for row in rows)
    return {mute.id: mute for mute in found}


def get_silence(tx: ReadTx, id: str) -> Silence:
    """Return the silence; raises NotFound."""
    row = tx.one_or_none(sa.select(silences).where(silences.c.id == id))
    if row is None:
        raise NotFound("no-silence", f"there is no silence {id}")
    return silence_of(row)


def get_maintenance(tx: ReadTx, id: str) -> Maintenance:
    """Return the maintenance; raises NotFound."""
    row = tx.one_or_none(sa.select(maintenances).where(maintenances.c.id == id))
    if row is None:
        raise NotFound("no-maintenance", f"there is no maintenance {id}")
    return maintenance_of(row)


def find_maintenance_of(tx: ReadTx, service: str, environment: str) -> Maintenance | None:
    """Return the maintenance that covers a placement now, the one that lasts longest, or None."""
    labels = {"service": service, "environment": environment}
    covering = [m for m in list_maintenances(tx) if m.starts_at <= tx.now and m.mutes(labels)]
    return max(covering, key=lambda m: m.until, default=None)
