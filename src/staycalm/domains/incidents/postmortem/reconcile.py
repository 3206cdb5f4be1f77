"""Post-mortems and action items whose day is over are told of, once. Nothing outside to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

import sqlalchemy as sa

from staycalm.domains.incidents.postmortem import actions, service
from staycalm.domains.incidents.postmortem.model import action_items, post_mortem_reminders
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconcilers() -> list[AnyReconciler]:
    """Return what tells of post-mortems and of action items that are overdue."""
    papers, items = post_mortem_reminders.c, action_items.c
    return [
        _reminder("incidents.post-mortems", papers.incident, papers.due_at, service.tell_overdue),
        _reminder("incidents.action-items", items.number, items.due_at, actions.tell_overdue),
    ]


def _reminder(
    name: str, id: sa.Column[str] | sa.Column[int], due_at: sa.Column[datetime], tell: Callable[[Tx, str], None]
) -> AnyReconciler:
    def due(tx: ReadTx, limit: int) -> list[str]:
        late = sa.select(id).where(due_at.isnot(None), due_at <= tx.now).order_by(due_at, id).limit(limit)
        return [str(row[0]) for row in tx.rows(late)]

    def next_due(tx: ReadTx) -> datetime | None:
        first: datetime | None = tx.scalar(sa.select(soonest(due_at)))
        return first

    def plan(tx: Tx, row: str) -> None:
        tell(tx, row)

    return Reconciler[Effect, None](
        name=name,
        due=due,
        next_due=next_due,
        soonest=soonest(due_at),
        plan=plan,
        perform=_nothing_outside,
        settle=_nothing_to_settle,
    )


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"nothing here has an effect, yet there is {effect.key}")


def _nothing_to_settle(tx: object, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"nothing here has an effect, yet there is {effect.key}")
