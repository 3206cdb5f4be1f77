"""What was measured around an incident, and the drawings of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from staycalm.core.events import LogEntry
from staycalm.domains.deployments.public import Moment
from staycalm.domains.incidents.report.chart import Chart, Mark, Series
from staycalm.domains.incidents.report.facts import About, Facts
from staycalm.domains.monitoring.public import Signals

AROUND = timedelta(minutes=15)
LONGEST = timedelta(days=7)
# A single failed request of one second is no rate: error rates of a rollout are drawn over this time.
RATE_OVER_S = 15
MOST_CONTRIBUTING = 20


@dataclass(frozen=True, slots=True)
class Contribution:
    """A sign that belongs to the incident: when, of what kind (rollback, alert, hand), and its summary."""

    at: datetime
    kind: str
    summary: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What others know about the incident's placement at the time. Empty where nothing was measured."""

    organisation: str = ""
    service_title: str = ""
    signals: tuple[Signals, ...] = ()
    rollout: tuple[Moment, ...] = ()
    marks: tuple[Mark, ...] = ()
    contributions: tuple[Contribution, ...] = ()


NOTHING = Surroundings()


def span(about: About, entries: Sequence[LogEntry]) -> tuple[datetime, datetime]:
    """Return from when to when signals tell of the incident: from 15 min before it to 15 min after it.

    Known by the data alone, so that a report printed later shows the same. While it is open, up to its last event.
    """
    begun = min(at for at in (about.impact_started_at, about.detected_at, about.declared_at) if at is not None)
    shifted = [e.at for e in entries if e.name == "deployments.weight_shifted" and e.at >= begun - AROUND]
    start = min([begun, *shifted]) - AROUND
    ended = about.impact_ended_at or about.resolved_at
    if ended is None or about.is_open:
        ended = max([entry.at for entry in entries if entry.subject == about.id], default=about.declared_at)
    return start, max(begun, min(ended, begun + LONGEST)) + AROUND


def marks_of(entries: Sequence[LogEntry]) -> tuple[Mark, ...]:
    """Return what the drawings mark: each shift of the traffic, the rollback, and when it was over."""
    found: list[Mark] = []
    for entry in entries:
        if entry.name == "deployments.weight_shifted":
            weight = entry.body.get("weight")
            told = f"{weight:g} %" if isinstance(weight, (int, float)) else "shift"
            is_first = not any(mark.kind == "deployment" for mark in found)
            found.append(Mark(entry.at, f"{entry.subject}: {told}" if is_first else told, "deployment"))
        elif entry.name == "deployments.rolled_back":
            found.append(Mark(entry.at, "rollback", "rollback"))
        elif entry.name == "incidents.mitigated":
            found.append(Mark(entry.at, "mitigated"))
    return tuple(found)


def charts(facts: Facts, around: Surroundings) -> tuple[Chart, ...]:
    """Return the drawings of the placement's signals, minute by minute; those without data are left out."""
    signals, band = around.signals, _band(facts)
    if not signals:
        return ()
    start, end = signals[0].at, signals[-1].at
    marks = tuple(mark for mark in around.marks if start <= mark.at <= end)
    drawn = (
        Chart(
            "errors", "Failed requests", "%",
            (Series("errors", tuple((s.at, _percent(s.error_rate)) for s in signals)),), marks, band,
        ),
        Chart(
            "latency", "Response time of 95 of 100 requests", "ms",
            (Series("p95", tuple((s.at, s.p95_ms) for s in signals)),), marks, band, 10.0,
        ),
        Chart(
            "traffic", "Requests per second", "/s",
            (Series("requests", tuple((s.at, s.request_rate) for s in signals)),), marks, band,
        ),
    )  # fmt: skip
    return tuple(chart for chart in drawn if not chart.is_empty)


def rollout_charts(facts: Facts, around: Surroundings) -> tuple[Chart, ...]:
    """Return the rollout that was rolled back, second by second: both error rates, and the traffic split."""
    moments = around.rollout
    if facts.rollback is None or len(moments) < 2:
        return ()
    back = Mark(facts.rollback.at, "rollback", "rollback")
    end = max(back.at, _at(moments[-1]))
    rates = [
        Series(who, (*((_at(m), _rate(moments, n, who)) for n, m in enumerate(moments)), (end, None)))
        for who in ("stable", "candidate")
    ]
    weights = tuple((_at(m), float(m.weight)) for m in moments)
    split = Series("candidate", (*weights, (end, 0.0)), is_stepped=True)
    drawn = (
        Chart("rollout-errors", "Failed requests of both versions", "%", tuple(rates), (back,)),
        Chart("rollout-weight", "Traffic to the new version", "%", (split,), (back,), None, 90.0),
    )
    return tuple(chart for chart in drawn if not chart.is_empty)


def _band(facts: Facts) -> tuple[datetime, datetime] | None:
    start, end = facts.about.impact_started_at, facts.about.impact_ended_at
    return (start, end) if start is not None and end is not None and end >= start else None


def _at(moment: Moment) -> datetime:
    return datetime.fromtimestamp(moment.second, tz=UTC)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _rate(moments: Sequence[Moment], place: int, who: str) -> float | None:
    here, first = moments[place], place
    while first > 0 and here.second - moments[first].second < RATE_OVER_S:
        first -= 1
    before = moments[first].body[who] if first < place else {"total": 0, "total_bad": 0}
    total = here.body[who]["total"] - before["total"]
    return 100.0 * (here.body[who]["total_bad"] - before["total_bad"]) / total if total > 0 else None
