"""The post-mortem in the SOP's title, headings and order (§5.3), filled from the facts. Pure.

Sentences speak of systems, not of individuals (SOP §5.3 "Blameless Culture"): who was paged is in the
timeline, what went wrong names steps and channels.
"""

from __future__ import annotations

from datetime import datetime

from staycalm.domains.incidents.report.document import (
    Block,
    Document,
    Section,
    bullets,
    paragraph,
    pictures,
    words,
)
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.figures import (
    ACKNOWLEDGE_TARGET_S,
    DETECT_TARGET_S,
    RECOVER_TARGET_S,
    ROLLBACK_TARGET_S,
    said,
)
from staycalm.domains.incidents.report.lessons import went_well, went_wrong
from staycalm.domains.incidents.report.surroundings import NOTHING, Surroundings, charts, rollout_charts
from staycalm.domains.incidents.report.told import amendments, asked, clock, measures, standing, titled
from staycalm.domains.incidents.timeline.decisions import lines
from staycalm.domains.incidents.timeline.words import ROLE_NAMES
from staycalm.ports.reports import Cover

UNKNOWN = "unknown"
EVIDENCE_LIMIT = 8
NOTE_OF_DRAFT = "Filled from the event log; times are UTC. What stands in [brackets] is for a person to write."
NOTE_OF_PUBLISHED = "Figures and times are from the event log; times are UTC."


def post_mortem(facts: Facts, around: Surroundings = NOTHING) -> Document:
    """Return the incident report, which is the post-mortem's draft."""
    rollout = facts.rollback.deployment if facts.rollback is not None else ""
    return Document(
        f"Incident Post-Mortem: {facts.about.title}",
        (
            Section("Summary", words(facts.written.text("summary")) or (paragraph(summary(facts)),)),
            Section("Timeline", (bullets(lines(facts.timeline)),)),
            Section(
                "Root Cause",
                (
                    *root_cause(facts, around),
                    *pictures(f"The rollout {rollout}, second by second", rollout_charts(facts, around)),
                ),
            ),
            Section(
                "Impact",
                (
                    bullets(impact(facts)),
                    Block("heading", ("Measured times and their targets",)),
                    Block("table", rows=measured(facts)),
                    *pictures("Signals around the incident", charts(facts, around)),
                ),
            ),
            Section(
                "What Went Well",
                (
                    *_list(went_well(facts), facts.written.text("went-well"), "What else went well"),
                    *titled("Where we got lucky", facts.written.text("lucky")),
                ),
            ),
            Section(
                "What Went Wrong",
                _list(
                    went_wrong(facts),
                    facts.written.text("went-wrong"),
                    "What else went wrong, in systems and processes",
                ),
            ),
            Section("Action Items", measures(facts)),
            Section("Lessons Learned", asked(facts.written.text("lessons"), "Key takeaways")),
            *amendments(facts),
        ),
        cover("Incident Post-Mortem", facts, around),
    )


def root_cause_analysis(facts: Facts, around: Surroundings = NOTHING) -> Document:
    """Return the short form: cause, why it was not caught earlier, action."""
    return Document(
        f"Root-Cause Analysis: {facts.about.title}",
        (
            Section("Cause", root_cause(facts, around)),
            Section(
                "Why It Was Not Caught Earlier",
                (
                    *_passed_before(facts),
                    *asked(facts.written.text("not-caught"), "Which check let it through"),
                ),
            ),
            Section("Action", measures(facts)),
            *amendments(facts),
        ),
        cover("Root-Cause Analysis", facts, around),
    )


def cover(kind: str, facts: Facts, around: Surroundings) -> Cover:
    """Return the title page: what it is about, who led it, and the four figures people ask for first."""
    about, figures = facts.about, facts.figures
    held = {each.role: each.person for each in facts.roles}
    where = f"{about.service} in {about.environment}" if about.service and about.environment else about.service
    told = [
        ("Incident", about.id),
        ("Priority", about.priority),
        ("Service", where or ""),
        ("State", about.state),
        ("Began", _moment(about.impact_started_at or about.detected_at or about.declared_at)),
        ("Ended", _moment(about.resolved_at) if about.resolved_at is not None and not about.is_open else ""),
        *((ROLE_NAMES.get(role, role), held[role]) for role in ROLE_NAMES if role in held),
    ]
    told.extend(standing(facts))
    return Cover(
        kind=kind,
        title=about.title,
        owner=around.organisation,
        facts=tuple((name, value) for name, value in told if value),
        figures=(
            ("Duration", said(figures.duration_s), "of the impact"),
            ("Requests failed", _count(figures.failed_requests), "answered with an error"),
            ("Acknowledged after", said(figures.acknowledge_s), f"target {said(ACKNOWLEDGE_TARGET_S)}"),
            ("Recovered after", said(figures.recover_s), f"target {said(RECOVER_TARGET_S)} for P0"),
        ),
        note=NOTE_OF_PUBLISHED if facts.written.state == "published" else NOTE_OF_DRAFT,
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}".replace(",", "\u202f")


