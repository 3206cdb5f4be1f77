"""Alerts whose muting began or ended are looked at again. Nothing outside is touched."""

from __future__ import annotations

from typing import NoReturn

from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.model import alerts
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest


def reconciler() -> AnyReconciler:
    """Return the reconciler of `alerts.due_at`."""
    return Reconciler[Effect, None](
        name="alerts.muting",
        due=queries.due_ids,
        next_due=queries.next_due,
        soonest=soonest(alerts.c.due_at),
        plan=service.look_again,
        perform=_nothing_outside,
        settle=_nothing_to_settle,
    )


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"looking again has no effect, yet there is {effect.key}")


def _nothing_to_settle(tx: object, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"looking again has no effect, yet there is {effect.key}")
