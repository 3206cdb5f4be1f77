"""From a course to its drawing: every chart over one time axis, with marks where something happened. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from staycalm.core.charts.geometry import Chart, draw
from staycalm.core.charts.series import Mark
from staycalm.core.charts.svg import render
from staycalm.domains.deployments.picture.course import plan_of
from staycalm.domains.deployments.picture.queries import Course
from staycalm.domains.deployments.picture.words import event_sentence, finding, headline

# What a reader looks for on the time axis, and how it is called there.
_MARKED = {
    "held": ("held", "warn"), "paused": ("paused", "warn"), "resumed": ("resumed", "muted"),
    "promoted": ("promoted", "muted"), "rolled_back": ("rolled back", "bad"),
    "rollback_failed": ("rollback failed", "bad"),
    "completed": ("completed", "ok"), "aborted": ("aborted", "bad"),
}  # fmt: skip
_WITH_THE_PROOF = ("difference",)
JUST_AFTER_S = 90.0


def draw_course(course: Course) -> Chart | None:
    """Return every drawing of the course over one time axis; None while there is nothing to draw."""
    times = [at for graph in course.graphs for series in graph.series for at in series.times]
    if not times:
        return None
    start_s, end_s = course.window or (min(times), max(times))
    plan_end_s = plan_of(course.deployment).end_s
    if course.window is None and plan_end_s is not None:
        end_s = max(end_s, plan_end_s)
    marks = _marks(course)
    if course.window is None:
        # Its end is told a moment after the last second that was counted.
        end_s = max([end_s, *(mark.at_s for mark in marks if mark.at_s <= end_s + JUST_AFTER_S)])
    return draw(course.graphs, start_s=start_s, end_s=end_s, marks=marks)


def picture_of(course: Course) -> str:
    """Return the course as an SVG document that stands alone; without a course, one that says so."""
    d = course.deployment
    title = f"{d.id} {d.service} @ {d.environment}, {d.release}"
    chart = draw_course(course) or draw((), start_s=d.requested_at.timestamp(), end_s=d.requested_at.timestamp())
    return render(chart, title=title, subtitle=finding(d) or headline(d)[1])


def in_two(chart: Chart | None) -> tuple[Chart | None, Chart | None]:
    """Return what the page shows first, and what it shows with the proof."""
    return (
        _only(chart, lambda key: key not in _WITH_THE_PROOF),
        _only(chart, lambda key: key in _WITH_THE_PROOF),
    )


def _only(chart: Chart | None, wanted: Callable[[str], bool]) -> Chart | None:
    if chart is None:
        return None
    panels = tuple(panel for panel in chart.panels if wanted(panel.key))
    return replace(chart, panels=panels) if panels else None


def _marks(course: Course) -> tuple[Mark, ...]:
    found = []
    for entry in course.events:
        label, tone = _MARKED.get(entry.name.rpartition(".")[2], ("", ""))
        if label:
            found.append(Mark(entry.at.timestamp(), label, event_sentence(entry)[0], tone))
    return tuple(found)
