"""The table of escalations. `due_at` is the next step, or the end of an acknowledgement."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

escalations = sa.Table(
    "oncall_escalations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("subject", sa.String(200), nullable=False),
    # The subject while open, NULL once stopped: one open escalation per subject.
    sa.Column("open_subject", sa.String(200), unique=True),
    sa.Column("policy", sa.String(63), nullable=False),
    sa.Column("service", sa.String(63)),
    sa.Column("environment", sa.String(63)),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url_path", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("steps", Json, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("acknowledgement_timeout_s", sa.Float, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("next_index", sa.Integer, nullable=False),
    sa.Column("current_step", sa.String(40)),
    sa.Column("people", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("started_at", Utc, nullable=False),
    sa.Column("due_at", Utc),
    sa.Index("ix_oncall_escalations_subject", "subject"),
    # For retention, which asks for those without an open subject: SQLite would read all of these by that alone.
    sa.Index("ix_oncall_escalations_ended", "open_subject", "started_at"),
)
_is_due = escalations.c.due_at.is_not(None)
sa.Index("ix_oncall_escalations_due", escalations.c.due_at, sqlite_where=_is_due, postgresql_where=_is_due)
