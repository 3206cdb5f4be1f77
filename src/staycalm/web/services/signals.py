"""The signals of a placement as a chart: which time it shows, its graphs, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from staycalm.core.charts.geometry import Chart, draw
from staycalm.core.charts.series import Graph, Mark, Series
from staycalm.core.placement import Placement
from staycalm.domains.deployments.public import list_deployments
from staycalm.domains.incidents.queries import list_incidents
from staycalm.domains.monitoring.public import Signals
from staycalm.domains.monitoring.sampling.queries import MINUTES_WINDOW_S, course, oldest_minute
from staycalm.kit.database import ReadTx

SPANS_S = {"1h": 3600.0, "24h": 86400.0, "7d": 7 * 86400.0, "30d": 30 * 86400.0}
SPAN = "24h"
YOUNG_S = 3 * 3600.0
MARKED = 60
LONGEST_PART_S = 400 * 86400.0
MINUTE_S, HOUR_S = 60.0, 3600.0


def signals_chart(
    tx: ReadTx, placement: Placement, *, span: str, part: tuple[float, float] | None
) -> Chart | None:
    """Return traffic, errors, response time and saturation over the span or the part of it; None without data."""
    since, until, measured = _window(tx, span, part)
    points = course(tx, placement, measured - (until - since), measured)
    graphs = signal_graphs(points)
    marks = [*_deployed(tx, placement, since), *_declared(tx, placement)]
    chart = draw(graphs, start_s=since.timestamp(), end_s=until.timestamp(), marks=marks)
    return chart if chart.panels else None


def usual_span(tx: ReadTx, placement: Placement | None) -> str:
    """Return a day, or an hour while there is hardly more to see."""
    oldest = oldest_minute(tx, placement) if placement is not None else None
    is_young = oldest is None or (tx.now - oldest).total_seconds() < YOUNG_S
    return "1h" if is_young else SPAN


def _window(tx: ReadTx, span: str, part: tuple[float, float] | None) -> tuple[datetime, datetime, datetime]:
    """Return where the drawing begins and ends, and where the last whole row of measurements in it ends.

    A span ends with the minute, or the hour, that goes on: until that is over nothing moves that nobody measured.
    """
    now_s = tx.now.timestamp()
    if part is None:
        length_s = SPANS_S.get(span, SPANS_S[SPAN])
        row_s = MINUTE_S if length_s <= MINUTES_WINDOW_S else HOUR_S
        whole_s = now_s - now_s % row_s
        until_s = whole_s + row_s
        return _at(until_s - length_s), _at(until_s), _at(whole_s)
    until_s = min(part[1], now_s)
    since_s = max(min(part[0], until_s - 10.0), until_s - LONGEST_PART_S)
    return _at(since_s), _at(until_s), _at(until_s)


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def signal_graphs(points: Sequence[Signals]) -> tuple[Graph, ...]:
    """Return the golden signals as graphs. SOP §4.2; what was not measured is a gap."""
    times = tuple(point.at.timestamp() for point in points)
    traffic = Series("traffic", "requests", times, tuple(p.request_rate for p in points), is_filled=True)
    errors = Series("errors", "failed", times, tuple(p.error_rate for p in points))
    half = Series("median", "p50, half are faster", times, tuple(p.p50_ms for p in points))
    slow = Series("latency", "p95, 95 of 100 are faster", times, tuple(p.p95_ms for p in points))
    fill = Series("fill", "of what is declared", times, tuple(p.saturation for p in points))
    return (
        Graph("traffic", "Traffic", "per_s", (traffic,), least_top=1.0),
        Graph("errors", "Failed answers", "share", (errors,), least_top=0.02, most_top=1.0),
        Graph("latency", "Response time", "ms", (half, slow), least_top=20.0),
        Graph("fill", "Saturation", "share", (fill,), least_top=1.0),
    )


def _deployed(tx: ReadTx, placement: Placement, since: datetime) -> list[Mark]:
    found = list_deployments(tx, limit=MARKED, service=placement.service, environment=placement.environment).items
    marks = []
    for d in found:
        at = d.finished_at or d.first_shift_at or d.requested_at
        if at >= since:
            tone = {"rolled-back": "bad", "aborted": "muted", "completed": "ok"}.get(d.state, "busy")
            words = f"{d.id} {d.state.replace('-', ' ')}: {d.release}"
            marks.append(Mark(at.timestamp(), d.id, words, tone, f"/deployments/{d.id}"))
    return marks


def _declared(tx: ReadTx, placement: Placement) -> list[Mark]:
    found = list_incidents(tx, limit=MARKED, service=placement.service).items
    return [
        Mark(
            (each.impact_started_at or each.declared_at).timestamp(),
            each.id,
            f"{each.id} {each.priority}: {each.title[:120]}",
            "bad",
            each.url_path,
        )
        for each in found
        if each.environment in (None, placement.environment)
    ]
