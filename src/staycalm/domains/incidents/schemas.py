"""Wire types of incidents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from staycalm.core.errors import Invalid
from staycalm.core.pagination import Page
from staycalm.core.priority import Priority, parse_priority
from staycalm.domains.incidents.causes.service import Declared
from staycalm.domains.incidents.people.decisions import Standing
from staycalm.domains.incidents.queries import Cause, Incident, Note
from staycalm.domains.incidents.report.facts import Facts, Holder, PostMortem
from staycalm.domains.incidents.timeline.decisions import TimelineEntry
from staycalm.domains.oncall.public import Delivery

Role = Literal["commander", "technical-lead", "communications-lead", "scribe"]


def _priority(value: Any) -> Any:
    try:
        return parse_priority(value) if isinstance(value, str) else value
    except Invalid as error:
        raise ValueError(f"{error.message}. {error.next_step}") from None


AnyPriority = Annotated[
    Priority,
    BeforeValidator(_priority),
    Field(description="P0-P3, SEV1-SEV4, critical, high, medium, warning, low or info."),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewIncident(_Body):
    """What is wrong, as a person sees it."""

    title: str = Field(min_length=1, max_length=1000)
    priority: AnyPriority
    service: str | None = None
    environment: str | None = None


class RoleIn(_Body):
    """Who holds a role from now on; null: nobody."""

    role: Role
    person: str | None


class PriorityIn(_Body):
    """The new priority and why."""

    priority: AnyPriority
    reason: str = Field(default="", max_length=1000)


class NoteIn(_Body):
    """A line for the timeline."""

    text: str = Field(min_length=1, max_length=10_000)


class WordsIn(_Body):
    """How, or why, in a sentence."""

    text: str = Field(default="", max_length=1000)


class IncidentOut(BaseModel):
    """One incident. Times are null where unknown or not yet."""

    id: str
    title: str
    priority: Priority
    state: Literal["triage", "investigating", "mitigated", "resolved", "closed"]
    is_open: bool
    service: str | None
    environment: str | None
    declared_by: str
    declared_at: datetime
    impact_started_at: datetime | None
    detected_at: datetime | None
    impact_ended_at: datetime | None
    resolved_at: datetime | None
    url_path: str


class ListedIncident(IncidentOut):
    """One incident with who has it: `held_by` is the commander, else who acknowledged; null is nobody.

    `reopened_at` and `reopened_because` say when and why it came back last; null where it never did.
    """

    held_by: str | None
    reopened_at: datetime | None
    reopened_because: str | None


class IncidentPage(BaseModel):
    """Newest first."""

    items: list[ListedIncident]
    next_cursor: str | None


class DeclaredOut(BaseModel):
    """`nobody_paged`: the incident asks for a page and nobody is being paged for it."""

    incident: IncidentOut
    is_new: bool
    paged: list[str]
    nobody_paged: bool


class PagedOut(BaseModel):
    """The incident, and who is paged by this change."""

    incident: IncidentOut
    paged: list[str]


class CauseOut(BaseModel):
    """Why there is an incident."""

    kind: str
    subject: str | None
    priority: Priority
    summary: str
    happened_at: datetime
    ended_at: datetime | None


class HolderOut(BaseModel):
    """Who held a role when."""

    role: str
    person: str
    since: datetime
    until: datetime | None


class NoteOut(BaseModel):
    """What somebody wrote down."""

    id: str
    at: datetime
    by: str
    text: str


class PageOut(BaseModel):
    """One line of the delivery log: who was paged or told when, by what, and what came of it."""

    person: str
    kind: str
    channel: str
    state: str
    attempts: int
    queued_at: datetime
    ended_at: datetime | None
    last_error: str | None


class PostMortemOut(BaseModel):
    """What is due when."""

    kind: Literal["full", "short"]
    due_at: datetime


class FiguresOut(BaseModel):
    """Measured seconds; null is unknown."""

    detect_s: float | None
    page_s: float | None
    acknowledge_s: float | None
    recover_s: float | None
    duration_s: float | None
    rollback_s: float | None
    failed_requests: int | None


class IncidentDetail(ListedIncident):
    """One incident with everything that belongs to it except its timeline."""

    causes: list[CauseOut]
    roles: list[HolderOut]
    notes: list[NoteOut]
    pages: list[PageOut]
    acknowledged_by: str | None
    figures: FiguresOut
    post_mortem: PostMortemOut | None


class TimelineEntryOut(BaseModel):
    """One line of the timeline."""

    seq: int
    at: datetime
    kind: Literal["delivery", "alert", "paging", "response", "note"]
    text: str
    by: str
    subject: str
    note: str | None = None


class TimelinePage(BaseModel):
    """Oldest first."""

    items: list[TimelineEntryOut]
    next_cursor: str | None


def incident_out(incident: Incident) -> IncidentOut:
    return IncidentOut(**_common(incident))


def _common(incident: Incident) -> dict[str, Any]:
    names = [name for name in IncidentOut.model_fields if name not in ("is_open", "url_path")]
    values = {name: getattr(incident, name) for name in names}
    return {**values, "is_open": incident.is_open, "url_path": incident.url_path}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "held_by": standing.holder,
        "reopened_at": standing.reopened_at,
        "reopened_because": standing.reopened_because if standing.reopened_at is not None else None,
    }


def incident_page(page: Page[Incident], known: Mapping[str, Standing]) -> IncidentPage:
    items = [ListedIncident(**_common(each), **_standing(known[each.id])) for each in page.items]
    return IncidentPage(items=items, next_cursor=page.next_cursor)


def declared_out(declared: Declared) -> DeclaredOut:
    return DeclaredOut(
        incident=incident_out(declared.incident),
        is_new=declared.is_new,
        paged=list(declared.paged),
        nobody_paged=declared.nobody_paged,
    )


def paged_out(changed: tuple[Incident, tuple[str, ...]]) -> PagedOut:
    incident, paged = changed
    return PagedOut(incident=incident_out(incident), paged=list(paged))


def timeline_page(page: Page[TimelineEntry]) -> TimelinePage:
    return TimelinePage(
        items=[TimelineEntryOut(**asdict(each)) for each in page.items], next_cursor=page.next_cursor
    )


def detail_out(
    incident: Incident,
    *,
    standing: Standing,
    causes: tuple[Cause, ...],
    roles: tuple[Holder, ...],
    notes: tuple[Note, ...],
    pages: tuple[Delivery, ...],
    facts: Facts,
    post_mortem: PostMortem | None,
) -> IncidentDetail:
    return IncidentDetail(
        **_common(incident),
        **_standing(standing),
        causes=[CauseOut.model_validate(each, from_attributes=True) for each in causes],
        roles=[HolderOut.model_validate(each, from_attributes=True) for each in roles],
        notes=[NoteOut.model_validate(each, from_attributes=True) for each in notes],
        pages=[PageOut.model_validate(each, from_attributes=True) for each in pages],
        acknowledged_by=facts.acknowledged_by,
        figures=FiguresOut.model_validate(facts.figures, from_attributes=True),
        post_mortem=PostMortemOut.model_validate(post_mortem, from_attributes=True) if post_mortem else None,
    )
