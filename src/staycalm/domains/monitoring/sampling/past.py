"""Reading what was measured around something that is over: one-minute rows between two instants."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.sampling.model import minutes, usage_minutes
from staycalm.domains.monitoring.sampling.queries import counts_between, usage_between
from staycalm.domains.monitoring.signals import Counts, Signals, Usage, golden_signals
from staycalm.kit.database import ReadTx

MOST_POINTS = 360


def signals_between(tx: ReadTx, placement: Placement, since: datetime, until: datetime) -> tuple[Signals, ...]:
    """Return the signals from `since` to `until` in whole minutes, oldest first, in at most 360 points.

    A point stands at its end. One without data has None, never 0; without any data there is no point at all.
    """
    start = since - timedelta(seconds=since.timestamp() % 60)
    many = math.ceil((until - start).total_seconds() / 60)
    if many < 1:
        return ()
    step = timedelta(minutes=math.ceil(many / MOST_POINTS))
    many = math.ceil(timedelta(minutes=many) / step)
    end = start + step * many
    counts: list[list[Counts]] = [[] for _ in range(many)]
    used: list[list[Usage]] = [[] for _ in range(many)]
    for count in counts_between(tx, placement, start, end, table=minutes):
        counts[_place(count.at, start, step)].append(count)
    for usage in usage_between(tx, placement, start, end, table=usage_minutes):
        used[_place(usage.at, start, step)].append(usage)
    if not any(counts) and not any(used):
        return ()
    length_s = step.total_seconds()
    return tuple(
        golden_signals(counts[n], used[n], now=start + step * (n + 1), window_s=length_s) for n in range(many)
    )


def _place(at: datetime, start: datetime, step: timedelta) -> int:
    return math.ceil((at - start) / step) - 1
