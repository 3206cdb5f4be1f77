"""Alerts and groups as values, and the rows they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from staycalm.core.priority import Priority
from staycalm.domains.alerts.machine import AlertState


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
