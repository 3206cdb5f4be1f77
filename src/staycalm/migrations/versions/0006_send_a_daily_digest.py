"""Send a daily digest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oncall_digests",
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("seen_seq", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_oncall_digests")),
    )
    with op.batch_alter_table("oncall_digests", schema=None) as batch_op:
        batch_op.create_index("ix_oncall_digests_due", ["due_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("oncall_digests", schema=None) as batch_op:
        batch_op.drop_index("ix_oncall_digests_due")

    op.drop_table("oncall_digests")
