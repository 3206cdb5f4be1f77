"""Reading measurements: windows for rules, and a bounded number of points for drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.sampling.model import hours, minutes, samples, usage, usage_hours, usage_minutes
from staycalm.domains.monitoring.signals import Buckets, Counts, Signals, Usage, golden_signals
from staycalm.kit.database import ReadTx

# Windows up to this read 5-second rows, longer ones minutes, and the longest hours.
FINE_WINDOW_S = 900.0
MINUTES_WINDOW_S = 2 * 86400.0
POINTS = 120
STEPS_S = (
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    720.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10800.0,
    21600.0,
    43200.0,
)
ROWS_LIMIT = 100_000
DEFAULT_WINDOW_S = 60.0
LONGEST_WINDOW_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of a window; `latest_at` is where the last one ends, also when that is before the window."""

    counts: tuple[Counts, ...] = ()
    usage: tuple[Usage, ...] = ()
    latest_at: datetime | None = None

    def signals(self, *, now: datetime, window_s: float) -> Signals:
        """Return the golden signals of the part of the window that is `window_s` long and ends now.

        A sample over a longer time, as after a pause, tells of the past and says nothing about now.
        """
        since = now - timedelta(seconds=window_s)
        counts = [c for c in self.counts if c.at > since and c.seconds <= max(window_s, DEFAULT_WINDOW_S)]
        used = [u for u in self.usage if u.at > since]
        return golden_signals(counts, used, now=now, window_s=window_s)


def _between(table: sa.Table) -> sa.Select[Any]:
    return (
        sa.select(table)
        .where(
            table.c.service == sa.bindparam("service"),
            table.c.environment == sa.bindparam("environment"),
            table.c.at > sa.bindparam("since"),
            table.c.at <= sa.bindparam("until"),
        )
        .order_by(table.c.at)
        .limit(ROWS_LIMIT)
    )


def _latest(table: sa.Table) -> sa.Select[Any]:
    return (
        sa.select(table.c.at)
        .where(table.c.service == sa.bindparam("service"), table.c.environment == sa.bindparam("environment"))
        .order_by(table.c.at.desc())
        .limit(1)
    )


# These run with every look, so each is built once.
_BETWEEN = {table: _between(table) for table in (samples, minutes, hours, usage, usage_minutes, usage_hours)}
_LATEST = {table: _latest(table) for table in (samples, usage)}
_LENGTH_S = {samples: 0.0, usage: 0.0, minutes: 60.0, usage_minutes: 60.0, hours: 3600.0, usage_hours: 3600.0}


def pack_buckets(buckets: Buckets) -> list[list[float | int | None]]:
    """Return the histogram as JSON holds it: infinity has no JSON, so it is null."""
    return [[None if math.isinf(bound) else bound, count] for bound, count in buckets]


def unpack_buckets(packed: Sequence[Sequence[Any]]) -> Buckets:
    """Return the histogram that `pack_buckets` packed."""
    return tuple((math.inf if bound is None else float(bound), int(count)) for bound, count in packed)


def _counts(row: sa.Row[Any], length_s: float = 0.0) -> Counts:
    return Counts(
        at=row.at + timedelta(seconds=length_s),
        seconds=row.seconds,
        slot=row.slot,
        total=row.total,
        client_errors=row.client_errors,
        server_errors=row.server_errors,
        timeouts=row.timeouts,
        resets=row.resets,
        active=row.active,
        buckets=unpack_buckets(row.buckets),
    )


def _usage(row: sa.Row[Any], length_s: float = 0.0) -> Usage:
    return Usage(row.at + timedelta(seconds=length_s), row.saturation, row.cpu_cores, row.memory_bytes)


def counts_between(
    tx: ReadTx, placement: Placement, since: datetime, until: datetime, *, table: sa.Table = samples
) -> list[Counts]:
    """Return the rows with since < at <= until, oldest first; minutes and hours have their end as `at`."""
    length_s = _LENGTH_S[table]
    return [_counts(row, length_s) for row in _rows(tx, table, placement, since, until, length_s)]


def usage_between(
    tx: ReadTx, placement: Placement, since: datetime, until: datetime, *, table: sa.Table = usage
) -> list[Usage]:
    """Return the rows with since < at <= until, oldest first; minutes and hours have their end as `at`."""
    length_s = _LENGTH_S[table]
    return [_usage(row, length_s) for row in _rows(tx, table, placement, since, until, length_s)]


def _rows(
    tx: ReadTx, table: sa.Table, placement: Placement, since: datetime, until: datetime, length_s: float
) -> Iterable[sa.Row[Any]]:
    shift = timedelta(seconds=length_s)
    place = {"service": placement.service, "environment": placement.environment}
    return tx.execute(_BETWEEN[table], {**place, "since": since - shift, "until": until - shift})


