"""Reading the seconds of a rollout, in a bounded number of rows however long it ran."""

from __future__ import annotations

from math import ceil

import sqlalchemy as sa

from staycalm.domains.deployments.model import history
from staycalm.domains.deployments.records import Moment
from staycalm.kit.database import ReadTx

POINTS = 240
EVENTS = 200


def thinned_history(
    tx: ReadTx,
    deployment: str,
    *,
    points: int = POINTS,
    since_s: float | None = None,
    until_s: float | None = None,
) -> tuple[Moment, ...]:
    """Return about `points` seconds of the rollout, evenly spread, the last one included.

    Totals are cumulative, so what happened between two of them is not lost. `since_s` and `until_s` (epoch)
    ask for a part of it in more detail.
    """
    h = history.c
    mine = h.deployment == deployment
    if since_s is not None:
        mine = sa.and_(mine, h.second >= int(since_s))
    if until_s is not None:
        mine = sa.and_(mine, h.second <= int(until_s) + 1)
    span = tx.one_or_none(
        sa.select(sa.func.min(h.second).label("a"), sa.func.max(h.second).label("b")).where(mine)
    )
    if span is None or span.a is None:
        return ()
    every = max(1, ceil((span.b - span.a + 1) / points))
    query = (
        sa.select(h.second, h.weight, h.body)
        .where(mine, sa.or_(h.second % every == span.b % every, h.second == span.a))
        .order_by(h.second)
        .limit(points + 2)
    )
    return tuple(Moment(row.second, row.weight, row.body) for row in tx.rows(query))
