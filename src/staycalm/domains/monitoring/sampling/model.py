"""Tables of measurements. `at` is the end of a sample, and the start of a minute or an hour."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata


def _place() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("service", sa.String(63), primary_key=True),
        sa.Column("environment", sa.String(63), primary_key=True),
    )


def _counts() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("client_errors", sa.Integer, nullable=False),
        sa.Column("server_errors", sa.Integer, nullable=False),
        sa.Column("timeouts", sa.Integer, nullable=False),
        sa.Column("resets", sa.Integer, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        # [[upper bound in ms or null, count], …]
        sa.Column("buckets", Json, nullable=False),
    )


def _used() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("saturation", sa.Float),
        sa.Column("cpu_cores", sa.Float),
        sa.Column("memory_bytes", sa.BigInteger),
    )


samples = sa.Table(
    "monitoring_samples",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("slot", sa.String(5), primary_key=True),
    *_counts(),
    sa.Index("ix_monitoring_samples_at", "at"),
)

usage = sa.Table(
    "monitoring_usage",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    *_used(),
    sa.Index("ix_monitoring_usage_at", "at"),
)

minutes = sa.Table(
    "monitoring_minutes",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("slot", sa.String(5), primary_key=True),
    *_counts(),
    sa.Index("ix_monitoring_minutes_at", "at"),
)

usage_minutes = sa.Table(
    "monitoring_usage_minutes",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    *_used(),
    sa.Index("ix_monitoring_usage_minutes_at", "at"),
)

hours = sa.Table(
    "monitoring_hours",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("slot", sa.String(5), primary_key=True),
    *_counts(),
    sa.Index("ix_monitoring_hours_at", "at"),
)

usage_hours = sa.Table(
    "monitoring_usage_hours",
    metadata,
    *_place(),
    sa.Column("at", Utc, primary_key=True),
    *_used(),
    sa.Index("ix_monitoring_usage_hours_at", "at"),
)
