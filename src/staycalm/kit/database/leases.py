"""Who may act on something for the next seconds, fenced: a lease that moved on has a higher fence."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from staycalm.kit.database.tables import leases
from staycalm.kit.database.transaction import Tx


def acquire(tx: Tx, name: str, holder: str, *, ttl_s: float) -> int | None:
    """Return the fence when `holder` has the lease for `ttl_s` seconds from now, None when another has it.

    Acquiring again renews and keeps the fence; taking over an expired lease raises it.
    """
    until = tx.now + timedelta(seconds=ttl_s)
    if tx.insert_or_ignore(leases, {"name": name, "holder": holder, "until": until, "fence": 1}, on=["name"]):
        return 1
    is_mine = leases.c.holder == holder
    fence: int | None = tx.scalar(
        leases.update()
        .where(leases.c.name == name, sa.or_(is_mine, leases.c.until <= tx.now))
        .values(until=until, holder=holder, fence=sa.case((is_mine, leases.c.fence), else_=leases.c.fence + 1))
        .returning(leases.c.fence)
    )
    return fence


def renew(tx: Tx, name: str, holder: str, *, ttl_s: float) -> bool:
    """Return whether `holder` still had the lease, which now lasts `ttl_s` seconds from now."""
    statement = leases.update().where(leases.c.name == name, leases.c.holder == holder)
    return tx.guarded_update(statement.values(until=tx.now + timedelta(seconds=ttl_s))) > 0


def release(tx: Tx, name: str, holder: str) -> None:
    """The lease is free, if `holder` had it; its fence is remembered."""
    tx.execute(
        leases.update().where(leases.c.name == name, leases.c.holder == holder).values(until=tx.now, holder="")
    )


def forget(tx: Tx, name: str) -> None:
    """The lease row is gone: for leases on one-off work whose fence nobody will compare again."""
    tx.execute(leases.delete().where(leases.c.name == name))


def forget_all_held(tx: Tx) -> None:
    """Every lease is free: only right where a lock outside proves that no other process lives (SQLite)."""
    tx.execute(leases.update().values(until=tx.now, holder=""))
