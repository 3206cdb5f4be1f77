"""The first schema: alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "alert_groups",
    "alert_maintenances",
    "alert_silences",
    "alerts",
)


def create() -> None:
    op.create_table(
        "alert_groups",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("open_key", sa.String(length=130), nullable=True),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("announced", Json, nullable=False),
        sa.Column("escalated_to", sa.String(length=10), nullable=True),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("resolved_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_groups")),
        sa.UniqueConstraint("open_key", name=op.f("uq_alert_groups_open_key")),
    )
    op.create_table(
        "alert_maintenances",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=True),
        sa.Column("environment", sa.String(length=63), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_maintenances")),
    )
    with op.batch_alter_table("alert_maintenances", schema=None) as batch_op:
        batch_op.create_index("ix_alert_maintenances_until", ["until"], unique=False)
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("matchers", Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silences")),
    )
    with op.batch_alter_table("alert_silences", schema=None) as batch_op:
        batch_op.create_index("ix_alert_silences_until", ["until"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.String(length=20), nullable=False),
        sa.Column("dedup_key", sa.String(length=255), nullable=True),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("escalates", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("suppressed_by", sa.String(length=20), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("flaps", sa.Integer(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.Column("resolved_at", Utc(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.CheckConstraint("(state = 'resolved') = (dedup_key IS NULL)", name="ck_alerts_dedup_key_while_open"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("service", "dedup_key", name=op.f("uq_alerts_service_dedup_key")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alerts_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_group", ["group_id"], unique=False)
        batch_op.create_index(
            "ix_alerts_open",
            ["priority", "id"],
            unique=False,
            sqlite_where=sa.text("dedup_key IS NOT NULL"),
            postgresql_where=sa.text("dedup_key IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_past", ["service", "key", "resolved_at"], unique=False)
        batch_op.create_index("ix_alerts_resolved", ["resolved_at"], unique=False)
        batch_op.create_index(
            "ix_alerts_suppressed",
            ["suppressed_by"],
            unique=False,
            sqlite_where=sa.text("suppressed_by IS NOT NULL"),
            postgresql_where=sa.text("suppressed_by IS NOT NULL"),
        )
