"""Pages of incidents. A page looks through at most 10,000 numbers, however few of them match."""

from __future__ import annotations

import re

import sqlalchemy as sa

from staycalm.core.pagination import Page, numbered
from staycalm.domains.incidents.listing.decisions import IncidentFilter
from staycalm.domains.incidents.machine import OPEN
from staycalm.domains.incidents.model import incidents
from staycalm.domains.incidents.queries import Incident, incident_of
from staycalm.kit.database import ReadTx

WINDOW = 10_000
_NAME = re.compile(r"INC-([0-9]{1,15})\Z", re.IGNORECASE)


def list_matching(tx: ReadTx, wanted: IncidentFilter, *, limit: int, cursor: str | None = None) -> Page[Incident]:
    """Return the newest first; the next page begins where this one stopped looking."""
    c = incidents.c
    below = numbered(cursor) if cursor else int(tx.scalar(sa.select(sa.func.max(c.number))) or 0) + 1
    floor = max(0, below - WINDOW)
    statement = sa.select(incidents).where(c.number < below, c.number >= floor, *_conditions(wanted))
    rows = tx.rows(statement.order_by(c.number.desc()).limit(limit + 1))
    found = tuple(incident_of(row) for row in rows[:limit])
    if len(rows) > limit:
        return Page(found, str(found[-1].number))
    return Page(found, str(floor) if floor > 1 else None)


def _conditions(wanted: IncidentFilter) -> list[sa.ColumnElement[bool]]:
    c = incidents.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.state == "open":
        conditions.append(c.state.in_(sorted(OPEN)))
    elif wanted.state != "all":
        conditions.append(c.state == wanted.state)
    for name in ("priority", "service", "environment"):
        if value := getattr(wanted, name):
            conditions.append(c[name] == value)
    if (match := _NAME.match(wanted.q)) is not None:
        conditions.append(c.number == int(match[1]))
    elif wanted.q:
        conditions.append(sa.func.lower(c.title).contains(wanted.q.lower(), autoescape=True))
    return conditions
