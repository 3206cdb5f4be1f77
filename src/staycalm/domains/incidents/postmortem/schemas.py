"""Wire types of post-mortems and action items."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from staycalm.core.pagination import Page
from staycalm.domains.incidents.postmortem.queries import ActionItem, Paper
from staycalm.domains.incidents.postmortem.sections import SECTIONS, TEXT_LIMIT

SectionName = Literal[
    "summary", "root-cause", "not-caught", "users-affected", "revenue-impact", "went-well", "went-wrong", "lucky",
    "lessons", "customer-summary",
]  # fmt: skip
Kind = Literal["preventive", "documentation"]
Sent = Annotated[str, Field(max_length=2 * TEXT_LIMIT)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WordsOfSections(_Body):
    """Markdown by section; sections that are not named stay. `based_on`: the versions that the writer had seen."""

    texts: dict[str, Sent] = Field(min_length=1, max_length=len(SECTIONS))
    based_on: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict, max_length=len(SECTIONS)
    )


class AmendmentIn(_Body):
    """Markdown to append to what is published."""

    text: Sent


class NewAction(_Body):
    """What is to be done, by whom, by the end of which day."""

    what: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=200)
    due_on: date
    kind: Kind = "preventive"


class ActionChange(_Body):
    """What changes; null leaves a field as it is. `version`: refused when it changed since."""

    what: str | None = Field(default=None, min_length=1, max_length=1000)
    owner: str | None = Field(default=None, min_length=1, max_length=200)
    due_on: date | None = None
    kind: Kind | None = None
    version: int | None = Field(default=None, ge=0, le=1_000_000)


class DropIn(_Body):
    """Why it will not be done."""

    reason: str = Field(min_length=1, max_length=1000)


class SectionOut(BaseModel):
    """One section; version 0 and null where nobody has written it."""

    section: str
    title: str
    text: str
    version: int
    by: str | None
    at: datetime | None


class AmendmentOut(BaseModel):
    """What was appended after publication."""

    at: datetime
    by: str
    text: str


class ActionOut(BaseModel):
    """One action item. `is_overdue`: the day on which it was due is over."""

    id: str
    incident: str
    what: str
    kind: Kind
    owner: str
    due_on: date
    state: Literal["open", "done", "dropped"]
    is_overdue: bool
    version: int
    added_by: str
    added_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    reason: str


class ActionPage(BaseModel):
    """Open ones in the order of their days, others the newest first."""

    items: list[ActionOut]
    next_cursor: str | None


class PaperOut(BaseModel):
    """The written post-mortem. `due_at` is null where none is due."""

    incident: str
    state: Literal["draft", "in-review", "published"]
    due_at: datetime | None
    published_at: datetime | None
    published_by: str | None
    sections: list[SectionOut]
    amendments: list[AmendmentOut]


class VersionsOut(BaseModel):
    """Every version of one section, the newest first."""

    items: list[SectionOut]


def paper_out(paper: Paper) -> PaperOut:
    return PaperOut(
        incident=paper.incident,
        state=paper.state,
        due_at=paper.due_at,
        published_at=paper.published_at,
        published_by=paper.published_by,
        sections=[_section(paper, name) for name in SECTIONS],
        amendments=[AmendmentOut(**asdict(each)) for each in paper.amendments],
    )


def _section(paper: Paper, name: str) -> SectionOut:
    title = SECTIONS[name].title
    if name not in paper.texts:
        return SectionOut(section=name, title=title, text="", version=0, by=None, at=None)
    return SectionOut(title=title, **asdict(paper.texts[name]))


def action_out(item: ActionItem, now: datetime) -> ActionOut:
    values = {name: getattr(item, name) for name in ActionOut.model_fields if name != "is_overdue"}
    return ActionOut(**values, is_overdue=item.is_overdue(now))


def action_page(page: Page[ActionItem], now: datetime) -> ActionPage:
    return ActionPage(items=[action_out(each, now) for each in page.items], next_cursor=page.next_cursor)
