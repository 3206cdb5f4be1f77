"""Alerts whose muting began or ended are looked at again. Nothing outside is touched."""

from __future__ import annotations

from typing import NoReturn

from staycalm.domains.alerts import queries, service
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect, Reconciler


def reconciler() -> Reconciler[Effect, None]:
    """Return the reconciler of `alerts.due_at`."""
    return Reconciler(
        name="alerts.muting",
        due=queries.due_ids,
        next_due=queries.next_due,
        plan=_plan,
        perform=_nothing_outside,
        settle=_nothing_to_settle,
        batch=200,
    )


def _plan(tx: Tx, id: str) -> None:
    service.look_again(tx, id)


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"no alert has an effect, yet there is {effect.key}")


def _nothing_to_settle(tx: Tx, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"no alert has an effect, yet there is {effect.key}")
