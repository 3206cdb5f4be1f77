"""The first schema: monitoring."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "health_reports",
    "monitoring_conditions",
    "monitoring_minutes",
    "monitoring_rules",
    "monitoring_samples",
    "monitoring_usage",
    "monitoring_usage_minutes",
    "monitoring_watches",
    "health_checks",
)


def create() -> None:
    op.create_table(
        "health_reports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("is_on_demand", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("findings", Json, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_reports")),
    )
    with op.batch_alter_table("health_reports", schema=None) as batch_op:
        batch_op.create_index("ix_health_reports_finished", ["finished_at"], unique=False)
        batch_op.create_index(
            "ix_health_reports_open",
            ["is_on_demand"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
    op.create_table(
        "monitoring_conditions",
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("since", Utc(), nullable=True),
        sa.Column("held_s", sa.Float(), nullable=False),
        sa.Column("fired_at", Utc(), nullable=True),
        sa.Column("health", sa.String(length=15), nullable=False),
        sa.Column("seen_at", Utc(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("rule", "service", "environment", name=op.f("pk_monitoring_conditions")),
    )
    with op.batch_alter_table("monitoring_conditions", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_conditions_placement", ["service", "environment"], unique=False)
    op.create_table(
        "monitoring_minutes",
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("slot", sa.String(length=5), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("client_errors", sa.Integer(), nullable=False),
        sa.Column("server_errors", sa.Integer(), nullable=False),
        sa.Column("timeouts", sa.Integer(), nullable=False),
        sa.Column("resets", sa.Integer(), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("buckets", Json, nullable=False),
        sa.PrimaryKeyConstraint("service", "environment", "at", "slot", name=op.f("pk_monitoring_minutes")),
    )
    with op.batch_alter_table("monitoring_minutes", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_minutes_at", ["at"], unique=False)
    op.create_table(
        "monitoring_rules",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitoring_rules")),
    )
    op.create_table(
        "monitoring_samples",
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("slot", sa.String(length=5), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("client_errors", sa.Integer(), nullable=False),
        sa.Column("server_errors", sa.Integer(), nullable=False),
        sa.Column("timeouts", sa.Integer(), nullable=False),
        sa.Column("resets", sa.Integer(), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("buckets", Json, nullable=False),
        sa.PrimaryKeyConstraint("service", "environment", "at", "slot", name=op.f("pk_monitoring_samples")),
    )
    with op.batch_alter_table("monitoring_samples", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_samples_at", ["at"], unique=False)
    op.create_table(
        "monitoring_usage",
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("saturation", sa.Float(), nullable=True),
        sa.Column("cpu_cores", sa.Float(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("service", "environment", "at", name=op.f("pk_monitoring_usage")),
    )
    with op.batch_alter_table("monitoring_usage", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_usage_at", ["at"], unique=False)
    op.create_table(
        "monitoring_usage_minutes",
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("saturation", sa.Float(), nullable=True),
        sa.Column("cpu_cores", sa.Float(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("service", "environment", "at", name=op.f("pk_monitoring_usage_minutes")),
    )
    with op.batch_alter_table("monitoring_usage_minutes", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_usage_minutes_at", ["at"], unique=False)
    op.create_table(
        "monitoring_watches",
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("needs_edge", sa.Boolean(), nullable=False),
        sa.Column("interval_s", sa.Float(), nullable=False),
        sa.Column("down_after", sa.Integer(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("seen_at", Utc(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("body", Json, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_monitoring_watches")),
    )
    with op.batch_alter_table("monitoring_watches", schema=None) as batch_op:
        batch_op.create_index("ix_monitoring_watches_due", ["needs_edge", "due_at"], unique=False)
        batch_op.create_index("ix_monitoring_watches_placement", ["service", "environment", "kind"], unique=False)
    op.create_table(
        "health_checks",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("findings", Json, nullable=True),
        sa.PrimaryKeyConstraint("report_id", "service", "environment", name=op.f("pk_health_checks")),
    )
