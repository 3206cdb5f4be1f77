"""Reading alerts and groups. Every list has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.core.pagination import Page, check_limit
from staycalm.core.priority import PRIORITIES, Priority
from staycalm.domains.alerts.browsing.decisions import AlertFilter, StateFilter
from staycalm.domains.alerts.browsing.queries import list_matching
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.alerts.rows import Alert, AlertGroup, alert_of, group_of
from staycalm.kit.database import ReadTx, Tx

GROUP_LIMIT = 500


def find_alert(tx: ReadTx, id: str) -> Alert | None:
    """Return the alert, or None."""
    row = tx.one_or_none(sa.select(alerts).where(alerts.c.id == id))
    return None if row is None else alert_of(row)


def get_alert(tx: ReadTx, id: str) -> Alert:
    """Return the alert; raises NotFound."""
    found = find_alert(tx, id)
    if found is None:
        raise NotFound("no-alert", f"there is no alert {id[:60]}", next_step="See `sc ops alerts`.")
    return found


def get_group(tx: ReadTx, id: str) -> AlertGroup:
    """Return the group; raises NotFound."""
    row = tx.one_or_none(sa.select(alert_groups).where(alert_groups.c.id == id.upper()))
    if row is None:
        raise NotFound("no-alert-group", f"there is no alert group {id[:60]}", next_step="See `sc ops alerts`.")
    return group_of(row)


def alerts_of_group(tx: ReadTx, id: str, *, limit: int = GROUP_LIMIT) -> tuple[Alert, ...]:
    """Return the group's alerts, open ones first, the most urgent first."""
    statement = (
        sa.select(alerts)
        .where(alerts.c.group_id == id)
        .order_by(alerts.c.dedup_key.is_(None), alerts.c.priority, alerts.c.id.desc())
        .limit(limit)
    )
    return tuple(alert_of(row) for row in tx.rows(statement))


def find_open(tx: ReadTx, service: str, dedup_key: str) -> Alert | None:
    """Return the open alert with this key, or None."""
    statement = sa.select(alerts).where(alerts.c.service == service, alerts.c.dedup_key == dedup_key)
    row = tx.one_or_none(statement)
    return None if row is None else alert_of(row)


def find_standing(tx: Tx, group_id: str, rule: str, alert_id: str) -> str | None:
    """Return the alert that the rule stands on: `alert_id` while it is open and not muted, else another such one.

    Whoever ends or mutes it needs the group's row, which is locked: the answer holds until the transaction ends.
    """
    tx.execute(sa.select(alert_groups.c.id).where(alert_groups.c.id == group_id).with_for_update())
    is_loud = alerts.c.state.in_(("firing", "acknowledged"))
    statement = (
        sa.select(alerts.c.id)
        .where(alerts.c.group_id == group_id, alerts.c.rule == rule, is_loud)
        .order_by(alerts.c.id != alert_id, alerts.c.id)
        .limit(1)
    )
    found: str | None = tx.scalar(statement)
    return found


def has_firing(tx: ReadTx, group_id: str) -> bool:
    """Return True when somebody still has to answer for an alert of the group."""
    statement = sa.select(alerts.c.id).where(alerts.c.group_id == group_id, alerts.c.state == "firing").limit(1)
    return tx.scalar(statement) is not None


def list_alerts(
    tx: ReadTx,
    *,
    limit: int,
    state: StateFilter = "open",
    priorities: Sequence[Priority] = PRIORITIES,
    service: str | None = None,
    environment: str | None = None,
    cursor: str | None = None,
) -> Page[Alert]:
    """Return a page: open alerts by urgency, then the newest first; with resolved ones, the newest first."""
    wanted = AlertFilter(
        state=state,
        priorities=tuple(p for p in PRIORITIES if p in priorities),
        service=service or "",
        environment=environment or "",
    )
    return list_matching(tx, wanted, limit=check_limit(limit), cursor=cursor)


def list_open(tx: ReadTx, *, priority: Priority | None = None, limit: int = 50) -> tuple[Alert, ...]:
    """Return open alerts, the most urgent first."""
    return list_alerts(tx, limit=limit, priorities=PRIORITIES if priority is None else (priority,)).items


def count_open(tx: ReadTx) -> dict[Priority, int]:
    """Return how many alerts are open per priority, suppressed ones not counted."""
    statement = (
        sa.select(alerts.c.priority, sa.func.count().label("many"))
        .where(alerts.c.dedup_key.isnot(None), alerts.c.state != "suppressed")
        .group_by(alerts.c.priority)
    )
    counted = {row.priority: row.many for row in tx.rows(statement)}
    return {priority: counted.get(priority, 0) for priority in PRIORITIES}


def due_ids(tx: ReadTx, limit: int) -> list[str]:
    """Return alerts that have to be looked at again now, the most overdue first."""
    statement = sa.select(alerts.c.id).where(alerts.c.due_at <= tx.now).order_by(alerts.c.due_at).limit(limit)
    return [row.id for row in tx.rows(statement)]


def next_due(tx: ReadTx) -> datetime | None:
    """Return when the next alert has to be looked at again."""
    statement = sa.select(alerts.c.due_at).where(alerts.c.due_at.isnot(None)).order_by(alerts.c.due_at).limit(1)
    due: datetime | None = tx.scalar(statement)
    return due
