"""Which incident a cause belongs to, or may join.

Its row is locked until the end of the transaction (PostgreSQL; SQLite has one writer), so that of two
causes at one instant the second decides on what the first has made of the incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.incidents.decisions import Known, Near
from staycalm.domains.incidents.machine import OPEN
from staycalm.domains.incidents.model import incident_causes, incidents
from staycalm.kit.database import ReadTx

_COLUMNS = (incidents.c.id, incidents.c.priority, incidents.c.state, incidents.c.resolved_at)


@dataclass(frozen=True, slots=True)
class NewCause:
    """A sign that something is wrong. `key` names it for ever, such as `rollback/DEP-7`.

    `kind`: rollback, alert, hand; `subject`: whose events belong to the timeline; `happened_at` its own time.
    `can_come_back`: told again with a time after the incident's end, it is there again and no repetition.
    """

    key: str
    kind: str
    subject: str | None
    summary: str
    happened_at: datetime
    can_come_back: bool = False


def find_known(tx: ReadTx, cause: str) -> Known | None:
    """Return what is known of the cause, or None when it is new."""
    c = incident_causes.c
    row = tx.one_or_none(
        sa.select(*_COLUMNS, c.priority.label("told"))
        .join(incidents, incidents.c.id == c.incident)
        .where(c.cause == cause)
        .with_for_update(of=incidents)
    )
    return Known(_near(row), row.told) if row is not None else None


def find_nearby(tx: ReadTx, placement: Placement, *, rolled_back_since: datetime) -> Near | None:
    """Return the placement's open incident, else the one its last rollback since then belongs to, or None."""
    row = tx.one_or_none(
        sa.select(*_COLUMNS).where(incidents.c.open_placement == str(placement)).with_for_update()
    )
    if row is not None:
        return _near(row)
    c = incident_causes.c
    row = tx.one_or_none(
        sa.select(*_COLUMNS, c.happened_at.label("rolled_back_at"))
        .join(incident_causes, c.incident == incidents.c.id)
        .where(
            incidents.c.service == placement.service,
            incidents.c.environment == placement.environment,
            c.kind == "rollback",
            c.happened_at >= rolled_back_since,
        )
        .order_by(c.happened_at.desc())
        .limit(1)
        .with_for_update(of=incidents)
    )
    return _near(row, row.rolled_back_at) if row is not None else None


def open_alert_causes(tx: ReadTx, incident: str) -> int:
    """Return how many alerts of the incident still fire."""
    c = incident_causes.c
    statement = sa.select(sa.func.count()).where(c.incident == incident, c.kind == "alert", c.ended_at.is_(None))
    return int(tx.scalar(statement) or 0)


def _near(row: sa.Row[Any], rolled_back_at: datetime | None = None) -> Near:
    return Near(row.id, row.priority, row.state in OPEN, rolled_back_at, row.resolved_at)
