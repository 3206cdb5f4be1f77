"""Writes of days: seconds that were watched, and seconds that a probe found the service down."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.uptime.decisions import newly_down_s, watched_between_s
from staycalm.domains.monitoring.uptime.model import days
from staycalm.domains.monitoring.watching.queries import Watch, watches_of
from staycalm.kit.database import Tx

_KEY = ["service", "environment", "probe", "at"]
_MORE = (
    days.update()
    .where(*(days.c[name] == sa.bindparam(f"its_{name}", type_=days.c[name].type) for name in _KEY))
    .values(
        watched_s=days.c.watched_s + sa.bindparam("more_watched_s"),
        down_s=days.c.down_s + sa.bindparam("more_down_s"),
    )
)


def count_failure(tx: Tx, watch: Watch) -> None:
    """The day holds what this failed look adds to the outage; `watch` is as it was before the look."""
    down_s = newly_down_s(watch.failures + 1, watch.down_after, watch.interval_s)
    if down_s:
        _add(tx, watch.placement, watch.name, down_s=down_s)


def count_watched(tx: Tx, placement: Placement, *, since: datetime | None) -> None:
    """The day holds the time since `since` for every probe that was looked at lately; the rest is unknown."""
    seconds = watched_between_s(since, tx.now)
    for watch in watches_of(tx, placement, "probe") if seconds else ():
        if watch.seen_at is not None and not watch.look.is_stale(tx.now):
            _add(tx, placement, watch.name, watched_s=seconds)


def _add(tx: Tx, placement: Placement, probe: str, *, watched_s: float = 0.0, down_s: float = 0.0) -> None:
    at = (tx.now - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    key = {"service": placement.service, "environment": placement.environment, "probe": probe, "at": at}
    tx.insert_or_ignore(days, {**key, "watched_s": 0.0, "down_s": 0.0}, on=_KEY)
    more = {f"its_{name}": value for name, value in key.items()}
    tx.execute(_MORE, {**more, "more_watched_s": watched_s, "more_down_s": down_s})
