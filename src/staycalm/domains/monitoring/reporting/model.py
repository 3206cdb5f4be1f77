"""Tables of health reports and of their parts."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

reports = sa.Table(
    "health_reports",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("is_on_demand", sa.Boolean, nullable=False),
    sa.Column("asked_by", sa.String(200), nullable=False),
    sa.Column("asked_at", Utc, nullable=False),
    sa.Column("started_at", Utc),
    sa.Column("finished_at", Utc),
    sa.Column("ok", sa.Boolean),
    sa.Column("findings", Json),
    sa.Column("due_at", Utc),
    sa.Index("ix_health_reports_finished", "finished_at"),
)
_waiting = reports.c.due_at.isnot(None)
sa.Index("ix_health_reports_due", reports.c.due_at, sqlite_where=_waiting, postgresql_where=_waiting)

checks = sa.Table(
    "health_checks",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("report_id", sa.String(36), nullable=False),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("needs_edge", sa.Boolean, nullable=False),
    sa.Column("findings", Json),
    sa.Column("due_at", Utc),
    sa.Index("ix_health_checks_report", "report_id"),
)
_open = checks.c.due_at.isnot(None)
sa.Index("ix_health_checks_due", checks.c.needs_edge, checks.c.due_at, sqlite_where=_open, postgresql_where=_open)
