"""Tables of schedules and overrides. `due_at` is the next change of who is on call."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

schedules = sa.Table(
    "oncall_schedules",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("time_zone", sa.String(64), nullable=False),
    sa.Column("people", Json, nullable=False),
    sa.Column("secondaries", Json, nullable=False),
    sa.Column("unit", sa.String(10), nullable=False),
    sa.Column("every", sa.Integer, nullable=False),
    sa.Column("weekday", sa.Integer, nullable=False),
    sa.Column("hand_off_at", sa.String(5), nullable=False),
    sa.Column("starts_on", sa.String(10), nullable=False),
    sa.Column("first_person", sa.Integer, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.Column("primary_now", sa.String(63)),
    sa.Column("secondary_now", sa.String(63)),
    sa.Column("due_at", Utc),
    sa.Column("coverage_due_at", Utc),
    sa.Column("findings", Json, nullable=False),
)
_has_shift = schedules.c.due_at.is_not(None)
_has_check = schedules.c.coverage_due_at.is_not(None)
sa.Index("ix_oncall_schedules_due", schedules.c.due_at, sqlite_where=_has_shift, postgresql_where=_has_shift)
sa.Index(
    "ix_oncall_schedules_coverage_due",
    schedules.c.coverage_due_at,
    sqlite_where=_has_check,
    postgresql_where=_has_check,
)

overrides = sa.Table(
    "oncall_overrides",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("schedule", sa.String(63), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("person", sa.String(63), nullable=False),
    sa.Column("starts_at", Utc, nullable=False),
    sa.Column("ends_at", Utc, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("added_by", sa.String(200)),
    sa.Index("ix_oncall_overrides_schedule", "schedule", "ends_at"),
)
