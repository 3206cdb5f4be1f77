"""Tables of what was asked for many alerts at once, and which alerts it changed."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

# `target` says which alerts: {"ids": [...]}, {"filter": "state=open&…"} or {"undo": "BLK-3"}. Alerts raised
# after the count was shown have an id above `upto` and are left alone. `cursor` is where the next part begins.
bulks = sa.Table(
    "alert_bulks",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("target", Json, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("upto", sa.String(36), nullable=False),
    sa.Column("cursor", sa.String(60)),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("skipped", Json, nullable=False),
    sa.Column("actor_kind", sa.String(20), nullable=False),
    sa.Column("actor_id", sa.String(200), nullable=False),
    sa.Column("actor_name", sa.String(200), nullable=False),
    sa.Column("asked_at", Utc, nullable=False),
    sa.Column("finished_at", Utc),
    sa.Column("undone_by", sa.String(20)),
    sa.Column("due_at", Utc),
    sa.Index("ix_alert_bulks_finished", "finished_at"),
)
_due = bulks.c.due_at.isnot(None)
sa.Index("ix_alert_bulks_due", bulks.c.due_at, sqlite_where=_due, postgresql_where=_due)

# The alert as it was left; one that has changed since is not taken back.
bulk_items = sa.Table(
    "alert_bulk_items",
    metadata,
    sa.Column("bulk", sa.String(20), primary_key=True),
    sa.Column("alert", sa.String(36), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Index("ix_alert_bulk_items_at", "at"),
)
