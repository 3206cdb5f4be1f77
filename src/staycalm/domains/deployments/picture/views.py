"""From a deployment's course to what its page shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import Actor
from staycalm.core.durations import format_duration
from staycalm.domains.deployments.picture.chart import Chart, draw
from staycalm.domains.deployments.picture.queries import Course
from staycalm.domains.deployments.picture.words import event_sentence, headline, reason
from staycalm.domains.deployments.queries import Moment
from staycalm.domains.deployments.records import Deployment

_END_WEIGHTS = {"rolled-back": 0.0, "aborted": 0.0, "completed": 100.0}
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
    chart: Chart | None
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
    evidence = d.evidence or {}
    metrics = [each for each in evidence.get("metrics", ()) if isinstance(each, Mapping)]
    needed = {str(each["name"]): float(each["needed"]) for each in metrics}
    is_moving = d.state == "shifting" and not d.is_frozen
    ends_s = d.step_ends_at.timestamp() if is_moving and d.step_ends_at is not None else None
    return RolloutView(
        card=card(d),
        chart=draw(
            _with_end(course.moments, d, metrics),
            needed=needed,
            ahead=d.steps[d.step + 1 :],
            step_ends_s=ends_s,
            ended_at=_END_WEIGHTS.get(d.state),
        ),
        steps=_steps(d),
        announcement=tuple(str(each) for each in d.announcement.get("sentences", ())),
        figures=_figures(d),
        metrics=tuple(_metric(each) for each in metrics),
        seen=_seen(evidence),
        events=_events(course),
        is_live=course.is_live,
    )


def _with_end(
    moments: tuple[Moment, ...], d: Deployment, metrics: Sequence[Mapping[str, Any]]
) -> tuple[Moment, ...]:
    """Return the moments up to the look that decided: it ended the rollout before a second of history was due."""
    if not moments or d.decided_at is None or not metrics:
        return moments
    second = max(int(d.decided_at.timestamp()), moments[-1].second + 1)
    told = {str(each["name"]): float(each["evidence"]) for each in metrics}
    return (*moments, Moment(second, moments[-1].weight, {**moments[-1].body, "evidence": told}))


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
        return f"longer than the step ({format_duration(after_s)})"
    return f"in about {format_duration(after_s)}"


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
        evidence=f"{figures['evidence']:.2f} of {figures['needed']:.2f}",
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
