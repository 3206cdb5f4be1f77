"""The course of a rollout as three drawings over one time axis. Pure: seconds in, coordinates out.

Coordinates are in a box 600 wide and 100 high that the page stretches; words and numbers stand beside it, so
that they keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from staycalm.core.durations import format_duration
from staycalm.domains.deployments.queries import Moment
from staycalm.domains.deployments.strategies import Step

WIDTH, HEIGHT = 600.0, 100.0
# Error rates are drawn over at least this time: a single failed request of one second is no rate.
RATE_OVER_S = 15
MOST_EVIDENCE = 3.0
LATENCIES = ("latency-p50", "latency-p95")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one kind (its CSS class), what it is called, and its last value in words."""

    kind: str
    label: str
    points: str
    last: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing. `area` is a filled polygon, `plan` and `threshold` are dashed; empty where there is none."""

    title: str
    top: str
    bottom: str
    lines: tuple[Line, ...]
    area: str = ""
    plan: str = ""
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawings, and the times below them as seconds since the first look."""

    panels: tuple[Panel, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis in epoch seconds."""

    start: float
    end: float

    def x(self, second: float) -> float:
        return WIDTH * (second - self.start) / max(self.end - self.start, 1.0)


def draw(
    moments: Sequence[Moment],
    *,
    needed: dict[str, float],
    ahead: Sequence[Step] = (),
    step_ends_s: float | None,
    ended_at: float | None = None,
) -> Chart | None:
    """Return the chart; None while there is nothing to draw.

    `needed` is the evidence (log10) that proves each metric; `ahead` are the steps to come after the present
    one, which ends at `step_ends_s`; `ended_at` is the weight it ended with.
    """
    if len(moments) < 2:
        return None
    last = float(moments[-1].second)
    end = last if step_ends_s is None else max(last, step_ends_s + sum(step.duration_s for step in ahead))
    axis = Axis(float(moments[0].second), end)
    shown_s = axis.end - axis.start
    marks = tuple(format_duration(round(shown_s * part)) for part in (0.25, 0.5, 0.75, 1.0))
    weights = _weights(moments, axis, ahead, step_ends_s, ended_at)
    panels = (weights, _errors(moments, axis), _evidence(moments, axis, needed))
    return Chart(tuple(panel for panel in panels if panel.lines), ("0s", *marks))


def _y(value: float, top: float) -> float:
    return HEIGHT - HEIGHT * min(1.0, max(0.0, value / top))


def _join(points: Sequence[tuple[float, float]]) -> str:
    # A single point would be invisible: it is drawn as a short dash.
    drawn = [(points[0][0] - 8.0, points[0][1]), *points] if len(points) == 1 else points
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)


def _weights(
    moments: Sequence[Moment],
    axis: Axis,
    ahead: Sequence[Step],
    step_ends_s: float | None,
    ended_at: float | None,
) -> Panel:
    points: list[tuple[float, float]] = []
    for moment in moments:
        y = _y(moment.weight, 100.0)
        if points and points[-1][1] != y:
            points.append((axis.x(moment.second), points[-1][1]))
        points.append((axis.x(moment.second), y))
    if ended_at is not None:
        points.append((points[-1][0], _y(ended_at, 100.0)))
    area = [(points[0][0], HEIGHT), *points, (points[-1][0], HEIGHT)]
    last = f"{moments[-1].weight if ended_at is None else ended_at:g} %"
    return Panel(
        title="Traffic to the candidate",
        top="100 %",
        bottom="0 %",
        lines=(Line("candidate", "candidate", _join(points), last),),
        area=_join(area),
        plan=_plan(points[-1], axis, ahead, step_ends_s),
    )


def _plan(now: tuple[float, float], axis: Axis, ahead: Sequence[Step], step_ends_s: float | None) -> str:
    if step_ends_s is None:
        return ""
    at, points = max(step_ends_s, axis.start), [now]
    for step in ahead:
        points += [(axis.x(at), points[-1][1]), (axis.x(at), _y(step.weight, 100.0))]
        at += step.duration_s
    points += [(axis.x(at), points[-1][1]), (axis.x(at), 0.0)]
    return _join(points)


def _rate(moments: Sequence[Moment], place: int, who: str) -> float | None:
    """Return the share of bad answers over the last quarter of a minute before and at `place`."""
    here, first = moments[place], place
    while first > 0 and here.second - moments[first].second < RATE_OVER_S:
        first -= 1
    before = moments[first].body[who] if first < place else {"total": 0, "total_bad": 0}
    total = here.body[who]["total"] - before["total"]
    return (here.body[who]["total_bad"] - before["total_bad"]) / total if total > 0 else None


def _errors(moments: Sequence[Moment], axis: Axis) -> Panel:
    rates = {who: [_rate(moments, i, who) for i in range(len(moments))] for who in ("stable", "candidate")}
    highest = max((rate for each in rates.values() for rate in each if rate is not None), default=0.0)
    top = next(step for step in (0.02, 0.05, 0.1, 0.25, 0.5, 1.0) if highest * 1.05 <= step or step == 1.0)
    lines = tuple(
        Line(who, who, _join(_known(moments, rates[who], axis, top)), _percent(_last(rates[who])))
        for who in ("stable", "candidate")
        if any(rate is not None for rate in rates[who])
    )
    return Panel(title="Failed answers", top=f"{100 * top:g} %", bottom="0 %", lines=lines)


def _known(
    moments: Sequence[Moment], values: Sequence[float | None], axis: Axis, top: float
) -> list[tuple[float, float]]:
    return [(axis.x(m.second), _y(v, top)) for m, v in zip(moments, values, strict=True) if v is not None]


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.1f} %"


def _evidence(moments: Sequence[Moment], axis: Axis, needed: dict[str, float]) -> Panel:
    """Return the evidence that the candidate is worse, as a part of what proof needs (log scale, 1 is proof)."""
    groups: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("errors", "more errors", lambda name: name == "errors"),
        ("latency", "slower", lambda name: name in LATENCIES),
        ("counts", "business metric", lambda name: name != "errors" and name not in LATENCIES),
    )
    found: list[tuple[str, str, list[float | None]]] = []
    for kind, label, belongs in groups:
        names = [name for name in needed if belongs(name) and needed[name] > 0]
        series = [_strongest(moment, names, needed) for moment in moments]
        if any(value is not None for value in series):
            found.append((kind, label, series))
    highest = max((value for _, _, series in found for value in series if value is not None), default=0.0)
    top = min(MOST_EVIDENCE, max(1.25, highest * 1.05))
    lines = tuple(
        Line(kind, label, _join(_known(moments, series, axis, top)), _of_proof(_last(series)))
        for kind, label, series in found
    )
    limit = _y(1.0, top)
    return Panel(
        title="Evidence that the candidate is worse",
        top=f"{100 * top:.0f} %",
        bottom="0 %",
        lines=lines,
        threshold=_join([(0.0, limit), (WIDTH, limit)]),
    )


def _strongest(moment: Moment, names: Sequence[str], needed: dict[str, float]) -> float | None:
    told = moment.body.get("evidence") or {}
    values = [max(0.0, told[name]) / needed[name] for name in names if told.get(name) is not None]
    return max(values, default=None)


def _of_proof(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.0f} % of proof"
