"""Find what is old and due per channel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("oncall_notifications", schema=None) as batch_op:
        batch_op.create_index("ix_oncall_notifications_ended", ["ended_at"], unique=False)
        batch_op.create_index(
            "ix_oncall_notifications_channel",
            ["channel", "due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
    with op.batch_alter_table("oncall_escalations", schema=None) as batch_op:
        batch_op.create_index("ix_oncall_escalations_ended", ["open_subject", "started_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("oncall_escalations", schema=None) as batch_op:
        batch_op.drop_index("ix_oncall_escalations_ended")
    with op.batch_alter_table("oncall_notifications", schema=None) as batch_op:
        batch_op.drop_index("ix_oncall_notifications_channel")
        batch_op.drop_index("ix_oncall_notifications_ended")
