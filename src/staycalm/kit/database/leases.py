"""Who may act on something for the next seconds, fenced: a lease that moved on has a higher fence.

Clocks of several servers differ, and each may be set. So a lease is over when somebody has not seen it change for
as long as it lasts, by a clock of their own that nobody sets (Kubernetes' leader election does likewise). Every
renewal changes `until`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.kit.database.tables import leases
from staycalm.kit.database.transaction import ReadTx, Tx

MOST_HELD = 5000
# Several are asked with every step of every reconciler: building a statement costs more than running it.
_HAS_IT = (leases.c.name == sa.bindparam("which")) & (leases.c.holder == sa.bindparam("whose"))
_KEPT = leases.update().where(_HAS_IT)
_GIVEN_BACK = leases.delete().where(_HAS_IT)
_IS_MINE = leases.c.holder == sa.bindparam("whose")
_IS_AS_SEEN = (leases.c.holder == sa.bindparam("seen_holder")) & (leases.c.until == sa.bindparam("seen_until"))
_TAKEN = (
    leases.update()
    .where(leases.c.name == sa.bindparam("which"), sa.or_(_IS_MINE, _IS_AS_SEEN))
    .values(
        until=sa.bindparam("until_then", type_=leases.c.until.type),
        holder=sa.bindparam("whose"),
        fence=sa.case((_IS_MINE, leases.c.fence), else_=leases.c.fence + 1),
    )
    .returning(leases.c.fence)
)
_BURIED = leases.delete().where(leases.c.name == sa.bindparam("which"), _IS_AS_SEEN)
_ELSEWHERE = (
    sa.select(leases.c.name, leases.c.holder, leases.c.until)
    .where(leases.c.holder != sa.bindparam("whose"))
    .limit(MOST_HELD)
)


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a lease, and until when by their own clock; every renewal makes another of it."""

    holder: str
    until: datetime


class Sightings:
    """For how long one process has seen leases as they are. `monotonic` gives seconds that nobody sets."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Held, float]] = {}

    def look(self, held: Mapping[str, Held]) -> None:
        """These are the leases now; one that is not among them is forgotten."""
        now_s = self._monotonic()
        before = self._seen
        self._seen = {
            name: (each, before[name][1] if name in before and before[name][0] == each else now_s)
            for name, each in held.items()
        }

    def unchanged_for(self, at_least_s: float) -> dict[str, Held]:
        """Return the leases that nobody has renewed for so long."""
        until_s = self._monotonic() - at_least_s
        return {name: each for name, (each, since_s) in self._seen.items() if since_s <= until_s}

    def unchanged_s(self, name: str) -> float:
        """Return for how long the lease has been as it is, 0 for one that was not there at the last look."""
        seen = self._seen.get(name)
        return self._monotonic() - seen[1] if seen is not None else 0.0

    def find_over(self, name: str, after_s: float) -> Held | None:
        """Return the lease if nobody has renewed it for so long, else None."""
        seen = self._seen.get(name)
        return seen[0] if seen is not None and self._monotonic() - seen[1] >= after_s else None


def acquire(tx: Tx, name: str, holder: str, *, ttl_s: float, over: Held | None = None) -> int | None:
    """Return the fence when `holder` has the lease for `ttl_s` seconds from now, None when another has it.

    Acquiring again renews and keeps the fence; taking over one that is still as when it was seen to be `over`
    raises it.
    """
    until = tx.now + timedelta(seconds=ttl_s)
    if tx.insert_or_ignore(leases, {"name": name, "holder": holder, "until": until, "fence": 1}, on=["name"]):
        return 1
    seen = {"seen_holder": over.holder if over else None, "seen_until": over.until if over else None}
    taken = {"which": name, "whose": holder, "until_then": until, **seen}
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


def bury(tx: Tx, name: str, over: Held) -> bool:
    """Return whether the lease was still as it was when it was `over`; its row is gone then."""
    seen = {"which": name, "seen_holder": over.holder, "seen_until": over.until}
    return tx.execute(_BURIED, seen).rowcount > 0


def held_by_others(tx: ReadTx, holder: str) -> dict[str, Held]:
    """Return all leases that someone else has, or had and never gave back."""
    return {row.name: Held(row.holder, row.until) for row in tx.execute(_ELSEWHERE, {"whose": holder})}
