"""From a deployment's course to what its page shows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import Actor
from staycalm.core.charts.geometry import Chart, draw
from staycalm.core.charts.series import Mark, odds
from staycalm.core.charts.svg import render
from staycalm.core.durations import format_duration
from staycalm.domains.deployments.picture.course import metrics_of, plan_of
from staycalm.domains.deployments.picture.queries import Course
from staycalm.domains.deployments.picture.words import event_sentence, finding, headline, reason
from staycalm.domains.deployments.records import Deployment

# What a reader looks for on the time axis, and how it is called there.
_MARKED = {
    "held": ("held", "warn"), "paused": ("paused", "warn"), "resumed": ("resumed", "muted"),
    "promoted": ("promoted", "muted"), "rolled_back": ("rolled back", "bad"),
    "rollback_failed": ("rollback failed", "bad"),
    "completed": ("completed", "ok"), "aborted": ("aborted", "bad"),
}  # fmt: skip
_IN_DETAILS = ("difference",)
JUST_AFTER_S = 90.0
METRIC_NAMES = {
    "errors": "failed answers",
    "latency-p50": "slower than stable's median",
    "latency-p95": "slower than stable's p95",
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step. `state` is done, now, ahead or never; `detection` is what was announced for it."""

    number: int
    weight: float
    duration_s: float
    state: str
    ends_at: datetime | None
    detection: str


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of what happened."""

    at: datetime
    by: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric in the words of the page; figures carry their unit."""

    name: str
    stable: str
    candidate: str
    difference: str
    evidence: str
    is_proven: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A rollout in a list: one picture and one sentence."""

    deployment: Deployment
    tone: str
    sentence: str
    why: str
    stable_label: str
    candidate_label: str
    next_step: str

    @property
    def weight(self) -> float:
        return self.deployment.weight or 0.0


@dataclass(frozen=True, slots=True)
class RolloutView:
    """Everything that changes on the page of a deployment. No part of it depends on who looks."""

    card: Card
    finding: str
    chart: Chart | None
    proof: Chart | None
    is_part: bool
    is_frozen: bool
    steps: tuple[StepView, ...]
    announcement: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    metrics: tuple[MetricView, ...]
    seen: tuple[tuple[str, str], ...]
    events: tuple[EventView, ...]
    is_live: bool


def short(digest: str) -> str:
    """Return the beginning of a digest, enough to recognise it."""
    return digest.removeprefix("sha256:")[:10]


def card(d: Deployment) -> Card:
    """Return the deployment as it stands in a list."""
    tone, sentence = headline(d)
    return Card(
        deployment=d,
        tone=tone,
        sentence=sentence,
        why=reason(d),
        stable_label=f"stable · {d.stable_slot}" if d.stable_slot else "stable",
        candidate_label=f"{d.release} · {d.candidate_slot}" if d.candidate_slot else d.release,
        next_step=_next(d),
    )


def _next(d: Deployment) -> str:
    if d.state == "verifying":
        return "then completed"
    if d.state != "shifting" or d.is_frozen:
        return ""
    following = d.step + 1
    weight = d.steps[following].weight if following < len(d.steps) else 100.0
    return f"then {weight:g} %"


def rollout_view(course: Course) -> RolloutView:
    """Return what the page shows of the course."""
    d = course.deployment
    told = d.evidence or {}
    chart = draw_course(course)
    return RolloutView(
        card=card(d),
        finding=finding(d),
        chart=_only(chart, lambda key: key not in _IN_DETAILS),
        proof=_only(chart, lambda key: key in _IN_DETAILS),
        is_part=course.window is not None,
        is_frozen=course.is_frozen,
        steps=_steps(d),
        announcement=tuple(str(each) for each in d.announcement.get("sentences", ())),
        figures=_figures(d),
        metrics=tuple(_metric(each) for each in metrics_of(d)),
        seen=_seen(told),
        events=_events(course),
        is_live=course.is_live,
    )


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


def _events(course: Course) -> tuple[EventView, ...]:
    """Return what happened; a reason is told once where two events in a row have the same."""
    found: list[EventView] = []
    before = ""
    for entry in course.events:
        text, why = event_sentence(entry)
        found.append(EventView(entry.at, _by(entry.actor), text, "" if why == before else why))
        before = why
    return tuple(found)


def _by(actor: Actor) -> str:
    """Return who did it; what happens by itself needs no author on every line."""
    return "" if actor.kind == "system" else str(actor)


def _steps(d: Deployment) -> tuple[StepView, ...]:
    told = d.announcement.get("steps") or ()
    shown, ends_at = [], d.step_ends_at
    for number, step in enumerate(d.steps):
        state = _step_state(d, number)
        is_timed = d.state == "shifting" and not d.is_frozen and state in ("now", "ahead")
        if is_timed and ends_at is not None and number > d.step:
            ends_at += timedelta(seconds=step.duration_s)
        forecast = told[number] if number < len(told) else {}
        shown.append(
            StepView(
                number + 1,
                step.weight,
                step.duration_s,
                state,
                ends_at if is_timed else None,
                _detection(forecast),
            )
        )
    return tuple(shown)


def _step_state(d: Deployment, number: int) -> str:
    if d.state in ("verifying", "completed") or number < d.step:
        return "done"
    if d.state in ("rolling-back", "rolled-back", "aborted"):
        return "stopped" if number == d.step else "never"
    return "now" if number == d.step and d.state == "shifting" else "ahead"


def _detection(forecast: Mapping[str, Any]) -> str:
    after_s, length_s = forecast.get("detection_s"), forecast.get("duration_s")
    if after_s is None:
        return ""
    if length_s is not None and after_s > length_s:
        return f"a release at the error limit would take {format_duration(after_s)} to show: longer than the step"
    return f"a release at the error limit shows in about {format_duration(after_s)}"


def _figures(d: Deployment) -> tuple[tuple[str, str], ...]:
    """Return the large figures of how it ended, or how it goes; what nothing measured says so."""
    if d.state == "rolled-back":
        return (
            ("Noticed after", _seconds(d.detected_after_s)),
            ("Traffic back in", _seconds(d.rollback_took_s)),
            ("Failed requests", _count(d.failed_requests)),
        )
    told = d.evidence or {}
    return (
        ("Requests to candidate", _count(told.get("candidate_requests"))),
        ("Requests to stable", _count(told.get("stable_requests"))),
        ("Failed on candidate", _count(told.get("failed_requests"))),
    )


def _seconds(value: float | None) -> str:
    return "not measured" if value is None else format_duration(value)


def _count(value: Any) -> str:
    return f"{int(value):,}".replace(",", " ") if isinstance(value, (int, float)) else "not measured"


def _metric(figures: Mapping[str, Any]) -> MetricView:
    name = str(figures["name"])
    is_rate = name in METRIC_NAMES
    return MetricView(
        name=METRIC_NAMES.get(name, name),
        stable=_share(figures.get("stable_rate")),
        candidate=_share(figures.get("candidate_rate")),
        difference=_difference(figures, "pp" if is_rate else "%"),
        evidence=f"{odds(figures['evidence'])}, proof is {odds(figures['needed'])}",
        is_proven=bool(figures.get("is_proven")),
    )


def _share(value: Any) -> str:
    return f"{100 * value:.2f} %" if isinstance(value, (int, float)) else "–"


def _difference(figures: Mapping[str, Any], unit: str) -> str:
    value, low, high = (figures.get(key) for key in ("difference", "low", "high"))
    if value is None:
        return "too little to tell"
    interval = f" ({100 * low:+.2f} to {100 * high:+.2f})" if low is not None and high is not None else ""
    return f"{100 * value:+.2f} {unit}{interval}"


def _seen(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not evidence:
        return ()
    errors, latency = evidence.get("visible_error_increase"), evidence.get("visible_latency_increase")
    unit = evidence.get("unit")
    return (
        ("One observation is", f"a {str(unit).removesuffix('s')}" if unit else "unknown"),
        ("Smallest visible rise of errors", f"{100 * errors:.2f} pp" if errors is not None else "none yet"),
        ("Smallest visible slow-down", f"{100 * latency:.0f} %" if latency is not None else "none yet"),
    )
