"""Tables of alerts and alert groups."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

alert_groups = sa.Table(
    "alert_groups",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    # `service@environment` while open, NULL when resolved: one open group per placement.
    sa.Column("open_key", sa.String(130), unique=True),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    # rule -> the priority last told of, or "suppressed".
    sa.Column("announced", Json, nullable=False),
    sa.Column("escalated_to", sa.String(10)),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("resolved_at", Utc),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(20), nullable=False),
    # NULL exactly when the alert is closed, so that the unique constraint is the deduplication.
    sa.Column("dedup_key", sa.String(255)),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("source", sa.String(100), nullable=False),
    sa.Column("labels", Json, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("escalates", sa.String(10), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("suppressed_by", sa.String(20)),
    sa.Column("acknowledged_by", sa.String(200)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("flaps", sa.Integer, nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("changed_at", Utc, nullable=False),
    sa.Column("resolved_at", Utc),
    sa.Column("due_at", Utc),
    sa.UniqueConstraint("service", "dedup_key"),
    sa.CheckConstraint("(state = 'resolved') = (dedup_key IS NULL)", name="ck_alerts_dedup_key_while_open"),
    sa.Index("ix_alerts_group", "group_id"),
    sa.Index("ix_alerts_past", "service", "key", "resolved_at"),
    sa.Index("ix_alerts_resolved", "resolved_at"),
    sa.Index("ix_alerts_service", "service", "id"),
)
_closed = alerts.c.dedup_key.is_(None)
sa.Index("ix_alerts_closed", alerts.c.id, sqlite_where=_closed, postgresql_where=_closed)
_open = alerts.c.dedup_key.isnot(None)
# Holds every column that a facet counts, so that counting reads no row.
sa.Index(
    "ix_alerts_facets",
    alerts.c.priority,
    alerts.c.state,
    alerts.c.service,
    alerts.c.environment,
    alerts.c.source,
    sqlite_where=_open,
    postgresql_where=_open,
)
sa.Index("ix_alerts_open", alerts.c.priority, alerts.c.id, sqlite_where=_open, postgresql_where=_open)
_due = alerts.c.due_at.isnot(None)
sa.Index("ix_alerts_due", alerts.c.due_at, sqlite_where=_due, postgresql_where=_due)
_suppressed = alerts.c.suppressed_by.isnot(None)
sa.Index("ix_alerts_suppressed", alerts.c.suppressed_by, sqlite_where=_suppressed, postgresql_where=_suppressed)
