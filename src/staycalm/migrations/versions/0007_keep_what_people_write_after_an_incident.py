"""Keep what people write after an incident."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "action_items",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("what", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("overdue_at", Utc(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("added_by", sa.String(length=220), nullable=False),
        sa.Column("added_at", Utc(), nullable=False),
        sa.Column("ended_by", sa.String(length=220), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("reason", sa.String(length=500), server_default="", nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_action_items")),
    )
    with op.batch_alter_table("action_items", schema=None) as batch_op:
        batch_op.create_index(
            "ix_action_items_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_action_items_incident", ["incident", "number"], unique=False)
        batch_op.create_index("ix_action_items_owner", ["owner", "state", "overdue_at"], unique=False)
        batch_op.create_index("ix_action_items_state", ["state", "overdue_at"], unique=False)

    op.create_table(
        "post_mortem_amendments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=220), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_mortem_amendments")),
    )
    with op.batch_alter_table("post_mortem_amendments", schema=None) as batch_op:
        batch_op.create_index("ix_post_mortem_amendments_incident", ["incident", "at"], unique=False)

    op.create_table(
        "post_mortem_papers",
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_at", Utc(), nullable=True),
        sa.Column("published_by", sa.String(length=220), nullable=True),
        sa.PrimaryKeyConstraint("incident", name=op.f("pk_post_mortem_papers")),
    )
    op.create_table(
        "post_mortem_reminders",
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("incident", name=op.f("pk_post_mortem_reminders")),
    )
    with op.batch_alter_table("post_mortem_reminders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_post_mortem_reminders_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.create_table(
        "post_mortem_texts",
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("section", sa.String(length=30), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=220), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "section", "version", name=op.f("pk_post_mortem_texts")),
    )


def downgrade() -> None:
    op.drop_table("post_mortem_texts")
    with op.batch_alter_table("post_mortem_reminders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_post_mortem_reminders_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("post_mortem_reminders")
    op.drop_table("post_mortem_papers")
    with op.batch_alter_table("post_mortem_amendments", schema=None) as batch_op:
        batch_op.drop_index("ix_post_mortem_amendments_incident")

    op.drop_table("post_mortem_amendments")
    with op.batch_alter_table("action_items", schema=None) as batch_op:
        batch_op.drop_index("ix_action_items_state")
        batch_op.drop_index("ix_action_items_owner")
        batch_op.drop_index("ix_action_items_incident")
        batch_op.drop_index(
            "ix_action_items_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("action_items")
