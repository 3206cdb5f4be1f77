"""Table of calendar feeds. The address is a secret: the row holds its digest alone."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Utc, metadata

feeds = sa.Table(
    "oncall_feeds",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("person", sa.String(63), nullable=False),
    # Empty: the person's own shifts in every schedule.
    sa.Column("schedule", sa.String(63), nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("last_read_at", Utc),
    sa.Index("ix_oncall_feeds_person", "person"),
)
