"""Column types that mean the same on both engines, and the tables of events, deliveries, leases and counters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(sa.types.TypeDecorator[datetime]):
    """An aware instant. SQLite holds `YYYY-MM-DDTHH:MM:SS.ffffffZ`, which sorts as text."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        if dialect.name == "sqlite":
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


# None is SQL's NULL, never JSON's null: `column IS NULL` means what it says.
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("service", sa.String(63)),
    sa.Column("environment", sa.String(63)),
    sa.Column("actor_kind", sa.String(20), nullable=False),
    sa.Column("actor_id", sa.String(200), nullable=False),
    sa.Column("actor_name", sa.String(200), nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("ix_events_subject", "subject", "seq"),
    sa.Index("ix_events_placement", "service", "environment", "seq"),
    sa.Index("ix_events_name", "name", "seq"),
    sa.Index("ix_events_actor", "actor_id", "seq"),
    sa.Index("ix_events_at", "at"),
    sqlite_autoincrement=True,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("event_seq", BigId, nullable=False),
    sa.Column("subscriber", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("urgency", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("due_at", Utc),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.UniqueConstraint("event_seq", "subscriber"),
    sqlite_autoincrement=True,
)
_pending = deliveries.c.state == "pending"
sa.Index(
    "ix_deliveries_due",
    deliveries.c.urgency,
    deliveries.c.due_at,
    sqlite_where=_pending,
    postgresql_where=_pending,
)
sa.Index(
    "ix_deliveries_order",
    deliveries.c.subscriber,
    deliveries.c.subject,
    deliveries.c.event_seq,
    sqlite_where=_pending,
    postgresql_where=_pending,
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("since_seq", BigId, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("holder", sa.String(100), nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Column("fence", BigId, nullable=False),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("value", BigId, nullable=False),
)
