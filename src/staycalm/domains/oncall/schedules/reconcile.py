"""Shift boundaries: at each one the role moves on. Nothing outside to do."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from staycalm.domains.oncall.schedules import service
from staycalm.domains.oncall.schedules.model import schedules
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconciler() -> AnyReconciler:
    """Return what moves the on-call role at every change of the final schedule."""
    return Reconciler(
        name="oncall.shifts",
        due=_due,
        next_due=_next_due,
        plan=_plan,
        perform=_nothing,
        settle=_settled,
        soonest=soonest(schedules.c.due_at),
    )


def _due(tx: ReadTx, limit: int) -> list[str]:
    statement = sa.select(schedules.c.name).where(schedules.c.due_at <= tx.now)
    return [row.name for row in tx.rows(statement.order_by(schedules.c.due_at).limit(limit))]


def _next_due(tx: ReadTx) -> datetime | None:
    due: datetime | None = tx.scalar(
        sa.select(schedules.c.due_at).where(schedules.c.due_at.is_not(None)).order_by(schedules.c.due_at).limit(1)
    )
    return due


def _plan(tx: Tx, name: str) -> None:
    service.refresh(tx, name)


async def _nothing(_effect: Effect) -> None:
    return None


def _settled(_tx: Tx, _name: str, _effect: Effect, _outcome: object) -> None:
    return None
