"""What intake has to know about many keys at once: one statement, whatever their number.

The keys travel as one value (a JSON array on SQLite, arrays on PostgreSQL): a list of a thousand parameters
costs more to write down than to look up. The outer join makes the keys the side that is walked through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from staycalm.domains.alerts.decisions import Known
from staycalm.domains.alerts.model import alerts
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import Utc

Key = tuple[str, str]
"""(service, dedup_key)."""

_Texts = postgresql.ARRAY(sa.Text)


@dataclass(frozen=True, slots=True)
class OpenAlert(Known):
    """An open alert, as far as a report about it needs it."""

    group_id: str
    rule: str
    source: str


def open_by_keys(tx: ReadTx, keys: Sequence[Key]) -> dict[Key, OpenAlert]:
    """Return the open alerts among the keys; a key occurs once."""
    found: dict[Key, OpenAlert] = {}
    rows: Iterable[Any] = tx.execute(_open_by_keys(tx.dialect), _keys(tx, keys))
    for nth, id, state, priority, summary, labels, details, group_id, rule, source in rows:
        found[keys[nth]] = OpenAlert(
            id, state, priority, summary, _object(labels), _object(details), group_id, rule, source
        )
    return found


def recent_flaps(tx: ReadTx, keys: Sequence[Key], since: datetime) -> dict[Key, int]:
    """Return the highest flap counter per key among alerts resolved since then."""
    rows: Iterable[Any] = tx.execute(_recent_flaps(tx.dialect), {**_keys(tx, keys), "since": since})
    return {keys[nth]: flaps for nth, flaps in rows}


def _keys(tx: ReadTx, keys: Sequence[Key]) -> dict[str, Any]:
    if tx.dialect == "postgresql":
        return {"services": [service for service, _ in keys], "keys": [key for _, key in keys]}
    return {"keys": json.dumps(keys, ensure_ascii=False)}


def _object(value: Any) -> Mapping[str, Any]:
    """Return a JSON column's value; SQLite's is text here, since most are empty and all need no type."""
    if isinstance(value, str):
        return {} if value == "{}" else json.loads(value)
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Wanted:
    """The keys as a table: which one by number from 0, and its two parts."""

    table: sa.FromClause
    nth: sa.ColumnElement[int]
    service: sa.ColumnElement[str]
    key: sa.ColumnElement[str]


def _wanted(dialect: str) -> _Wanted:
    if dialect == "postgresql":
        services, keys = sa.bindparam("services", type_=_Texts), sa.bindparam("keys", type_=_Texts)
        table = sa.func.unnest(services, keys).table_valued("service", "key", with_ordinality="nth")
        rendered = table.render_derived(name="wanted")
        return _Wanted(rendered, rendered.c.nth - 1, rendered.c.service, rendered.c.key)
    each = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("key", "value", name="wanted")
    part = sa.func.json_extract
    return _Wanted(each, each.c.key, part(each.c.value, "$[0]"), part(each.c.value, "$[1]"))


@cache
def _open_by_keys(dialect: str) -> sa.Executable:
    wanted = _wanted(dialect)
    as_it_is = sa.Text if dialect == "sqlite" else alerts.c.labels.type
    return (
        sa.select(
            wanted.nth,
            alerts.c.id,
            alerts.c.state,
            alerts.c.priority,
            alerts.c.summary,
            sa.type_coerce(alerts.c.labels, as_it_is),
            sa.type_coerce(alerts.c.details, as_it_is),
            alerts.c.group_id,
            alerts.c.rule,
            alerts.c.source,
        )
        .select_from(
            wanted.table.outerjoin(
                alerts, sa.and_(alerts.c.service == wanted.service, alerts.c.dedup_key == wanted.key)
            )
        )
        .where(alerts.c.id.isnot(None))
    )


@cache
def _recent_flaps(dialect: str) -> sa.Executable:
    wanted = _wanted(dialect)
    is_recent = alerts.c.resolved_at >= sa.bindparam("since", type_=Utc())
    return (
        sa.select(wanted.nth, sa.func.max(alerts.c.flaps))
        .select_from(
            wanted.table.outerjoin(
                alerts, sa.and_(alerts.c.service == wanted.service, alerts.c.key == wanted.key, is_recent)
            )
        )
        .where(alerts.c.id.isnot(None))
        .group_by(wanted.nth)
    )
