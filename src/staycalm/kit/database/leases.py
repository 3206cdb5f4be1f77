"""Who may act on something for the next seconds, fenced: a lease that moved on has a higher fence."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from staycalm.kit.database.tables import leases
from staycalm.kit.database.transaction import ReadTx, Tx

MOST_HELD = 5000


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


def give_back(tx: Tx, name: str, holder: str) -> bool:
    """Return whether `holder` still had the lease; its row is gone then. Another's lease is not touched."""
    statement = leases.delete().where(leases.c.name == name, leases.c.holder == holder)
    return tx.execute(statement).rowcount > 0


def held_by_others(tx: ReadTx, holder: str) -> frozenset[str]:
    """Return the names of all leases that someone else has now."""
    statement = sa.select(leases.c.name).where(leases.c.holder != holder, leases.c.until > tx.now).limit(MOST_HELD)
    return frozenset(row.name for row in tx.rows(statement))
