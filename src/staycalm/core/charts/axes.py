"""Axes that do not mislead: values from zero on round numbers, times on round instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, isfinite, log10

from staycalm.core.charts.series import Graph, Unit
from staycalm.core.durations import format_duration

MOST_TICKS = 5
# A span too small to be written on an axis counts as none.
FLAT = 1e-12
MOST_TIMES = 6
# An e-value beyond a million to one says no more; below one in ten it is simply no evidence.
LEAST_ODDS, MOST_ODDS = -1.0, 6.0
LARGEST = 1e15
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
            432000, 864000, 2592000, 7776000, 31536000)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where, as a fraction of the axis from its start, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From `bottom` to `top`; what lies beyond is drawn at the edge."""

    bottom: float
    top: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Return where the value is, 0 at the bottom and 1 at the top."""
        if not isfinite(value):
            return 1.0 if value > 0 else 0.0
        return min(1.0, max(0.0, (value - self.bottom) / (self.top - self.bottom)))


def value_axis(graph: Graph) -> Axis:
    """Return the axis that holds zero, every value, every interval's end up to twice that, and the thresholds."""
    if graph.unit == "odds":
        return _odds_axis(graph)
    known = [v for s in graph.series for v in s.values if v is not None and isfinite(v)]
    known += [t.value for t in graph.thresholds]
    ends = [v for s in graph.series for v in (*s.low, *s.high) if v is not None and isfinite(v)]
    # An interval of three requests reaches to 90 %; it may double the axis and no more.
    reach = 2 * max([graph.least_top, *(abs(v) for v in known)])
    known += [min(max(v, -reach), reach) for v in ends]
    top = min(max([graph.least_top, *known], default=0.0), LARGEST)
    bottom = max(min([0.0, *known]), -LARGEST)
    if graph.most_top is not None:
        top = min(top, graph.most_top)
    if top - bottom < FLAT:
        top = bottom + 1.0
    return _round_axis(bottom, top, graph.unit, graph.most_top)


def _round_axis(bottom: float, top: float, unit: Unit, most: float | None) -> Axis:
    step = _round_step((top - bottom) / (MOST_TICKS - 1))
    first = min(floor(bottom / step + 1e-9), -(bottom < 0))
    last = max(ceil(top / step - 1e-9), int(top > 0))
    end = last * step if most is None else min(last * step, max(most, top))
    start = first * step
    at = [n * step for n in range(first, last + 1) if n * step <= end * (1 + 1e-9)]
    return Axis(start, end, tuple(Tick((v - start) / (end - start), _axis_label(unit, v, step)) for v in at))


def _round_step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _axis_label(unit: Unit, value: float, step: float) -> str:
    shown, suffix = value, {"percent": " %", "per_s": "/s", "ms": " ms"}.get(unit, "")
    if unit in ("share", "points"):
        shown, step, suffix = 100 * value, 100 * step, " pp" if unit == "points" else " %"
    elif unit == "ms" and step >= 1000:
        return format_duration(value / 1000) if value else "0 s"
    digits = max(0, -floor(log10(step) + 1e-9))
    sign = "+" if unit == "points" and shown > 0 else ""
    return f"{sign}{shown:,.{digits}f}{suffix}".replace(",", " ")


def _odds_axis(graph: Graph) -> Axis:
    known = [v for s in graph.series for v in s.values if v is not None and isfinite(v)]
    highest = max([*known, *(t.value + 0.4 for t in graph.thresholds), 1.0])
    top = min(MOST_ODDS, float(ceil(highest)))
    whole = range(int(LEAST_ODDS), int(top) + 1)
    ticks = (Tick((n - LEAST_ODDS) / (top - LEAST_ODDS), _decade(n)) for n in whole)
    return Axis(LEAST_ODDS, top, tuple(ticks))


def _decade(power: int) -> str:
    return f"{10**power:,}".replace(",", " ") if power >= 0 else f"0.{'0' * (-power - 1)}1"


def time_ticks(start_s: float, end_s: float) -> tuple[Tick, ...]:
    """Return at most six round instants between start and end, in UTC."""
    span = max(end_s - start_s, 1.0)
    step = next((s for s in _STEPS_S if span / s <= MOST_TIMES), _STEPS_S[-1])
    first = ceil(start_s / step) * step
    at = [float(first + n * step) for n in range(MOST_TIMES + 1) if first + n * step <= end_s]
    return tuple(Tick((s - start_s) / span, label) for s, label in zip(at, _labels(at, step), strict=True))


def _labels(at: Sequence[float], step: float) -> list[str]:
    moments = [datetime.fromtimestamp(each, UTC) for each in at]
    if step >= 86400:
        return [f"{m.day} {m:%b}" for m in moments]
    shape = "%H:%M" if step >= 60 else "%H:%M:%S"
    found, day = [], moments[0].date() if moments else None
    for moment in moments:
        # Midnight is where the reader needs the date.
        found.append(f"{moment.day} {moment:%b}" if moment.date() != day else moment.strftime(shape))
        day = moment.date()
    return found
