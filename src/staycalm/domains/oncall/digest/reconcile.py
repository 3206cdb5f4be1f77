"""Digests that are due. Nothing outside to do: the message leaves like every other."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from staycalm.domains.oncall.digest import service
from staycalm.domains.oncall.digest.model import digests
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconciler() -> AnyReconciler:
    """Return what queues each person's digest at their time of day."""
    return Reconciler(
        name="oncall.digests",
        due=_due,
        next_due=_next_due,
        plan=service.send,
        perform=_nothing,
        settle=_settled,
        soonest=soonest(digests.c.due_at),
    )


def _due(tx: ReadTx, limit: int) -> list[str]:
    statement = sa.select(digests.c.person).where(digests.c.due_at <= tx.now)
    return [row.person for row in tx.rows(statement.order_by(digests.c.due_at).limit(limit))]


def _next_due(tx: ReadTx) -> datetime | None:
    due: datetime | None = tx.scalar(sa.select(digests.c.due_at).order_by(digests.c.due_at).limit(1))
    return due


async def _nothing(_effect: Effect) -> None:
    return None


def _settled(_tx: Tx, _name: str, _effect: Effect, _outcome: object) -> None:
    return None
