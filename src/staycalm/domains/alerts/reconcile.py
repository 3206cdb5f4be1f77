"""Chores of alerts in the database: looking again when muting began or ended, and forgetting in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

import sqlalchemy as sa

from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest

FORGET = "resolved"


def reconcilers(settings: AlertsSettings) -> tuple[AnyReconciler, ...]:
    """Return the reconcilers of the domain. None of them touches the outside."""
    return (
        _chore("alerts.muting", queries.due_ids, queries.next_due, service.look_again, soonest(alerts.c.due_at)),
        _chore(
            "alerts.retention",
            partial(_old_enough, keep_s=settings.keep_resolved_s),
            partial(queries.next_old, keep_s=settings.keep_resolved_s),
            partial(_forget, keep_s=settings.keep_resolved_s),
        ),
    )


def _chore(
    name: str,
    due: Callable[[ReadTx, int], list[str]],
    next_due: Callable[[ReadTx], datetime | None],
    plan: Callable[[Tx, str], None],
    earliest: sa.ScalarSelect[Any] | None = None,
) -> AnyReconciler:
    return Reconciler[Effect, None](
        name=name,
        due=due,
        next_due=next_due,
        soonest=earliest,
        plan=plan,
        perform=_nothing_outside,
        settle=_nothing_to_settle,
    )


def _old_enough(tx: ReadTx, _limit: int, *, keep_s: float) -> list[str]:
    due = queries.next_old(tx, keep_s=keep_s)
    return [FORGET] if due is not None and due <= tx.now else []


def _forget(tx: Tx, _id: str, *, keep_s: float) -> None:
    service.forget_resolved(tx, keep_s=keep_s)


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"a chore has no effect, yet there is {effect.key}")


def _nothing_to_settle(tx: Tx, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"a chore has no effect, yet there is {effect.key}")
