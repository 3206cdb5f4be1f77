"""One drawing of a signal over time, as SVG and as rows of a table. Pure: equal data gives equal bytes.

Lines differ in their dashes besides their colour and are named where they end; times are UTC.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

WIDTH, HEIGHT = 680, 200
LEFT, RIGHT, TOP, BOTTOM = 52, 92, 48, 24
MOST_MARKS = 6
INK, MUTED, GRID, BAND, HARM = "#131c19", "#55615c", "#d7dcd7", "#fbe2df", "#a8201a"
COLOURS = ("#2f6fb5", "#b55a0a", "#0a6b5c")
DASHES = ("", "6 3", "2 3")
_TICKS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
MarkKind = Literal["deployment", "rollback", "other"]


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, and its value at each time; None where nothing was measured. `is_stepped`: it jumps."""

    name: str
    points: tuple[tuple[datetime, float | None], ...]
    is_stepped: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one instant."""

    at: datetime
    text: str
    kind: MarkKind = "other"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing. `name` is its key; `unit` follows a number; the band is when users suffered, as far as known."""

    name: str
    title: str
    unit: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    band: tuple[datetime, datetime] | None = None
    least_top: float = 1.0

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for each in self.series for _, value in each.points)


def written(value: float | None, unit: str) -> str:
    """Return the number as people read it; "not measured" when there is none."""
    if value is None:
        return "not measured"
    digits = 0 if value == 0 or value >= 100 else 1 if value >= 1 else 2
    number = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return f"{number} {unit}".strip()


def alternative(chart: Chart) -> str:
    """Return what the drawing shows, in words."""
    parts = []
    for each in chart.series:
        known = [(value, at) for at, value in each.points if value is not None]
        if known:
            highest, at = max(known, key=lambda pair: (pair[0], -pair[1].timestamp()))
            parts.append(f"{each.name} up to {written(highest, chart.unit)} at {at:%H:%M:%S} UTC")
    return f"{chart.title}: {'; '.join(parts) or 'nothing was measured'}."


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    end: float
    top: float

    def x(self, at: datetime) -> float:
        part = (at.timestamp() - self.start) / max(self.end - self.start, 1.0)
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, part))

    def y(self, value: float) -> float:
        part = min(1.0, max(0.0, value / self.top))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part


def to_svg(chart: Chart, *, font: str = "system-ui, sans-serif") -> str:
    """Return the drawing as one SVG element; a chart without any value has none: ""."""
    if chart.is_empty:
        return ""
    times = [at.timestamp() for each in chart.series for at, _ in each.points]
    values = [value for each in chart.series for _, value in each.points if value is not None]
    scale = _Scale(min(times), max(times), _top(max([*values, chart.least_top])))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" aria-label="{_text(alternative(chart))}" font-family="{_text(font)}" font-size="11">',
        f'<text x="0" y="13" font-size="13" font-weight="bold" fill="{INK}">{_text(chart.title)}</text>',
        *_band(chart, scale),
        *_axes(chart, scale),
        *_marks(chart, scale),
    ]
    for number, each in enumerate(chart.series):
        parts.extend(_line(each, number, scale))
    parts.extend(_names(chart, scale))
    return "\n".join([*parts, "</svg>"])


def _text(text: str) -> str:
    return html.escape("".join(c for c in text if c.isprintable()))


def _top(highest: float) -> float:
    """Return the end of the axis: 1, 2, 2.5, 5 or 10 times a power of ten, with room above the highest value."""
    size = 10.0 ** math.floor(math.log10(highest))
    return next(step * size for step in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0) if step * size >= highest * 1.02)


def _band(chart: Chart, scale: _Scale) -> list[str]:
    if chart.band is None:
        return []
    start, end = scale.x(chart.band[0]), scale.x(chart.band[1])
    width = max(2.0, end - start)
    return [
        f'<rect x="{start:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="{BAND}"/>'
    ]


