"""The post-incident summary for customers (SOP §5.2). Pure.

It is made of StayCalm's own sentences and measured figures, and of the one text that a person wrote for customers:
no other text of a person or another system gets in, so no name of a person, a host, a policy or a deployment can.
The service goes by its title.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from staycalm.domains.incidents.report.chart import Chart, Mark, Series
from staycalm.domains.incidents.report.document import Document, Section, bullets, paragraph, pictures, words
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.figures import said
from staycalm.domains.incidents.report.surroundings import NOTHING, Surroundings, charts
from staycalm.ports.reports import Cover

_MARK_WORDS = {"deployment": "update", "rollback": "withdrawn", "other": "restored"}


def post_incident_summary(facts: Facts, around: Surroundings = NOTHING) -> Document:
    """Return what customers are told of the incident."""
    title = f"{_service(around)}: {'trouble after an update' if facts.rollback else 'service disruption'}"
    return Document(
        f"Post-Incident Summary: {title}",
        (
            Section(
                "Summary", (paragraph(_summary(facts, around)), *words(facts.written.text("customer-summary")))
            ),
            Section(
                "Impact",
                (bullets(_impact(facts)), *pictures("What we measured", _charts(facts, around))),
            ),
            Section("What Happened", (bullets(_story(facts)),)),
            Section("Cause", (paragraph(_cause(facts)),)),
            Section("What We Are Doing", (bullets(_measures(facts)),)),
        ),
        _cover(title, facts, around),
    )


def _service(around: Surroundings) -> str:
    return around.service_title or "Our service"


def _cover(title: str, facts: Facts, around: Surroundings) -> Cover:
    about, figures = facts.about, facts.figures
    start = about.impact_started_at or about.detected_at or about.declared_at
    told = [("Reference", about.id), ("Service", _service(around)), ("Began", _moment(start))]
    if about.impact_ended_at is not None:
        told.append(("Service restored", _moment(about.impact_ended_at)))
    found = []
    if figures.duration_s is not None:
        found.append(("Duration", said(figures.duration_s), "of the disruption"))
    if figures.failed_requests is not None:
        found.append(("Requests failed", f"{figures.failed_requests:,}".replace(",", "\u202f"), ""))
    if figures.detect_s is not None:
        found.append(("Noticed after", said(figures.detect_s), "by our monitoring"))
    if figures.recover_s is not None:
        found.append(("Restored after", said(figures.recover_s), ""))
    return Cover("Post-Incident Summary", title, around.organisation, tuple(told), tuple(found), "Times are UTC.")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _summary(facts: Facts, around: Surroundings) -> str:
    about = facts.about
    start = about.impact_started_at or about.detected_at or about.declared_at
    parts = [f"On {start:%d %B %Y} at {start:%H:%M} UTC, {_service(around)} began to have trouble."]
    if facts.rollback is not None:
        by = "automatically" if facts.rollback.is_automatic else "by our engineers"
        parts.append(f"It came with an update, which was withdrawn {by}.")
    if facts.reopenings:
        many = "once more" if len(facts.reopenings) == 1 else f"{len(facts.reopenings)} times more"
        parts.append(f"It came back {many} after it seemed to be over.")
    if facts.figures.duration_s is not None:
        parts.append(f"The disruption lasted {said(facts.figures.duration_s)}.")
    elif about.is_open and about.impact_ended_at is None:
        parts.append("We are still working on it.")
    if about.resolved_at is not None and not about.is_open:
        parts.append("The service has been restored and verified. We are sorry for the trouble this caused.")
    return " ".join(parts)


def _impact(facts: Facts) -> list[str]:
    figures = facts.figures
    failed = "not known" if figures.failed_requests is None else f"{figures.failed_requests}"
    found = [
        f"Duration: {_known(figures.duration_s)}",
        f"Requests that failed: {failed}",
        f"Noticed by us after: {_known(figures.detect_s)}",
        f"Service restored after: {_known(figures.recover_s)}",
    ]
    if facts.rollback is not None and facts.rollback.took_s is not None:
        found.append(f"Update withdrawn within: {said(facts.rollback.took_s)} of the decision")
    return found


def _known(seconds: float | None) -> str:
    return "not known" if seconds is None else said(seconds)


def _charts(facts: Facts, around: Surroundings) -> tuple[Chart, ...]:
    """Return failed requests and response time; their marks say what happened in our words alone."""
    found = []
    for chart in charts(facts, around)[:2]:
        first = next((m for m in chart.marks if m.kind == "deployment"), None)
        others = [m for m in chart.marks if m.kind == "rollback"]
        kept = [*([first] if first is not None else []), *others]
        marks = tuple(Mark(m.at, _MARK_WORDS[m.kind], m.kind) for m in kept)
        series = tuple(Series(s.name, s.points, s.is_stepped) for s in chart.series)
        found.append(Chart(chart.name, chart.title, chart.unit, series, marks, chart.band, chart.least_top))
    return tuple(found)


def _story(facts: Facts) -> list[str]:
    """Return `HH:MM - sentence` for what customers have a right to know, oldest first, without repetition."""
    about = facts.about
    moments: list[tuple[datetime | None, str]] = [
        (about.impact_started_at, "The first customers were affected"),
        (about.detected_at, "Our monitoring noticed the trouble" if facts.rollback or facts.first_alert else
         "The trouble became known to us"),
        (facts.rollback.at if facts.rollback else None, "The previous version served all requests again"),
        (facts.pages[0].at if facts.pages else None, "Our engineer on call was called"),
        (facts.acknowledged_at, "An engineer had taken charge"),
        (about.impact_ended_at if not facts.rollback else None, "The service was restored"),
        (about.resolved_at if not about.is_open else None, "We had verified that it was over"),
    ]  # fmt: skip
    told = sorted(((at, text) for at, text in moments if at is not None), key=lambda pair: pair[0])
    if not told:
        return []
    days = [told[0][0].date(), *(at.date() for at, _ in told)]
    marks = [f" ({after.isoformat()})" if after != before else "" for before, after in pairwise(days)]
    return [f"{at:%H:%M}{mark} - {text}" for (at, text), mark in zip(told, marks, strict=True)]


def _cause(facts: Facts) -> str:
    if facts.rollback is not None:
        return (
            "An update of the service had a fault that our tests before its release had not shown. It reached a "
            "part of the traffic first, where comparison with the previous version revealed it."
        )
    return "We are examining the cause and will complete this summary when it is known."


def _measures(facts: Facts) -> list[str]:
    if facts.rollback is None:
        return ["We are removing the cause.", "We are making sure that we would notice it earlier."]
    return [
        "The update stays withdrawn until its fault is found and mended.",
        "We are adding a check that shows this kind of fault before an update reaches customers.",
    ]
