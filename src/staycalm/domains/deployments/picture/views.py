"""From a deployment and its course to what lists and its page show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import Actor
from staycalm.core.charts.geometry import Chart
from staycalm.core.durations import format_duration
from staycalm.domains.deployments.picture.drawing import draw_course, in_two
from staycalm.domains.deployments.picture.figures import MetricView, figures_of, metric_view, metrics_of, seen_of
from staycalm.domains.deployments.picture.queries import Course
from staycalm.domains.deployments.picture.words import event_sentence, finding, headline, reason
from staycalm.domains.deployments.records import Deployment


@dataclass(frozen=True, slots=True)
class StepView:
    """One step. `state` is done, now, ahead, stopped or never; `detection` is what was announced for it."""

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
    chart, proof = in_two(draw_course(course))
    return RolloutView(
        card=card(d),
        finding=finding(d),
        chart=chart,
        proof=proof,
        is_part=course.window is not None,
        is_frozen=course.is_frozen,
        steps=_steps(d),
        announcement=tuple(str(each) for each in d.announcement.get("sentences", ())),
        figures=figures_of(d),
        metrics=tuple(metric_view(each) for each in metrics_of(d)),
        seen=seen_of(d.evidence or {}),
        events=_events(course),
        is_live=course.is_live,
    )


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
