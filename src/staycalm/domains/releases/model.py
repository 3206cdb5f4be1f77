"""Tables of the releases domain."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("is_opaque", sa.Boolean, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("build_id", sa.String(200), nullable=False),
    sa.Column("commit_sha", sa.String(64), nullable=False),
    sa.Column("branch", sa.String(200), nullable=False),
    sa.Column("built_at", Utc),
    sa.Column("tests_passed", Json, nullable=False),
    sa.Column("rollback_safe", sa.Boolean, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("created_by", sa.String(220), nullable=False),
    # Built once: the same bytes are one release of a service, whoever registers them again.
    sa.UniqueConstraint("service", "digest"),
    sa.Index("ix_releases_digest", "digest"),
    sa.Index("ix_releases_commit", "service", "commit_sha"),
)

release_arrivals = sa.Table(
    "release_arrivals",
    metadata,
    sa.Column("deployment", sa.String(20), primary_key=True),
    sa.Column("release", sa.String(20), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Index("ix_release_arrivals_release", "release", "at"),
)