def summary(facts: Facts) -> str:
    """Return one paragraph: what, where, when, how it began, who took it, how often it came back, how it ended."""
    about = facts.about
    where = f" on {about.service}" if about.service else ""
    where += f" in {about.environment}" if about.environment else ""
    start = about.impact_started_at or about.detected_at or about.declared_at
    parts = [f"{about.id} was a {about.priority} incident{where}, from {start:%Y-%m-%d %H:%M} UTC"]
    if about.is_open:
        parts[0] = f"{about.id} is a {about.priority} incident{where}, since {start:%Y-%m-%d %H:%M} UTC"
    parts[0] += _end(facts, start)
    parts.append(_beginning(facts))
    if facts.acknowledged_by:
        after = facts.figures.acknowledge_s
        took = f" {said(after)} after the first page" if after is not None else ""
        parts.append(f"{facts.acknowledged_by} took it{took}.")
    elif facts.was_nobody_paged:
        parts.append("Nobody could be paged.")
    parts.extend(f"It came back at {clock(each.at, start)} UTC: {each.reason}." for each in facts.reopenings)
    if facts.how_mitigated:
        parts.append(f"Mitigation: {facts.how_mitigated.rstrip('.')}.")
    parts.append(f"State: {about.state}. Times are UTC.")
    return " ".join(parts)


def _end(facts: Facts, start: datetime) -> str:
    ended_at = facts.about.resolved_at
    if ended_at is None or facts.about.is_open:
        return "."
    return f" to {clock(ended_at, start)} UTC."


def _beginning(facts: Facts) -> str:
    rollback = facts.rollback
    if rollback is not None:
        how = "by itself" if rollback.is_automatic else "by hand"
        first = rollback.reason.partition(";")[0].rstrip(".")
        why = f" because {first}" if first else ""
        state = "healthy" if rollback.stable_is_healthy else "not healthy"
        return f"{rollback.deployment} was rolled back {how}{why}; the stable version was {state} afterwards."
    if facts.first_alert:
        return f"It began with an alert: {facts.first_alert.rstrip('.')}."
    return f"It was declared by {facts.about.declared_by}."


def root_cause(facts: Facts, around: Surroundings = NOTHING) -> tuple[Block, ...]:
    """Return what the evidence says with every contributing cause, and room for what it does not."""
    rollback = facts.rollback
    known: list[str] = []
    if rollback is not None:
        release = rollback.release or UNKNOWN
        known.append(f"The trouble came with {release}, deployed as {rollback.deployment}.")
        told = [str(reason) for reason in rollback.evidence.get("reasons") or ()]
        # A reason that is made of the evidence is told once.
        if rollback.reason and not any(each in rollback.reason for each in told):
            known.append(f"Reason of the rollback: {rollback.reason}")
        known.extend(f"Evidence: {reason}" for reason in told[:EVIDENCE_LIMIT])
        if {"candidate_requests", "stable_requests"} <= rollback.evidence.keys():
            known.append(
                f"Compared: {rollback.evidence['candidate_requests']} requests to the candidate with "
                f"{rollback.evidence['stable_requests']} to stable."
            )
    elif facts.first_alert:
        known.append(f"First sign: {facts.first_alert}")
    if len(around.contributions) > 1:
        known.extend(
            f"Contributing, {each.at:%H:%M} by {each.kind}: {each.summary}" for each in around.contributions
        )
    words_of_people = asked(facts.written.text("root-cause"), "What actually caused the issue")
    evidence = (bullets(known),) if known else ()
    return (*words_of_people, *evidence) if facts.written.text("root-cause") else (*evidence, *words_of_people)


def impact(facts: Facts) -> tuple[str, ...]:
    """Return the SOP's four figures in its order."""
    return (
        f"Duration: {_duration(facts)}",
        f"Users affected: {facts.written.text('users-affected') or UNKNOWN}",
        f"Requests failed: {_count(facts.figures.failed_requests)}",
        f"Revenue impact: {facts.written.text('revenue-impact') or UNKNOWN}",
    )


def measured(facts: Facts) -> tuple[tuple[str, ...], ...]:
    """Return the measured times beside the SOP's targets; a target that is for P0 alone says so."""
    figures = facts.figures
    recover = RECOVER_TARGET_S if facts.about.priority == "P0" else None
    lines: list[tuple[str, float | None, float | None]] = [
        ("Detection (MTTD), from the first impact", figures.detect_s, DETECT_TARGET_S),
        ("First page, from detection", figures.page_s, None),
        ("Acknowledgement, from the first page", figures.acknowledge_s, ACKNOWLEDGE_TARGET_S),
        ("Mitigation, from detection", figures.mitigate_s, None),
        ("Recovery (MTTR), from the first impact", figures.recover_s, recover),
    ]
    if facts.rollback is not None:
        lines.append(("Rollback, from the decision", figures.rollback_s, ROLLBACK_TARGET_S))
    return (("What", "Measured", "Target", "Result"), *(_line(*line) for line in lines))


def _line(what: str, seconds: float | None, target_s: float | None) -> tuple[str, str, str, str]:
    if target_s is None:
        return what, said(seconds), "none", ""
    result = UNKNOWN if seconds is None else "met" if seconds < target_s else "missed"
    return what, said(seconds), f"under {said(target_s)}", result


def _duration(facts: Facts) -> str:
    figures = facts.figures
    if figures.duration_s is not None:
        return said(figures.duration_s)
    if facts.about.impact_ended_at is None and facts.about.is_open:
        return f"{UNKNOWN}, users may still be affected"
    if figures.recover_s is not None:
        return f"{UNKNOWN}, {said(figures.recover_s)} from when it was known"
    return UNKNOWN


def _passed_before(facts: Facts) -> tuple[Block, ...]:
    passed = [
        entry.text
        for entry in facts.timeline
        if facts.rollback is not None and entry.subject == facts.rollback.deployment
        and (entry.text.startswith("Smoke tests") or entry.text.endswith("is up and healthy"))
    ]  # fmt: skip
    return (bullets([f"{text} before users met it." for text in passed]),) if passed else ()


def _list(found: list[str], told: str, more: str) -> tuple[Block, ...]:
    return (*((bullets(found),) if found else ()), *asked(told, more))
