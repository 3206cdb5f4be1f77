"""Reading measurements: windows for rules, and a bounded number of points for drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.sampling.model import minutes, samples, usage, usage_minutes
from staycalm.domains.monitoring.signals import Buckets, Counts, Signals, Usage, golden_signals
from staycalm.kit.database import ReadTx

# Windows up to this read 5-second rows, longer ones read minutes.
FINE_WINDOW_S = 900.0
POINTS = 120
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
_BETWEEN = {table: _between(table) for table in (samples, minutes, usage, usage_minutes)}
_LATEST = {table: _latest(table) for table in (samples, usage)}


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
    """Return the rows with since < at <= until, oldest first; minutes are given with their end as `at`."""
    length_s = 60.0 if table is minutes else 0.0
    return [_counts(row, length_s) for row in _rows(tx, table, placement, since, until, length_s)]


def usage_between(
    tx: ReadTx, placement: Placement, since: datetime, until: datetime, *, table: sa.Table = usage
) -> list[Usage]:
    """Return the rows with since < at <= until, oldest first; minutes are given with their end as `at`."""
    length_s = 60.0 if table is usage_minutes else 0.0
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


def points(tx: ReadTx, placement: Placement, window_s: float) -> list[Signals]:
    """Return at most 120 points over the window, oldest first; a point without data has None, never 0.

    Windows over 15 minutes are made of the one-minute rows, and end with the last whole minute.
    """
    is_fine = window_s <= FINE_WINDOW_S
    step_s = max(5.0 if is_fine else 60.0, math.ceil(window_s / POINTS / 5) * 5.0)
    if not is_fine:
        step_s = math.ceil(step_s / 60) * 60.0
    many = max(1, int(window_s // step_s))
    end = _floor(tx.now, 5.0 if is_fine else 60.0)
    start = end - timedelta(seconds=step_s * many)
    counts = counts_between(tx, placement, start, end, table=samples if is_fine else minutes)
    used = usage_between(tx, placement, start, end, table=usage if is_fine else usage_minutes)
    counts_in: list[list[Counts]] = [[] for _ in range(many)]
    usage_in: list[list[Usage]] = [[] for _ in range(many)]
    for each in counts:
        counts_in[_index(each.at, start, step_s, many)].append(each)
    for one in used:
        usage_in[_index(one.at, start, step_s, many)].append(one)
    return [
        golden_signals(counts_in[i], usage_in[i], now=start + timedelta(seconds=step_s * (i + 1)), window_s=step_s)
        for i in range(many)
    ]


def _floor(moment: datetime, step_s: float) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % step_s)


def _index(at: datetime, start: datetime, step_s: float, many: int) -> int:
    return min(many - 1, max(0, math.ceil((at - start).total_seconds() / step_s) - 1))
