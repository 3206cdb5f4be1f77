"""The table of days. `at` is the start of a day in UTC."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Utc, metadata

days = sa.Table(
    "monitoring_days",
    metadata,
    sa.Column("service", sa.String(63), primary_key=True),
    sa.Column("environment", sa.String(63), primary_key=True),
    sa.Column("probe", sa.String(100), primary_key=True),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("watched_s", sa.Float, nullable=False),
    sa.Column("down_s", sa.Float, nullable=False),
    sa.Index("ix_monitoring_days_at", "at"),
)
