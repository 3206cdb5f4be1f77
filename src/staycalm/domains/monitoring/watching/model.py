"""The table of watched things."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

watches = sa.Table(
    "monitoring_watches",
    metadata,
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("needs_edge", sa.Boolean, nullable=False),
    sa.Column("interval_s", sa.Float, nullable=False),
    sa.Column("down_after", sa.Integer, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("took_s", sa.Float),
    sa.Column("seen_at", Utc),
    sa.Column("cursor", sa.Text),
    sa.Column("body", Json),
    sa.Index("ix_monitoring_watches_due", "needs_edge", "due_at"),
    sa.Index("ix_monitoring_watches_placement", "service", "environment", "kind"),
)
