"""Tables of what people write after an incident."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Utc, metadata

# One row per incident that has words. `version` rises with every change: publishing is of what was seen.
post_mortem_papers = sa.Table(
    "post_mortem_papers",
    metadata,
    sa.Column("incident", sa.String(20), primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("published_at", Utc),
    sa.Column("published_by", sa.String(220)),
)

# Only ever added to: the newest version of a section holds, the older ones are its history.
post_mortem_texts = sa.Table(
    "post_mortem_texts",
    metadata,
    sa.Column("incident", sa.String(20), primary_key=True),
    sa.Column("section", sa.String(30), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("by", sa.String(220), nullable=False),
    sa.Column("at", Utc, nullable=False),
)

post_mortem_amendments = sa.Table(
    "post_mortem_amendments",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident", sa.String(20), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("by", sa.String(220), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Index("ix_post_mortem_amendments_incident", "incident", "at"),
)

# When somebody has to be told that the post-mortem is late; NULL once told, or written. One row per incident.
post_mortem_reminders = sa.Table(
    "post_mortem_reminders",
    metadata,
    sa.Column("incident", sa.String(20), primary_key=True),
    sa.Column("due_at", Utc),
)
sa.Index(
    "ix_post_mortem_reminders_due",
    post_mortem_reminders.c.due_at,
    sqlite_where=post_mortem_reminders.c.due_at.isnot(None),
    postgresql_where=post_mortem_reminders.c.due_at.isnot(None),
)

# `overdue_at` is the end of the day it is due; `due_at` the same until somebody was told, or it is settled.
action_items = sa.Table(
    "action_items",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("incident", sa.String(20), nullable=False),
    sa.Column("what", sa.String(500), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("due_on", sa.String(10), nullable=False),
    sa.Column("overdue_at", Utc, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("added_by", sa.String(220), nullable=False),
    sa.Column("added_at", Utc, nullable=False),
    sa.Column("ended_by", sa.String(220)),
    sa.Column("ended_at", Utc),
    sa.Column("reason", sa.String(500), nullable=False, server_default=""),
    sa.Column("due_at", Utc),
    sa.Index("ix_action_items_incident", "incident", "number"),
    sa.Index("ix_action_items_owner", "owner", "state", "overdue_at"),
    sa.Index("ix_action_items_state", "state", "overdue_at"),
)
sa.Index(
    "ix_action_items_due",
    action_items.c.due_at,
    sqlite_where=action_items.c.due_at.isnot(None),
    postgresql_where=action_items.c.due_at.isnot(None),
)
