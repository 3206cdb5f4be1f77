"""From series to coordinates in a box 1000 wide and 100 high, y downwards; the page stretches the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from staycalm.core.charts.axes import Axis, Tick, time_ticks, value_axis
from staycalm.core.charts.series import Graph, Mark, Series, Threshold, format_value

WIDTH, HEIGHT = 1000.0, 100.0
MOST_ROWS = 24
MOST_MARKS = 40
# A mark's label takes about this much of the width on a laptop; a closer one goes into the next lane.
LABEL_WIDTH = 85.0
LANES = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn series: its path, its interval's path (or empty), and its last value in words."""

    role: str
    label: str
    path: str
    band: str
    last: str
    is_plan: bool = False
    is_filled: bool = False
    area: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A drawn threshold; `y` as in paths."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing: ticks of the value axis from the top (0) to the bottom (100), lines, levels, and its figures.

    `data` is what a tooltip needs; `rows` are the same figures as words, thinned, for a table.
    """

    key: str
    title: str
    ticks: tuple[Level, ...]
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]
    data: dict[str, Any]
    rows: tuple[tuple[str, ...], ...]

    @property
    def summary(self) -> str:
        """Return the drawing as one sentence for those who cannot see it."""
        return "; ".join(f"{line.label} {line.last}" for line in self.lines if not line.is_plan)


@dataclass(frozen=True, slots=True)
class Placed:
    """A mark on the time axis: `x` in the box; lane -1 has no room for its label."""

    mark: Mark
    x: float
    lane: int

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.mark.at_s, UTC)


@dataclass(frozen=True, slots=True)
class Chart:
    """Drawings over one time axis, from `start_s` to `end_s` (epoch seconds)."""

    panels: tuple[Panel, ...]
    start_s: float
    end_s: float
    ticks: tuple[Tick, ...]
    marks: tuple[Placed, ...] = ()

    @property
    def last_at(self) -> datetime:
        """Return the last instant of which any line tells something; where nothing is known, the start."""
        lines = [line for panel in self.panels for line in panel.data["series"]]
        told = (at for line in lines for at, v in zip(line["t"], line["v"], strict=True) if v is not None)
        return datetime.fromtimestamp(max(told, default=self.start_s), UTC)


def draw(graphs: Sequence[Graph], *, start_s: float, end_s: float, marks: Sequence[Mark] = ()) -> Chart:
    """Return the chart. A graph in which nothing is known is left out; every point lies in its box."""
    end_s = max(end_s, start_s + 1.0)
    panels = (_panel(graph, start_s, end_s) for graph in graphs)
    return Chart(
        tuple(panel for panel in panels if panel.lines),
        start_s,
        end_s,
        time_ticks(start_s, end_s),
        _place(marks, start_s, end_s),
    )


@dataclass(frozen=True, slots=True)
class _Box:
    start_s: float
    end_s: float
    axis: Axis
    gap_s: float | None

    def x(self, second: float) -> float:
        return WIDTH * min(1.0, max(0.0, (second - self.start_s) / (self.end_s - self.start_s)))

    def y(self, value: float) -> float:
        return HEIGHT * (1.0 - self.axis.at(value))


def _panel(graph: Graph, start_s: float, end_s: float) -> Panel:
    axis = value_axis(graph)
    box = _Box(start_s, end_s, axis, graph.gap_s)
    shown = [s for s in graph.series if any(v is not None for v in s.values)]
    return Panel(
        key=graph.key,
        title=graph.title,
        ticks=tuple(Level(_rounded(HEIGHT * (1 - tick.at)), tick.label) for tick in axis.ticks),
        lines=tuple(_line(series, graph, box) for series in shown),
        levels=tuple(_level(each, box) for each in graph.thresholds),
        data=_data(graph, shown),
        rows=_rows(graph, [s for s in shown if not s.is_plan]),
    )


def _level(threshold: Threshold, box: _Box) -> Level:
    return Level(_rounded(box.y(threshold.value)), threshold.label)


def _line(series: Series, graph: Graph, box: _Box) -> Line:
    runs = _runs(series.times, series.values, box.gap_s)
    steps = [_corners(run, series.is_stepped, box) for run in runs]
    last = next((v for v in reversed(series.values) if v is not None), None)
    area = "".join(_closed(points) for points in steps) if series.is_filled else ""
    return Line(
        role=series.role,
        label=series.label,
        path="".join(_open(points) for points in steps),
        band=_band(series, box),
        last=format_value(graph.unit, last),
        is_plan=series.is_plan,
        is_filled=series.is_filled,
        area=area,
    )


def _runs(
    times: Sequence[float], values: Sequence[float | None], gap_s: float | None
) -> list[list[tuple[float, float]]]:
    """Return the stretches in which every value is known; a longer silence than `gap_s` ends one."""
    runs: list[list[tuple[float, float]]] = []
    before: float | None = None
    for second, value in zip(times, values, strict=True):
        if value is None:
            before = None
            continue
        if before is None or (gap_s is not None and second - before > gap_s):
            runs.append([])
        runs[-1].append((second, value))
        before = second
    return runs


def _corners(run: Sequence[tuple[float, float]], is_stepped: bool, box: _Box) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for second, value in run:
        x, y = box.x(second), box.y(value)
        if is_stepped and points and points[-1][1] != y:
            points.append((x, points[-1][1]))
        points.append((x, y))
    return points


def _open(points: Sequence[tuple[float, float]]) -> str:
    # A lone point has no length: with a round end it is drawn as a dot.
    drawn = list(points) if len(points) > 1 else [points[0], points[0]]
    return "M" + "L".join(f"{_rounded(x)} {_rounded(y)}" for x, y in drawn)


def _closed(points: Sequence[tuple[float, float]]) -> str:
    return _open([(points[0][0], HEIGHT), *points, (points[-1][0], HEIGHT)]) + "Z"


def _band(series: Series, box: _Box) -> str:
    if not series.low or not series.high:
        return ""
    both = [
        (low, high) if low is not None and high is not None and value is not None else None
        for low, high, value in zip(series.low, series.high, series.values, strict=True)
    ]
    marks = [None if each is None else 0.0 for each in both]
    ends = dict(zip(series.times, both, strict=True))
    path = ""
    for run in _runs(series.times, marks, box.gap_s):
        if len(run) < 2:
            continue
        found = [(box.x(second), ends[second] or (0.0, 0.0)) for second, _ in run]
        upper = [(x, box.y(high)) for x, (_, high) in found]
        lower = [(x, box.y(low)) for x, (low, _) in reversed(found)]
        path += _open([*upper, *lower]) + "Z"
    return path


def _rounded(value: float) -> float:
    return round(value, 1)


def _data(graph: Graph, shown: Sequence[Series]) -> dict[str, Any]:
    return {
        "unit": graph.unit,
        "series": [
            {
                "label": s.label,
                "role": s.role,
                "t": [int(t) if float(t).is_integer() else round(t, 1) for t in s.times],
                "v": [_figure(v) for v in s.values],
                **({"lo": [_figure(v) for v in s.low], "hi": [_figure(v) for v in s.high]} if s.low else {}),
            }
            for s in shown
            if not s.is_plan
        ],
    }


def _figure(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else float(f"{value:.4g}")


def _rows(graph: Graph, shown: Sequence[Series]) -> tuple[tuple[str, ...], ...]:
    """Return some two dozen instants evenly spread, the last one included, with every series' value in words."""
    if not shown:
        return ()
    every = max(1, -(-len(shown[0].times) // MOST_ROWS))
    at = [n for n in range(len(shown[0].times)) if (len(shown[0].times) - 1 - n) % every == 0]
    found = []
    for n in at:
        when = datetime.fromtimestamp(shown[0].times[n], UTC).strftime("%Y-%m-%d %H:%M:%S")
        found.append((when, *(_words(graph, s, n) for s in shown)))
    return tuple(found)


def _words(graph: Graph, series: Series, n: int) -> str:
    if n >= len(series.values):
        return "not measured"
    text = format_value(graph.unit, series.values[n])
    low, high = (ends[n] if ends else None for ends in (series.low, series.high))
    if low is None or high is None or series.values[n] is None:
        return text
    return f"{text} ({format_value(graph.unit, low)} to {format_value(graph.unit, high)})"


def _place(marks: Sequence[Mark], start_s: float, end_s: float) -> tuple[Placed, ...]:
    """Return the newest marks within the axis by time, each in the first lane where its label has room.

    What went wrong is given room first.
    """
    inside = sorted((m for m in marks if start_s <= m.at_s <= end_s), key=lambda m: m.at_s)[-MOST_MARKS:]
    taken: list[list[float]] = [[] for _ in range(LANES)]
    placed = []
    for mark in sorted(inside, key=lambda m: m.tone != "bad"):
        x = WIDTH * (mark.at_s - start_s) / (end_s - start_s)
        middle = min(max(x, LABEL_WIDTH / 2), WIDTH - LABEL_WIDTH / 2)
        free = (n for n in range(LANES) if all(abs(middle - other) >= LABEL_WIDTH for other in taken[n]))
        lane = next(free, -1)
        if lane >= 0:
            taken[lane].append(middle)
        placed.append(Placed(mark, _rounded(x), lane))
    return tuple(sorted(placed, key=lambda each: each.mark.at_s))
