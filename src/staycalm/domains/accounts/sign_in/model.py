"""Tables of sessions, API tokens and log-in tries. Secrets are stored as digests only."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("handle", sa.String(63), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(200), nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("last_seen_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
    sa.Index("ix_sessions_handle", "handle", "created_at"),
)

tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    # person: acts as its owner. service: acts as itself. local: the file in the data directory.
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("owner", sa.String(63), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("is_read_only", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("expires_at", Utc),
    sa.Column("last_used_at", Utc),
    sa.Column("revoked_at", Utc),
    sa.Index("ix_api_tokens_owner", "owner", "created_at"),
)

tries = sa.Table(
    "sign_in_tries",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("tried", sa.Integer, nullable=False),
    sa.Column("last_at", Utc, nullable=False),
    sa.Column("next_at", Utc, nullable=False),
)
