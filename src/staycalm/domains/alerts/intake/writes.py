"""Many rows in one statement that is built once; what is the same for all rows is said once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from staycalm.domains.alerts.model import alerts
from staycalm.kit.database import Tx
from staycalm.kit.database.tables import Utc

Row = dict[str, Any]


def insert_alerts(tx: Tx, rows: Sequence[Row]) -> int:
    """The alerts are open, except those whose key is open already; returns how many there are now."""
    at = _written(tx)
    return tx.execute(_insert(tx.dialect), [{**row, "at": at} for row in rows]).rowcount


def change_alerts(tx: Tx, rows: Sequence[Row]) -> int:
    """Those of the alerts that are open say what was reported last; returns how many were."""
    at = _written(tx)
    return tx.execute(_change(tx.dialect), [{**row, "at": at} for row in rows]).rowcount


def close_alerts(tx: Tx, ids: Sequence[str]) -> None:
    """Those of the alerts that are open are resolved."""
    at = _written(tx)
    tx.execute(_close(tx.dialect), [{"alert_id": id, "at": at} for id in ids])


def _written(tx: Tx) -> Any:
    """Return this instant as the database holds it: written down once and not once a row."""
    return Utc().process_bind_param(tx.now, tx.connection.dialect)


def _at(dialect: str) -> sa.BindParameter[Any]:
    return sa.bindparam("at", type_=sa.String() if dialect == "sqlite" else Utc())


@cache
def _insert(dialect: str) -> sa.UpdateBase:
    insert = postgresql.insert(alerts) if dialect == "postgresql" else sqlite.insert(alerts)
    at = _at(dialect)
    named = ("id", "group_id", "dedup_key", "service", "environment", "rule", "priority", "summary", "source",
             "labels", "details", "escalates", "state", "suppressed_by", "flaps", "due_at")  # fmt: skip
    return (
        insert.values(
            **{name: sa.bindparam(name, type_=alerts.c[name].type) for name in named},
            key=sa.bindparam("dedup_key", type_=alerts.c.key.type),
            version=1,
            opened_at=at,
            changed_at=at,
        )
        .on_conflict_do_nothing(index_elements=["service", "dedup_key"])
        .execution_options(preserve_rowcount=True)
    )


@cache
def _change(dialect: str) -> sa.UpdateBase:
    at = _at(dialect)
    return (
        alerts.update()
        .where(alerts.c.id == sa.bindparam("alert_id"), alerts.c.dedup_key.isnot(None))
        .values(
            priority=sa.bindparam("new_priority"),
            summary=sa.bindparam("new_summary"),
            labels=sa.bindparam("new_labels"),
            details=sa.bindparam("new_details"),
            escalates=sa.bindparam("new_escalates"),
            # With other labels or another priority it may be muted by something else, or by nothing.
            due_at=sa.case((alerts.c.state == "suppressed", at), else_=sa.type_coerce(alerts.c.due_at, at.type)),
            changed_at=at,
            version=alerts.c.version + 1,
        )
        .execution_options(preserve_rowcount=True)
    )


@cache
def _close(dialect: str) -> sa.UpdateBase:
    at = _at(dialect)
    return (
        alerts.update()
        .where(alerts.c.id == sa.bindparam("alert_id"), alerts.c.dedup_key.isnot(None))
        .values(
            state="resolved",
            dedup_key=None,
            due_at=None,
            suppressed_by=None,
            resolved_at=at,
            changed_at=at,
            version=alerts.c.version + 1,
        )
    )
