"""The first schema."""

from __future__ import annotations

from alembic import op

from staycalm.migrations.first import (
    accounts,
    alerts,
    catalog,
    deployments,
    incidents,
    kit,
    monitoring,
    oncall,
    releases,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTS = (accounts, alerts, catalog, deployments, incidents, kit, monitoring, oncall, releases)


def upgrade() -> None:
    for part in PARTS:
        part.create()


def downgrade() -> None:
    for part in reversed(PARTS):
        for table in reversed(part.TABLES):
            op.drop_table(table)
