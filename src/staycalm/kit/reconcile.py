"""The one way to act on the outside: due, plan, perform, settle.

`plan` commits the intent, `perform` acts through a port with no transaction open, `settle` commits the
result. Every effect is "set X", so that any of the three may be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from staycalm.core.errors import PortError
from staycalm.kit.database import ReadTx, Tx


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One wish to the outside. `key` is its idempotency key: the same key is the same effect."""

    key: str


E = TypeVar("E", bound=Effect)
O = TypeVar("O")  # noqa: E741 - the outcome


@dataclass(frozen=True)
class Reconciler(Generic[E, O]):
    """How one kind of row is driven. The engine claims `name:id` between plan and settle.

    due(tx, limit)   ids whose due time has come, most urgent first
    next_due(tx)     earliest due time of all, or None
    soonest          the same as a statement, so that the engine asks every reconciler in one query
    plan(tx, id)     the effect to perform now, or None when the database was all there was to change
    perform(effect)  raises nothing but PortError
    settle(tx, id, effect, outcome or PortError)   sets the next due time
    needs_edge       only the process that drives this machine's proxy and processes may run it
    carry(effect, outcome)   for effects that may go on while no commit succeeds: the effect to repeat
    """

    name: str
    due: Callable[[ReadTx, int], list[str]]
    next_due: Callable[[ReadTx], datetime | None]
    plan: Callable[[Tx, str], E | None]
    perform: Callable[[E], Awaitable[O]]
    settle: Callable[[Tx, str, E, O | PortError], None]
    carry: Callable[[E, O], E | None] | None = None
    soonest: sa.ScalarSelect[Any] | None = None
    batch: int = 64
    needs_edge: bool = False


AnyReconciler = Reconciler[Any, Any]


def soonest(due_at: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """Return the earliest value of an indexed due column, as part of a larger query."""
    statement = sa.select(due_at).where(due_at.is_not(None), *conditions).order_by(due_at).limit(1)
    return statement.scalar_subquery()
