"""The first schema: releases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "release_arrivals",
    "releases",
)


def create() -> None:
    op.create_table(
        "release_arrivals",
        sa.Column("deployment", sa.String(length=20), nullable=False),
        sa.Column("release", sa.String(length=20), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("deployment", name=op.f("pk_release_arrivals")),
    )
    with op.batch_alter_table("release_arrivals", schema=None) as batch_op:
        batch_op.create_index("ix_release_arrivals_release", ["release", "at"], unique=False)
    op.create_table(
        "releases",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("is_opaque", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("build_id", sa.String(length=200), nullable=False),
        sa.Column("commit_sha", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.String(length=200), nullable=False),
        sa.Column("built_at", Utc(), nullable=True),
        sa.Column("tests_passed", Json, nullable=False),
        sa.Column("rollback_safe", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", sa.String(length=220), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint("number", name=op.f("uq_releases_number")),
        sa.UniqueConstraint("service", "digest", name=op.f("uq_releases_service_digest")),
    )
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.create_index("ix_releases_commit", ["service", "commit_sha"], unique=False)
        batch_op.create_index("ix_releases_digest", ["digest"], unique=False)
