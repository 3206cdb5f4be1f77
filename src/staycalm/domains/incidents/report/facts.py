"""Everything a report is made of, gathered from rows and the event log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from staycalm.core.events import LogEntry
from staycalm.core.priority import Priority
from staycalm.domains.incidents.decisions import PostMortemKind
from staycalm.domains.incidents.machine import OPEN
from staycalm.domains.incidents.report.figures import (
    Figures,
    Page,
    Rollback,
    find_pages,
    find_rollback,
    measure,
)
from staycalm.domains.incidents.report.written import NOTHING_WRITTEN, Written
from staycalm.domains.incidents.timeline.decisions import TimelineEntry, compose


@dataclass(frozen=True, slots=True)
class About:
    """The incident's own row, as far as a report needs it."""

    id: str
    title: str
    priority: Priority
    state: str
    service: str | None
    environment: str | None
    declared_by: str
    declared_at: datetime
    impact_started_at: datetime | None
    detected_at: datetime | None
    impact_ended_at: datetime | None
    resolved_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Holder:
    """Who held a role, from when to when (None: still)."""

    role: str
    person: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Reopening:
    """It was taken for over, and was not; the reason ends without a full stop."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PostMortem:
    """What is due, and when; `figures` of a draft change until it is written."""

    kind: PostMortemKind
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one incident at one instant."""

    about: About
    timeline: tuple[TimelineEntry, ...]
    pages: tuple[Page, ...]
    rollback: Rollback | None
    figures: Figures
    roles: tuple[Holder, ...] = ()
    post_mortem: PostMortem | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    first_alert: str | None = None
    skipped_steps: tuple[int, ...] = ()
    failed_deliveries: int = 0
    was_nobody_paged: bool = False
    how_mitigated: str | None = None
    reopenings: tuple[Reopening, ...] = ()
    written: Written = NOTHING_WRITTEN


def gather(
    about: About,
    entries: Sequence[LogEntry],
    *,
    roles: Sequence[Holder] = (),
    post_mortem: PostMortem | None = None,
) -> Facts:
    """Return the facts; `entries` are the events about the incident and its causes, in the log's order."""
    own = [entry for entry in entries if entry.subject == about.id]
    answered = next((e for e in own if e.name == "oncall.page_acknowledged"), None)
    taken = answered or next((e for e in own if e.name == "incidents.acknowledged"), None)
    by = None if taken is None else str(taken.body.get("person") or taken.body.get("by"))
    alert = next((e for e in entries if e.name == "alerts.raised"), None)
    mitigated = [e for e in own if e.name == "incidents.mitigated"]
    pages = find_pages(entries, about.id)
    rollback = find_rollback(entries)
    return Facts(
        about=about,
        timeline=compose(entries, incident=about.id, ended_at=about.resolved_at),
        pages=pages,
        rollback=rollback,
        figures=measure(
            declared_at=about.declared_at,
            impact_started_at=about.impact_started_at,
            detected_at=about.detected_at,
            acknowledged_at=taken.at if taken is not None else None,
            impact_ended_at=about.impact_ended_at,
            pages=pages,
            rollback=rollback,
        ),
        roles=tuple(roles),
        post_mortem=post_mortem,
        acknowledged_by=by,
        acknowledged_at=taken.at if taken is not None else None,
        first_alert=str(alert.body.get("summary") or alert.body.get("rule")) if alert is not None else None,
        skipped_steps=tuple(int(e.body.get("step") or 0) for e in own if e.name == "oncall.step_skipped"),
        failed_deliveries=sum(e.name == "oncall.notification_failed" for e in own),
        was_nobody_paged=any(e.name == "oncall.nobody_paged" for e in own),
        how_mitigated=str(mitigated[-1].body.get("how") or "") or None if mitigated else None,
        reopenings=tuple(
            Reopening(e.at, str(e.body.get("reason") or "no reason was given").rstrip("."))
            for e in own
            if e.name == "incidents.reopened"
        ),
    )