def _axes(chart: Chart, scale: _Scale) -> list[str]:
    found = []
    for value in (0.0, scale.top / 2, scale.top):
        y = scale.y(value)
        found.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        label = _text(written(value, chart.unit))
        found.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{label}</text>')
    for at, label in _ticks(scale):
        x = scale.x(at)
        found.append(f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v4" stroke="{MUTED}"/>')
        found.append(f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="middle" fill="{MUTED}">{label}</text>')
    return found


def _ticks(scale: _Scale) -> list[tuple[datetime, str]]:
    length_s = max(scale.end - scale.start, 1.0)
    step_s = next((each for each in _TICKS_S if length_s / each <= 8), _TICKS_S[-1])
    form = "%H:%M:%S" if step_s < 60 else "%H:%M" if length_s <= 86400 else "%d %b %H:%M"
    first = math.ceil(scale.start / step_s) * step_s
    many = min(9, int((scale.end - first) // step_s) + 1)
    zone = timedelta(seconds=step_s)
    start = datetime.fromtimestamp(first, tz=UTC)
    return [(at, at.strftime(form)) for at in (start + zone * n for n in range(many))]


def _marks(chart: Chart, scale: _Scale) -> list[str]:
    """Return a vertical line per mark with its words above the plot; words that would overlap go one row up."""
    found, ends = [], [-1.0, -1.0]
    for mark in chart.marks[:MOST_MARKS]:
        x = scale.x(mark.at)
        colour = HARM if mark.kind == "rollback" else INK
        dash = "" if mark.kind == "rollback" else ' stroke-dasharray="3 3"'
        found.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{colour}" stroke-width="1.2"{dash}/>')
        width = 5.6 * len(mark.text)
        left = min(x, WIDTH - width)
        row = 0 if left >= ends[0] + 6 else 1
        if left < ends[row] + 6:
            continue
        ends[row] = left + width
        y = TOP - 5 - 13 * row
        found.append(f'<text x="{left:.1f}" y="{y}" fill="{colour}">{_text(mark.text)}</text>')
    return found


def _line(series: Series, number: int, scale: _Scale) -> list[str]:
    """Return the line, broken where nothing was measured; a lonely point is a dot."""
    found, run = [], []
    colour, dash = COLOURS[number % 3], DASHES[number % 3]
    for at, value in [*series.points, (None, None)]:
        if at is not None and value is not None:
            run.append((scale.x(at), scale.y(value)))
            continue
        if len(run) == 1:
            found.append(f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2.5" fill="{colour}"/>')
        elif run:
            dashes = f' stroke-dasharray="{dash}"' if dash else ""
            found.append(
                f'<path d="{_path(run, series.is_stepped)}" fill="none" stroke="{colour}" stroke-width="1.8"'
                f' stroke-linejoin="round"{dashes}/>'
            )
        run = []
    return found


def _path(run: Sequence[tuple[float, float]], is_stepped: bool) -> str:
    (x, y), rest = run[0], run[1:]
    parts = [f"M{x:.1f} {y:.1f}"]
    parts += [f"H{x:.1f}V{y:.1f}" if is_stepped else f"L{x:.1f} {y:.1f}" for x, y in rest]
    return "".join(parts)


def _names(chart: Chart, scale: _Scale) -> list[str]:
    """Return the name of each line where it ends, pushed apart so that none covers another."""
    ends = []
    for number, each in enumerate(chart.series):
        last = next((value for _, value in reversed(each.points) if value is not None), None)
        if last is not None:
            ends.append((scale.y(last), number, each.name))
    found, before = [], -99.0
    for y, number, name in sorted(ends):
        before = max(y + 4, before + 13)
        found.append(
            f'<text x="{WIDTH - RIGHT + 6}" y="{before:.1f}" fill="{COLOURS[number % 3]}">{_text(name)}</text>'
        )
    return found
