"""Table of digests. A row is a wish: `due_at` is the next one, `seen_seq` how far in the log the last one went."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Utc, metadata

digests = sa.Table(
    "oncall_digests",
    metadata,
    sa.Column("person", sa.String(63), primary_key=True),
    sa.Column("at", sa.String(5), nullable=False),
    sa.Column("seen_seq", sa.BigInteger, nullable=False),
    sa.Column("seen_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Index("ix_oncall_digests_due", "due_at"),
)
