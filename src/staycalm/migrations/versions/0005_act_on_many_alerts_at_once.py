"""Act on many alerts at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_bulk_items",
        sa.Column("bulk", sa.String(length=20), nullable=False),
        sa.Column("alert", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("bulk", "alert", name=op.f("pk_alert_bulk_items")),
    )
    with op.batch_alter_table("alert_bulk_items", schema=None) as batch_op:
        batch_op.create_index("ix_alert_bulk_items_at", ["at"], unique=False)

    op.create_table(
        "alert_bulks",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("target", Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("upto", sa.String(length=36), nullable=False),
        sa.Column("cursor", sa.String(length=60), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("skipped", Json, nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=200), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("undone_by", sa.String(length=20), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_bulks")),
    )
    with op.batch_alter_table("alert_bulks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_bulks_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_alert_bulks_finished", ["finished_at"], unique=False)

    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alerts_closed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("dedup_key IS NULL"),
            postgresql_where=sa.text("dedup_key IS NULL"),
        )
        batch_op.create_index(
            "ix_alerts_facets",
            ["priority", "state", "service", "environment", "source"],
            unique=False,
            sqlite_where=sa.text("dedup_key IS NOT NULL"),
            postgresql_where=sa.text("dedup_key IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_service", ["service", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index("ix_alerts_service")
        batch_op.drop_index(
            "ix_alerts_facets",
            sqlite_where=sa.text("dedup_key IS NOT NULL"),
            postgresql_where=sa.text("dedup_key IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_alerts_closed",
            sqlite_where=sa.text("dedup_key IS NULL"),
            postgresql_where=sa.text("dedup_key IS NULL"),
        )

    with op.batch_alter_table("alert_bulks", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_bulks_finished")
        batch_op.drop_index(
            "ix_alert_bulks_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("alert_bulks")
    with op.batch_alter_table("alert_bulk_items", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_bulk_items_at")

    op.drop_table("alert_bulk_items")
