"""Reading days."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.uptime.decisions import Day, by_day
from staycalm.domains.monitoring.uptime.model import days
from staycalm.kit.database import ReadTx

DAYS = 90
MOST_ROWS = 5000


def list_days(tx: ReadTx, placement: Placement, *, many: int = DAYS) -> tuple[Day, ...]:
    """Return the last `many` days up to today (UTC), oldest first; a day nobody looked at has no share."""
    d = days.c
    since = tx.now - timedelta(days=many)
    query = (
        sa.select(d.at, d.probe, d.watched_s, d.down_s)
        .where(d.service == placement.service, d.environment == placement.environment, d.at >= since)
        .order_by(d.at.desc())
        .limit(MOST_ROWS)
    )
    found = (Day(row.at.date(), row.watched_s, row.down_s, row.probe) for row in tx.rows(query))
    return by_day(found, today=tx.now.date(), many=many)
