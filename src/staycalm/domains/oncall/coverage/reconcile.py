"""The nightly check of every schedule. Nothing outside to do."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from staycalm.domains.oncall.coverage import service
from staycalm.domains.oncall.schedules.model import schedules
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconciler(settings: OncallSettings) -> AnyReconciler:
    """Return what looks through the coming `coverage_days` of each schedule every night."""

    def plan(tx: Tx, name: str) -> None:
        service.check(tx, name, settings)

    return Reconciler(
        name="oncall.coverage",
        due=_due,
        next_due=_next_due,
        plan=plan,
        perform=_nothing,
        settle=_settled,
        soonest=soonest(schedules.c.coverage_due_at),
    )


def _due(tx: ReadTx, limit: int) -> list[str]:
    statement = sa.select(schedules.c.name).where(schedules.c.coverage_due_at <= tx.now)
    return [row.name for row in tx.rows(statement.order_by(schedules.c.coverage_due_at).limit(limit))]


def _next_due(tx: ReadTx) -> datetime | None:
    due: datetime | None = tx.scalar(
        sa.select(schedules.c.coverage_due_at)
        .where(schedules.c.coverage_due_at.is_not(None))
        .order_by(schedules.c.coverage_due_at)
        .limit(1)
    )
    return due


async def _nothing(_effect: Effect) -> None:
    return None


def _settled(_tx: Tx, _name: str, _effect: Effect, _outcome: object) -> None:
    return None
