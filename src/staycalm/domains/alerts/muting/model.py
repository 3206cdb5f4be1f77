"""Tables of silences and maintenances. One that ended early has `until` set to its end."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

silences = sa.Table(
    "alert_silences",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("matchers", Json, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("starts_at", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Index("ix_alert_silences_until", "until"),
)

maintenances = sa.Table(
    "alert_maintenances",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("service", sa.String(63)),
    sa.Column("environment", sa.String(63)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("starts_at", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Index("ix_alert_maintenances_until", "until"),
)
