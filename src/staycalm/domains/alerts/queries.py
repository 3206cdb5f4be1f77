"""Reading alerts and groups. Every list has a bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import sqlalchemy as sa

from staycalm.core.errors import Invalid, NotFound
from staycalm.core.pagination import Page, check_limit, cut
from staycalm.core.priority import PRIORITIES, Priority
from staycalm.domains.alerts.machine import AlertState
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.kit.database import ReadTx

StateFilter = Literal["open", "firing", "acknowledged", "suppressed", "resolved", "all"]
KEYS_AT_ONCE = 200
GROUP_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing condition. `dedup_key` is None exactly when it is resolved; `key` is kept for ever."""

    id: str
    group_id: str
    dedup_key: str | None
    key: str
    service: str | None
    environment: str | None
    rule: str
    priority: Priority
    summary: str
    source: str
    labels: Mapping[str, str]
    details: Mapping[str, Any]
    escalates: str
    state: AlertState
    suppressed_by: str | None
    acknowledged_by: str | None
    version: int
    flaps: int
    opened_at: datetime
    changed_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts of one placement, handled as one. `priority` is the most urgent that is or was open in it."""

    id: str
    service: str | None
    environment: str | None
    priority: Priority
    summary: str
    is_open: bool
    escalated_to: str | None
    opened_at: datetime
    resolved_at: datetime | None


def alert_of(row: sa.Row[Any]) -> Alert:
    """Return the alert a row holds."""
    values = {name: getattr(row, name) for name in Alert.__dataclass_fields__}
    values["service"], values["environment"] = row.service or None, row.environment or None
    return Alert(**values)


def group_of(row: sa.Row[Any]) -> AlertGroup:
    """Return the group a row holds."""
    return AlertGroup(
        id=row.id,
        service=row.service or None,
        environment=row.environment or None,
        priority=cast(Priority, row.priority),
        summary=row.summary,
        is_open=row.open_key is not None,
        escalated_to=row.escalated_to,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
    )


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


def _parts(keys: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the distinct keys in parts that fit into one statement."""
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), KEYS_AT_ONCE):
        yield distinct[start : start + KEYS_AT_ONCE]


def has_firing(tx: ReadTx, group_id: str) -> bool:
    """Return True when somebody still has to answer for an alert of the group."""
    statement = sa.select(alerts.c.id).where(alerts.c.group_id == group_id, alerts.c.state == "firing").limit(1)
    return tx.scalar(statement) is not None


def open_by_keys(tx: ReadTx, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Alert]:
    """Return the open alerts among (service, dedup_key) pairs."""
    found: dict[tuple[str, str], Alert] = {}
    for part in _parts(keys):
        pair = sa.tuple_(alerts.c.service, alerts.c.dedup_key)
        for row in tx.rows(sa.select(alerts).where(pair.in_(part))):
            found[row.service, row.dedup_key] = alert_of(row)
    return found


def recent_flaps(tx: ReadTx, keys: Sequence[tuple[str, str]], since: datetime) -> dict[tuple[str, str], int]:
    """Return the highest flap counter per key among alerts resolved since then."""
    found: dict[tuple[str, str], int] = {}
    for part in _parts(keys):
        pair = sa.tuple_(alerts.c.service, alerts.c.key)
        statement = (
            sa.select(alerts.c.service, alerts.c.key, sa.func.max(alerts.c.flaps).label("flaps"))
            .where(pair.in_(part), alerts.c.resolved_at >= since)
            .group_by(alerts.c.service, alerts.c.key)
        )
        found.update({(row.service, row.key): row.flaps for row in tx.rows(statement)})
    return found


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
    by_urgency = state not in ("resolved", "all")
    statement = sa.select(alerts).where(alerts.c.priority.in_(list(priorities)))
    if state == "open":
        statement = statement.where(alerts.c.dedup_key.isnot(None))
    elif state != "all":
        statement = statement.where(alerts.c.state == state)
    if by_urgency and state != "open":
        statement = statement.where(alerts.c.dedup_key.isnot(None))
    if service is not None:
        statement = statement.where(alerts.c.service == service)
    if environment is not None:
        statement = statement.where(alerts.c.environment == environment)
    if cursor is not None:
        statement = statement.where(_after(cursor, by_urgency))
    order = [alerts.c.priority, alerts.c.id.desc()] if by_urgency else [alerts.c.id.desc()]
    rows = tx.rows(statement.order_by(*order).limit(check_limit(limit) + 1))
    return cut([alert_of(row) for row in rows], limit, lambda a: f"{a.priority}.{a.id}" if by_urgency else a.id)


def _after(cursor: str, by_urgency: bool) -> sa.ColumnElement[bool]:
    if not by_urgency:
        return alerts.c.id < cursor
    priority, dot, id = cursor.partition(".")
    if not dot or priority not in PRIORITIES:
        raise Invalid("bad-cursor", "the cursor is not one of this list", next_step="Start again without it.")
    return sa.or_(alerts.c.priority > priority, sa.and_(alerts.c.priority == priority, alerts.c.id < id))


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
