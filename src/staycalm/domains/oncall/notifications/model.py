"""Tables of notifications (the delivery log) and of the links in them. `due_at` is the next try."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

notifications = sa.Table(
    "oncall_notifications",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("escalation", sa.String(36)),
    sa.Column("person", sa.String(63), nullable=False),
    sa.Column("step", sa.String(40), nullable=False),
    sa.Column("state_hash", sa.String(64), nullable=False),
    sa.Column("contact_method", sa.String(80), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("urgency", sa.Integer, nullable=False),
    sa.Column("content", Json, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("is_wanted", sa.Boolean, nullable=False),
    sa.Column("is_duplicate_possible", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("queued_at", Utc, nullable=False),
    sa.Column("due_at", Utc),
    sa.Column("ended_at", Utc),
    sa.Column("receipt", sa.Text),
    sa.Column("last_error", sa.Text),
    # One page per recipient, step and state of the subject, whatever is replayed.
    sa.UniqueConstraint(
        "subject", "person", "step", "state_hash", "contact_method", name="uq_oncall_notifications_once"
    ),
    sa.Index("ix_oncall_notifications_subject", "subject", "queued_at"),
    sa.Index("ix_oncall_notifications_escalation", "escalation"),
    # For retention: without it each sweep reads the whole delivery log while it holds SQLite's only writer.
    sa.Index("ix_oncall_notifications_ended", "ended_at"),
)
_is_due = notifications.c.due_at.is_not(None)
sa.Index("ix_oncall_notifications_due", notifications.c.due_at, sqlite_where=_is_due, postgresql_where=_is_due)
sa.Index(
    "ix_oncall_notifications_channel",
    notifications.c.channel,
    notifications.c.due_at,
    sqlite_where=_is_due,
    postgresql_where=_is_due,
)

links = sa.Table(
    "oncall_links",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("escalation", sa.String(36), nullable=False),
    sa.Column("notification", sa.String(36), nullable=False),
    sa.Column("person", sa.String(63), nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("used_at", Utc),
    sa.Index("ix_oncall_links_expires", "expires_at"),
)
