"""Tables of people, the roles they assume for a time, and one-time links."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

people = sa.Table(
    "people",
    metadata,
    sa.Column("handle", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    # Lower case: nobody has two accounts.
    sa.Column("email_key", sa.String(320), nullable=False, unique=True),
    sa.Column("time_zone", sa.String(64), nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("password_hash", sa.String(200)),
    sa.Column("created_at", Utc, nullable=False),
)

role_assumptions = sa.Table(
    "role_assumptions",
    metadata,
    sa.Column("handle", sa.String(63), primary_key=True),
    sa.Column("role", sa.String(20), primary_key=True),
    sa.Column("cause", sa.String(200), primary_key=True),
    sa.Column("since", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Index("ix_role_assumptions_until", "until"),
)

links = sa.Table(
    "one_time_links",
    metadata,
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("handle", sa.String(63)),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("used_at", Utc),
    sa.Index("ix_one_time_links_handle", "handle"),
)
