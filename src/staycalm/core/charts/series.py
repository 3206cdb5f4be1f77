"""What a chart shows: series over time with their uncertainty, thresholds, and marks of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from staycalm.core.durations import format_duration

Unit = Literal["share", "percent", "points", "ms", "per_s", "odds"]
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `role` is its colour; None in `values` is a gap, never zero.

    `times` are epoch seconds, ascending. `low` and `high` are the ends of an interval around each value;
    both empty when nothing is known of it. A stepped line holds each value until the next.
    """

    role: str
    label: str
    times: tuple[float, ...]
    values: Values
    low: Values = ()
    high: Values = ()
    is_stepped: bool = False
    is_filled: bool = False
    is_plan: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level that means something, drawn across with its name."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """One drawing with one value axis, which holds zero (a logarithmic one holds 1 : 1).

    The axis is never shorter than `least_top`, so that noise near zero does not look like a mountain, and
    never longer than `most_top`. Values of unit "odds" are base-10 logarithms. A line breaks where two
    known values are more than `gap_s` apart.
    """

    key: str
    title: str
    unit: Unit
    series: tuple[Series, ...]
    thresholds: tuple[Threshold, ...] = ()
    least_top: float = 0.0
    most_top: float | None = None
    gap_s: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at an instant: a short label on the chart, and words with a link beside it."""

    at_s: float
    label: str
    words: str
    tone: str = "muted"
    href: str = ""


def format_value(unit: Unit, value: float | None) -> str:
    """Return the value with its unit, as people say it; what was not measured says so."""
    if value is None or not isfinite(value):
        return "not measured"
    if unit == "share":
        return f"{_short(100 * value)} %"
    if unit == "points":
        return f"{100 * value:+.1f} pp"
    if unit == "percent":
        return f"{_short(value)} %"
    if unit == "ms":
        return format_duration(value / 1000) if value >= 1000 else f"{_short(value)} ms"
    if unit == "per_s":
        return f"{_short(value)}/s"
    return odds(value)


def odds(log10: float) -> str:
    """Return an e-value as a bet: 2.3 is `200 : 1`; below one it speaks for the candidate, `1 : 3`."""
    size = abs(log10)
    amount = f"{round(10**size):,}".replace(",", " ") if size < 6 else f"10^{size:.0f}"
    return f"{amount} : 1" if log10 >= 0 else f"1 : {amount}"


def _short(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 0.1 else f"{value:.2f}"
