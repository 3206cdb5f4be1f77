"""Tables of the catalog. A row that is gone from the file stays, marked, for what still runs and for history."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("time_zone", sa.String(64), nullable=False),
    sa.Column("escalation_policy", sa.String(63)),
)

teams = sa.Table(
    "teams",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("members", Json, nullable=False),
    sa.Column("managers", Json, nullable=False),
    sa.Column("security_leads", Json, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.Column("removed_at", Utc),
)

environments = sa.Table(
    "environments",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("is_production", sa.Boolean, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.Column("removed_at", Utc),
)

services = sa.Table(
    "services",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("tier", sa.Integer, nullable=False),
    sa.Column("team", sa.String(63)),
    sa.Column("owners", Json, nullable=False),
    sa.Column("depends_on", Json, nullable=False),
    sa.Column("escalation_policy", sa.String(63)),
    sa.Column("runbook_url", sa.Text),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.Column("removed_at", Utc),
)

placements = sa.Table(
    "placements",
    metadata,
    sa.Column("service", sa.String(63), primary_key=True),
    sa.Column("environment", sa.String(63), primary_key=True),
    sa.Column("config", Json, nullable=False),
    sa.Column("removed_at", Utc),
    sa.Index("ix_placements_environment", "environment"),
)
