"""Pages of alerts and the counts behind facets, from indexes alone.

Open alerts are walked by priority in their own partial index. What is closed grows for ever: there a page
looks through at most 10,000 alerts, and its cursor goes on where it stopped, however few of them matched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Invalid
from staycalm.core.pagination import Page
from staycalm.core.priority import PRIORITIES, Priority
from staycalm.domains.alerts.browsing.decisions import AlertFilter, Heap
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.rows import Alert, alert_of
from staycalm.domains.catalog import public as catalog
from staycalm.kit.database import ReadTx

WINDOW = 10_000
MOST_HEAPS = 5000
_GROUP = re.compile(r"ALG-[0-9]{1,15}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heaps:
    """What facets are counted from. `is_cut`: older ones are not counted."""

    items: tuple[Heap, ...]
    is_cut: bool


def teams_of(tx: ReadTx) -> dict[str, str]:
    """Return the team of every service that has one."""
    return {service.name: service.team for service in catalog.list_services(tx) if service.team}


def list_matching(
    tx: ReadTx,
    wanted: AlertFilter,
    *,
    limit: int,
    cursor: str | None = None,
    teams: Mapping[str, str] | None = None,
) -> Page[Alert]:
    """Return a page: open alerts by urgency, then the newest first; with resolved ones, the newest first."""
    services = _services(tx, wanted, teams)
    if wanted.is_open:
        return _open_page(tx, wanted, services, limit, cursor)
    return _any_page(tx, wanted, services, limit, cursor)


def count_heaps(tx: ReadTx, wanted: AlertFilter) -> Heaps:
    """Return how many alike alerts there are under the parts of the filter that are no facet."""
    c = alerts.c
    alike = (c.priority, c.state, c.service, c.environment, c.source)
    conditions = _text_conditions(wanted)
    is_cut = False
    if wanted.is_open:
        conditions.append(c.dedup_key.isnot(None))
    else:
        floor = _floor(tx, _closed_scope(wanted))
        is_cut = floor is not None
        conditions += [*_closed_scope(wanted), c.id >= (floor or "")]
    statement = sa.select(*alike, sa.func.count().label("many")).where(*conditions).group_by(*alike)
    rows = tx.rows(statement.limit(MOST_HEAPS))
    return Heaps(tuple(Heap(**row._mapping) for row in rows), is_cut or len(rows) == MOST_HEAPS)


def open_conditions(tx: ReadTx, wanted: AlertFilter) -> list[sa.ColumnElement[bool]]:
    """Return what an open alert has to satisfy to match."""
    c = alerts.c
    conditions = [c.dedup_key.isnot(None), *_conditions(wanted, _services(tx, wanted, None))]
    if wanted.state != "open":
        conditions.append(c.state == wanted.state)
    conditions.append(c.priority.in_(wanted.priorities or PRIORITIES))
    return conditions


def count_exactly(tx: ReadTx, wanted: AlertFilter, *, upto: str = "") -> int:
    """Return how many open alerts match, not counting those raised after the alert `upto`."""
    conditions = open_conditions(tx, wanted)
    if upto:
        conditions.append(alerts.c.id <= upto)
    return int(tx.scalar(sa.select(sa.func.count()).select_from(alerts).where(*conditions)) or 0)


def newest_id(tx: ReadTx) -> str:
    """Return the id of the newest alert, "" when there is none; whatever is raised later has a higher one."""
    return str(tx.scalar(sa.select(sa.func.max(alerts.c.id))) or "")


def _services(tx: ReadTx, wanted: AlertFilter, teams: Mapping[str, str] | None) -> list[str] | None:
    if not wanted.team:
        return None
    known = teams_of(tx) if teams is None else teams
    return [service for service, team in known.items() if team == wanted.team]


def _open_page(
    tx: ReadTx, wanted: AlertFilter, services: Sequence[str] | None, limit: int, cursor: str | None
) -> Page[Alert]:
    c = alerts.c
    first, last_id = _split(cursor) if cursor else (None, "")
    conditions = [c.dedup_key.isnot(None), *_conditions(wanted, services)]
    if wanted.state != "open":
        conditions.append(c.state == wanted.state)
    found: list[sa.Row[Any]] = []
    for priority in wanted.priorities or PRIORITIES:
        if first is not None and priority < first:
            continue
        more = [c.id < last_id] if priority == first else []
        # One walk per priority: no index holds the priorities upwards and the ids downwards.
        statement = sa.select(alerts).where(c.priority == priority, *conditions, *more).order_by(c.id.desc())
        found.extend(tx.rows(statement.limit(limit + 1 - len(found))))
        if len(found) > limit:
            last = found[limit - 1]
            return Page(tuple(alert_of(row) for row in found[:limit]), f"{last.priority}.{last.id}")
    return Page(tuple(alert_of(row) for row in found))


def _any_page(
    tx: ReadTx, wanted: AlertFilter, services: Sequence[str] | None, limit: int, cursor: str | None
) -> Page[Alert]:
    c = alerts.c
    scope = _closed_scope(wanted)
    if cursor:
        scope.append(c.id < cursor)
    floor = _floor(tx, scope)
    conditions = [*scope, *_conditions(wanted, services)]
    if wanted.priorities:
        conditions.append(c.priority.in_(wanted.priorities))
    if floor is not None:
        conditions.append(c.id >= floor)
    rows = tx.rows(sa.select(alerts).where(*conditions).order_by(c.id.desc()).limit(limit + 1))
    if len(rows) > limit:
        return Page(tuple(alert_of(row) for row in rows[:limit]), rows[limit - 1].id)
    return Page(tuple(alert_of(row) for row in rows), floor)


def _closed_scope(wanted: AlertFilter) -> list[sa.ColumnElement[bool]]:
    """Return what the walk backwards is bounded by; each has an index that ends in the id."""
    scope: list[sa.ColumnElement[bool]] = []
    if wanted.state == "resolved":
        scope.append(alerts.c.dedup_key.is_(None))
    if wanted.service:
        scope.append(alerts.c.service == wanted.service)
    return scope


def _floor(tx: ReadTx, scope: Sequence[sa.ColumnElement[bool]]) -> str | None:
    """Return the id where the walk stops, None when it ends before."""
    statement = sa.select(alerts.c.id).where(*scope).order_by(alerts.c.id.desc()).offset(WINDOW - 1).limit(1)
    found: str | None = tx.scalar(statement)
    return found


def _conditions(wanted: AlertFilter, services: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    c = alerts.c
    conditions = _text_conditions(wanted)
    for name in ("service", "environment", "source"):
        if value := getattr(wanted, name):
            conditions.append(c[name] == value)
    if services is not None:
        conditions.append(c.service.in_(services))
    return conditions


def _text_conditions(wanted: AlertFilter) -> list[sa.ColumnElement[bool]]:
    c = alerts.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.rule:
        conditions.append(c.rule == wanted.rule)
    if (pair := wanted.label_pair) is not None:
        conditions.append(c.labels[pair[0]].as_string() == pair[1])
    if _GROUP.match(wanted.q):
        conditions.append(c.group_id == wanted.q.upper())
    elif wanted.q:
        words = wanted.q.lower()
        texts = (c.summary, c.rule, c.service)
        conditions.append(sa.or_(*(sa.func.lower(text).contains(words, autoescape=True) for text in texts)))
    return conditions


def _split(cursor: str) -> tuple[Priority, str]:
    priority, dot, id = cursor.partition(".")
    if not dot or priority not in PRIORITIES:
        raise Invalid("bad-cursor", "the cursor is not one of this list", next_step="Start again without it.")
    return priority, id
