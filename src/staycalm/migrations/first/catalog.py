"""The first schema: catalog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "environments",
    "organisation",
    "placements",
    "services",
    "teams",
)


def create() -> None:
    op.create_table(
        "environments",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("is_production", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_environments")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("escalation_policy", sa.String(length=63), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "placements",
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("service", "environment", name=op.f("pk_placements")),
    )
    with op.batch_alter_table("placements", schema=None) as batch_op:
        batch_op.create_index("ix_placements_environment", ["environment"], unique=False)
    op.create_table(
        "services",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("team", sa.String(length=63), nullable=True),
        sa.Column("owners", Json, nullable=False),
        sa.Column("depends_on", Json, nullable=False),
        sa.Column("escalation_policy", sa.String(length=63), nullable=True),
        sa.Column("runbook_url", sa.Text(), nullable=True),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_services")),
    )
    op.create_table(
        "teams",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("members", Json, nullable=False),
        sa.Column("managers", Json, nullable=False),
        sa.Column("security_leads", Json, nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_teams")),
    )
