"""Steps and time-outs of acknowledgements, taken when due. The database is all there is to change."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.domains.oncall.escalations import queries, service
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconciler() -> AnyReconciler:
    """Return what takes due steps, the most urgent first. The messages they queue leave by another one."""
    return Reconciler(
        name="oncall.escalations",
        due=_due,
        next_due=_next_due,
        soonest=soonest(escalations.c.due_at),
        plan=_plan,
        perform=_nothing,
        settle=_settled,
        batch=256,
    )


def _due(tx: ReadTx, limit: int) -> list[str]:
    statement = (
        sa.select(escalations.c.id)
        .where(escalations.c.due_at <= tx.now)
        .order_by(escalations.c.priority, escalations.c.due_at)
        .limit(limit)
    )
    return [row.id for row in tx.rows(statement)]


def _next_due(tx: ReadTx) -> datetime | None:
    due: datetime | None = tx.scalar(
        sa.select(escalations.c.due_at)
        .where(escalations.c.due_at.is_not(None))
        .order_by(escalations.c.due_at)
        .limit(1)
    )
    return due


def _plan(tx: Tx, id: str) -> None:
    found = queries.find_escalation(tx, id)
    if found is None or found.due_at is None or found.due_at > tx.now:
        return
    if found.state == "acknowledged":
        service.page_again(tx, SYSTEM, found.subject, reason="the acknowledgement timed out")
    elif found.state == "escalating":
        service.take_due_step(tx, found)


async def _nothing(_effect: Effect) -> None:
    return None


def _settled(_tx: Tx, _id: str, _effect: Effect, _outcome: object) -> None:
    return None
