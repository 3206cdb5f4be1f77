"""The first schema: oncall."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "oncall_channels",
    "oncall_contact_methods",
    "oncall_escalations",
    "oncall_links",
    "oncall_notifications",
    "oncall_overrides",
    "oncall_policies",
    "oncall_schedules",
    "oncall_timings",
)


def create() -> None:
    op.create_table(
        "oncall_channels",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_oncall_channels")),
    )
    op.create_table(
        "oncall_contact_methods",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("after_s", sa.Float(), nullable=True),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_contact_methods")),
        sa.UniqueConstraint("person", "kind", "address", name="uq_oncall_contact_methods_address"),
    )
    op.create_table(
        "oncall_escalations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("open_subject", sa.String(length=200), nullable=True),
        sa.Column("policy", sa.String(length=63), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=True),
        sa.Column("environment", sa.String(length=63), nullable=True),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url_path", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("acknowledgement_timeout_s", sa.Float(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.Column("current_step", sa.String(length=40), nullable=True),
        sa.Column("people", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_escalations")),
        sa.UniqueConstraint("open_subject", name=op.f("uq_oncall_escalations_open_subject")),
    )
    with op.batch_alter_table("oncall_escalations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_oncall_escalations_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_oncall_escalations_subject", ["subject"], unique=False)
    op.create_table(
        "oncall_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("escalation", sa.String(length=36), nullable=False),
        sa.Column("notification", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_oncall_links")),
    )
    with op.batch_alter_table("oncall_links", schema=None) as batch_op:
        batch_op.create_index("ix_oncall_links_expires", ["expires_at"], unique=False)
    op.create_table(
        "oncall_notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("escalation", sa.String(length=36), nullable=True),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("contact_method", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("is_wanted", sa.Boolean(), nullable=False),
        sa.Column("is_duplicate_possible", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_notifications")),
        sa.UniqueConstraint(
            "subject", "person", "step", "state_hash", "contact_method", name="uq_oncall_notifications_once"
        ),
    )
    with op.batch_alter_table("oncall_notifications", schema=None) as batch_op:
        batch_op.create_index(
            "ix_oncall_notifications_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_oncall_notifications_escalation", ["escalation"], unique=False)
        batch_op.create_index("ix_oncall_notifications_subject", ["subject", "queued_at"], unique=False)
    op.create_table(
        "oncall_overrides",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("schedule", sa.String(length=63), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("ends_at", Utc(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_overrides")),
    )
    with op.batch_alter_table("oncall_overrides", schema=None) as batch_op:
        batch_op.create_index("ix_oncall_overrides_schedule", ["schedule", "ends_at"], unique=False)
    op.create_table(
        "oncall_policies",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_oncall_policies")),
    )
    op.create_table(
        "oncall_schedules",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("people", Json, nullable=False),
        sa.Column("secondaries", Json, nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("hand_off_at", sa.String(length=5), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("first_person", sa.Integer(), nullable=False),
        sa.Column("managed_by", sa.String(length=10), nullable=False),
        sa.Column("primary_now", sa.String(length=63), nullable=True),
        sa.Column("secondary_now", sa.String(length=63), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("coverage_due_at", Utc(), nullable=True),
        sa.Column("findings", Json, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_oncall_schedules")),
    )
    with op.batch_alter_table("oncall_schedules", schema=None) as batch_op:
        batch_op.create_index(
            "ix_oncall_schedules_coverage_due",
            ["coverage_due_at"],
            unique=False,
            sqlite_where=sa.text("coverage_due_at IS NOT NULL"),
            postgresql_where=sa.text("coverage_due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_oncall_schedules_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
    op.create_table(
        "oncall_timings",
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("page_after_s", sa.Float(), nullable=False),
        sa.Column("acknowledgement_timeout_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("priority", name=op.f("pk_oncall_timings")),
    )
