"""Alerts whose muting began or ended are looked at again, and what was asked for many goes on.

Nothing outside is touched.
"""

from __future__ import annotations

from typing import NoReturn

from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.bulk import queries as bulk_queries
from staycalm.domains.alerts.bulk import service as bulk
from staycalm.domains.alerts.bulk.model import bulks
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


def bulk_reconciler() -> AnyReconciler:
    """Return the reconciler of `alert_bulks.due_at`; a thousand alerts at a time, so that others get a turn."""
    return Reconciler[Effect, None](
        name="alerts.bulk",
        due=bulk_queries.due_ids,
        next_due=bulk_queries.next_due,
        soonest=soonest(bulks.c.due_at),
        plan=bulk.go_on,
        perform=_nothing_outside,
        settle=_nothing_to_settle,
        batch=1,
    )


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"nothing here has an effect, yet there is {effect.key}")


def _nothing_to_settle(tx: object, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"nothing here has an effect, yet there is {effect.key}")