def _latest_at(tx: ReadTx, table: sa.Table, placement: Placement) -> datetime | None:
    place = {"service": placement.service, "environment": placement.environment}
    found: datetime | None = tx.execute(_LATEST[table], place).scalar()
    return found


def traffic_window(tx: ReadTx, placement: Placement, window_s: float, *, slot: str | None = None) -> Window:
    """Return what was counted in the last `window_s` seconds; of one slot where one is given."""
    counts = counts_between(tx, placement, tx.now - timedelta(seconds=window_s), tx.now)
    latest_at = counts[-1].at if counts else _latest_at(tx, samples, placement)
    return Window(counts=tuple(c for c in counts if slot is None or c.slot == slot), latest_at=latest_at)


def usage_window(tx: ReadTx, placement: Placement, window_s: float) -> Window:
    """Return what was used in the last `window_s` seconds."""
    used = usage_between(tx, placement, tx.now - timedelta(seconds=window_s), tx.now)
    return Window(usage=tuple(used), latest_at=used[-1].at if used else _latest_at(tx, usage, placement))


def window(tx: ReadTx, placement: Placement, window_s: float, *, slot: str | None = None) -> Window:
    """Return what was counted and used in the last `window_s` seconds."""
    counted = traffic_window(tx, placement, window_s, slot=slot)
    used = usage_window(tx, placement, window_s)
    ends = [each.latest_at for each in (counted, used) if each.latest_at is not None]
    return Window(counted.counts, used.usage, max(ends, default=None))


def oldest_minute(tx: ReadTx, placement: Placement) -> datetime | None:
    """Return where the oldest one-minute row of the placement begins, None without any."""
    m = minutes.c
    mine = sa.and_(m.service == placement.service, m.environment == placement.environment)
    found: datetime | None = tx.scalar(sa.select(m.at).where(mine).order_by(m.at).limit(1))
    return found


def points(tx: ReadTx, placement: Placement, window_s: float) -> list[Signals]:
    """Return at most 120 points over the window, oldest first; a point without data has None, never 0.

    Windows over 15 minutes are made of one-minute rows and end with the last whole minute, windows over two
    days of one-hour rows and the last whole hour.
    """
    return course(tx, placement, tx.now - timedelta(seconds=window_s), tx.now)


def course(tx: ReadTx, placement: Placement, since: datetime, until: datetime) -> list[Signals]:
    """Return at most 120 points from `since` to `until`, oldest first, from the rows that suit the span.

    Points lie on multiples of their distance since 1970, so that the same stretch of time is told alike whenever
    it is asked for; only the last one may stand for less, up to `until`.
    """
    span_s = max(5.0, (until - since).total_seconds())
    age_s = (tx.now - since).total_seconds()
    if max(span_s, age_s) <= FINE_WINDOW_S:
        counted, used, least_s = samples, usage, 5.0
    elif span_s <= MINUTES_WINDOW_S:
        counted, used, least_s = minutes, usage_minutes, 60.0
    else:
        counted, used, least_s = hours, usage_hours, 3600.0
    wanted_s = max(least_s, span_s / POINTS)
    step_s = float(next((step for step in STEPS_S if step >= wanted_s), STEPS_S[-1]))
    start = _floor(since, step_s)
    end = max(_floor(until, least_s), start + timedelta(seconds=least_s))
    many = math.ceil((end - start).total_seconds() / step_s - 1e-6)
    if many > POINTS:  # the oldest began before `since`
        start, many = start + timedelta(seconds=step_s), POINTS
    counts_in: list[list[Counts]] = [[] for _ in range(many)]
    usage_in: list[list[Usage]] = [[] for _ in range(many)]
    for each in counts_between(tx, placement, start, end, table=counted):
        counts_in[_index(each.at, start, step_s, many)].append(each)
    for one in usage_between(tx, placement, start, end, table=used):
        usage_in[_index(one.at, start, step_s, many)].append(one)
    found = []
    for i in range(many):
        begin = start + timedelta(seconds=step_s * i)
        now = min(begin + timedelta(seconds=step_s), end)
        window_s = (now - begin).total_seconds()
        found.append(golden_signals(counts_in[i], usage_in[i], now=now, window_s=window_s))
    return found


def _floor(moment: datetime, step_s: float) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % step_s)


def _index(at: datetime, start: datetime, step_s: float, many: int) -> int:
    return min(many - 1, max(0, math.ceil((at - start).total_seconds() / step_s) - 1))
