"""Tables of health reports and of their parts. When each is due is a watch."""

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
    sa.Index("ix_health_reports_finished", "finished_at"),
)
_open = reports.c.finished_at.is_(None)
sa.Index("ix_health_reports_open", reports.c.is_on_demand, sqlite_where=_open, postgresql_where=_open)

checks = sa.Table(
    "health_checks",
    metadata,
    sa.Column("report_id", sa.String(36), primary_key=True),
    sa.Column("service", sa.String(63), primary_key=True),
    sa.Column("environment", sa.String(63), primary_key=True),
    # NULL until the check is made.
    sa.Column("findings", Json),
)
