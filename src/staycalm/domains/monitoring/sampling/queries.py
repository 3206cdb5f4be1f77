"""Reading measurements: windows for rules, and a bounded number of points for drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """The rows of a window, and where the last measurement of each kind ends whatever the window."""

    counts: tuple[Counts, ...]
    usage: tuple[Usage, ...]
    counts_at: datetime | None
    usage_at: datetime | None

    def signals(self, *, now: datetime, window_s: float) -> Signals:
        """Return the golden signals of the part of the window that is `window_s` long and ends now."""
        since = now - timedelta(seconds=window_s)
        counts = [c for c in self.counts if c.at > since]
        used = [u for u in self.usage if u.at > since]
        return golden_signals(counts, used, now=now, window_s=window_s)


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
    shift = timedelta(seconds=length_s)
    statement = (
        sa.select(table)
        .where(_is_of(table, placement), table.c.at > since - shift, table.c.at <= until - shift)
        .order_by(table.c.at)
        .limit(ROWS_LIMIT)
    )
    return [_counts(row, length_s) for row in tx.rows(statement)]


def usage_between(
    tx: ReadTx, placement: Placement, since: datetime, until: datetime, *, table: sa.Table = usage
) -> list[Usage]:
    """Return the rows with since < at <= until, oldest first; minutes are given with their end as `at`."""
    length_s = 60.0 if table is usage_minutes else 0.0
    shift = timedelta(seconds=length_s)
    statement = (
        sa.select(table)
        .where(_is_of(table, placement), table.c.at > since - shift, table.c.at <= until - shift)
        .order_by(table.c.at)
        .limit(ROWS_LIMIT)
    )
    return [_usage(row, length_s) for row in tx.rows(statement)]


def _is_of(table: sa.Table, placement: Placement) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.service == placement.service, table.c.environment == placement.environment)


def latest_at(tx: ReadTx, table: sa.Table, placement: Placement) -> datetime | None:
    """Return the time of the last row of the placement, None when there is none."""
    statement = sa.select(table.c.at).where(_is_of(table, placement)).order_by(table.c.at.desc()).limit(1)
    found: datetime | None = tx.scalar(statement)
    return found


def window(tx: ReadTx, placement: Placement, window_s: float, *, slot: str | None = None) -> Window:
    """Return the last `window_s` seconds of 5-second rows; of one slot where one is given."""
    since = tx.now - timedelta(seconds=window_s)
    counts = counts_between(tx, placement, since, tx.now)
    used = usage_between(tx, placement, since, tx.now)
    return Window(
        tuple(c for c in counts if slot is None or c.slot == slot),
        tuple(used),
        counts[-1].at if counts else latest_at(tx, samples, placement),
        used[-1].at if used else latest_at(tx, usage, placement),
    )


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
