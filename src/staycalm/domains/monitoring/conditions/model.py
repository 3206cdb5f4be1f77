"""Tables of declared rules and of conditions."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

rules = sa.Table(
    "monitoring_rules",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
)

conditions = sa.Table(
    "monitoring_conditions",
    metadata,
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("service", sa.String(63), primary_key=True),
    sa.Column("environment", sa.String(63), primary_key=True),
    sa.Column("phase", sa.String(10), nullable=False),
    sa.Column("since", Utc),
    sa.Column("held_s", sa.Float, nullable=False),
    sa.Column("fired_at", Utc),
    sa.Column("health", sa.String(15), nullable=False),
    sa.Column("seen_at", Utc),
    sa.Column("value", sa.Float),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Index("ix_monitoring_conditions_placement", "service", "environment"),
)
