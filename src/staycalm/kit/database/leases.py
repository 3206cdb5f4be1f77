"""Who may act on something for the next seconds, fenced: a lease that moved on has a higher fence."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from staycalm.kit.database.tables import leases
from staycalm.kit.database.transaction import ReadTx, Tx

MOST_HELD = 5000
# Several are asked with every step of every reconciler: building a statement costs more than running it.
_HAS_IT = (leases.c.name == sa.bindparam("which")) & (leases.c.holder == sa.bindparam("whose"))
_KEPT = leases.update().where(_HAS_IT)
_GIVEN_BACK = leases.delete().where(_HAS_IT)
_IS_MINE = leases.c.holder == sa.bindparam("whose")
_TAKEN = (
    leases.update()
    .where(leases.c.name == sa.bindparam("which"), sa.or_(_IS_MINE, leases.c.until <= sa.bindparam("now")))
    .values(
        until=sa.bindparam("until_then", type_=leases.c.until.type),
        holder=sa.bindparam("whose"),
        fence=sa.case((_IS_MINE, leases.c.fence), else_=leases.c.fence + 1),
    )
    .returning(leases.c.fence)
)
_ELSEWHERE = (
    sa.select(leases.c.name)
    .where(leases.c.holder != sa.bindparam("whose"), leases.c.until > sa.bindparam("now"))
    .limit(MOST_HELD)
)


def acquire(tx: Tx, name: str, holder: str, *, ttl_s: float) -> int | None:
    """Return the fence when `holder` has the lease for `ttl_s` seconds from now, None when another has it.

    Acquiring again renews and keeps the fence; taking over an expired lease raises it.
    """
    until = tx.now + timedelta(seconds=ttl_s)
    if tx.insert_or_ignore(leases, {"name": name, "holder": holder, "until": until, "fence": 1}, on=["name"]):
        return 1
    taken = {"which": name, "whose": holder, "now": tx.now, "until_then": until}
    fence: int | None = tx.execute(_TAKEN, taken).scalar()
    return fence


def renew(tx: Tx, name: str, holder: str, *, ttl_s: float) -> bool:
    """Return whether `holder` still had the lease, which now lasts `ttl_s` seconds from now."""
    until = tx.now + timedelta(seconds=ttl_s)
    return tx.guarded_update(_KEPT, {"which": name, "whose": holder, "until": until}) > 0


def release(tx: Tx, name: str, holder: str) -> None:
    """The lease is free, if `holder` had it; its fence is remembered."""
    tx.execute(_KEPT, {"which": name, "whose": holder, "until": tx.now, "holder": ""})


def forget(tx: Tx, name: str) -> None:
    """The lease row is gone: for leases on one-off work whose fence nobody will compare again."""
    tx.execute(leases.delete().where(leases.c.name == name))


def give_back(tx: Tx, name: str, holder: str) -> bool:
    """Return whether `holder` still had the lease; its row is gone then. Another's lease is not touched."""
    return tx.execute(_GIVEN_BACK, {"which": name, "whose": holder}).rowcount > 0


def held_by_others(tx: ReadTx, holder: str) -> frozenset[str]:
    """Return the names of all leases that someone else has now."""
    return frozenset(row.name for row in tx.execute(_ELSEWHERE, {"whose": holder, "now": tx.now}))
