"""All reads of what people write after an incident."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.core.pagination import Page, check_limit, cut, numbered
from staycalm.domains.incidents.model import incidents, post_mortems
from staycalm.domains.incidents.postmortem.decisions import ActionFilter, ActionKind
from staycalm.domains.incidents.postmortem.machine import WRITABLE, ActionState, PaperState
from staycalm.domains.incidents.postmortem.model import (
    action_items,
    post_mortem_amendments,
    post_mortem_papers,
    post_mortem_texts,
)
from staycalm.domains.incidents.report.written import Amendment, Measure, Written
from staycalm.kit.database import ReadTx

PARTS_LIMIT = 200
_NAME = re.compile(r"(?:ACT-)?([0-9]{1,15})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """One version of a section, who wrote it and when."""

    section: str
    version: int
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """The post-mortem of an incident: where it stands and the newest text of each section that has one.

    Version 0: nobody has written anything. `due_at` is None where nothing is due.
    """

    incident: str
    state: PaperState
    version: int
    published_at: datetime | None
    published_by: str | None
    due_at: datetime | None
    texts: Mapping[str, Text]
    amendments: tuple[Amendment, ...]

    @property
    def is_writable(self) -> bool:
        return self.state in WRITABLE

    @property
    def word(self) -> str:
        """How far it is, in a word."""
        return "not begun" if self.version == 0 else self.state


@dataclass(frozen=True, slots=True)
class ActionItem:
    """What somebody is to do by the end of a day, because of an incident."""

    number: int
    incident: str
    what: str
    kind: ActionKind
    owner: str
    due_on: date
    overdue_at: datetime
    state: ActionState
    version: int
    added_by: str
    added_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    reason: str

    @property
    def id(self) -> str:
        return f"ACT-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and self.overdue_at <= now


def get_paper(tx: ReadTx, incident: str) -> Paper:
    """Return the post-mortem of the incident INC-n, which must exist."""
    p, t = post_mortem_papers.c, post_mortem_texts.c
    row = tx.one_or_none(sa.select(post_mortem_papers).where(p.incident == incident))
    newest = (
        sa.select(t.section, sa.func.max(t.version).label("version"))
        .where(t.incident == incident)
        .group_by(t.section)
        .subquery()
    )
    found = tx.rows(
        sa.select(t.section, t.version, t.text, t.by, t.at)
        .join(newest, sa.and_(t.section == newest.c.section, t.version == newest.c.version))
        .where(t.incident == incident)
        .limit(PARTS_LIMIT)
    )
    return Paper(
        incident=incident,
        state=row.state if row is not None else "draft",
        version=row.version if row is not None else 0,
        published_at=row.published_at if row is not None else None,
        published_by=row.published_by if row is not None else None,
        due_at=tx.scalar(sa.select(post_mortems.c.due_at).where(post_mortems.c.incident == incident)),
        texts={each.section: Text(**each._mapping) for each in found},
        amendments=amendments_of(tx, incident),
    )


def amendments_of(tx: ReadTx, incident: str) -> tuple[Amendment, ...]:
    """Return the first 200 amendments, oldest first."""
    c = post_mortem_amendments.c
    statement = sa.select(c.at, c.by, c.text).where(c.incident == incident).order_by(c.at, c.id).limit(PARTS_LIMIT)
    return tuple(Amendment(**row._mapping) for row in tx.rows(statement))


def texts_at(tx: ReadTx, incident: str, versions: Mapping[str, int]) -> dict[str, str]:
    """Return the text of each section at the version; a version that never was is left out."""
    c = post_mortem_texts.c
    wanted = [sa.and_(c.section == name, c.version == version) for name, version in versions.items()]
    if not wanted:
        return {}
    rows = tx.rows(sa.select(c.section, c.text).where(c.incident == incident, sa.or_(*wanted)).limit(PARTS_LIMIT))
    return {row.section: row.text for row in rows}


def history(tx: ReadTx, incident: str, section: str) -> tuple[Text, ...]:
    """Return the newest 200 versions of a section, the newest first."""
    c = post_mortem_texts.c
    statement = (
        sa.select(c.section, c.version, c.text, c.by, c.at)
        .where(c.incident == incident, c.section == section)
        .order_by(c.version.desc())
        .limit(PARTS_LIMIT)
    )
    return tuple(Text(**row._mapping) for row in tx.rows(statement))


def get_action(tx: ReadTx, name: str) -> ActionItem:
    """Return the action item that `ACT-7`, `act-7` or `7` means; raises NotFound."""
    match = _NAME.match(name.strip())
    row = None
    if match is not None:
        row = tx.one_or_none(sa.select(action_items).where(action_items.c.number == int(match[1])))
    if row is None:
        raise NotFound(
            "no-action-item", f"there is no action item {name[:40]!r}",
            next_step="`sc ops action list` lists them.",
        )  # fmt: skip
    return _action(row)


def actions_of(tx: ReadTx, incident: str) -> tuple[ActionItem, ...]:
    """Return the first 200 action items of the incident, in the order in which they were added."""
    c = action_items.c
    statement = sa.select(action_items).where(c.incident == incident).order_by(c.number).limit(PARTS_LIMIT)
    return tuple(_action(row) for row in tx.rows(statement))


def list_actions(tx: ReadTx, wanted: ActionFilter, *, limit: int, cursor: str | None = None) -> Page[ActionItem]:
    """Return the action items that match, the newest first; of the open ones, those due first."""
    c = action_items.c
    statement = sa.select(action_items).where(*_conditions(tx, wanted))
    if wanted.state in ("open", "overdue"):
        return _by_day(tx, statement, limit, cursor)
    if cursor is not None:
        statement = statement.where(c.number < numbered(cursor))
    rows = tx.rows(statement.order_by(c.number.desc()).limit(check_limit(limit) + 1))
    return cut([_action(row) for row in rows], limit, lambda each: str(each.number))


def _by_day(tx: ReadTx, statement: sa.Select[Any], limit: int, cursor: str | None) -> Page[ActionItem]:
    """Return a page in the order (day, number); the cursor is the number of the last one that was shown."""
    c = action_items.c
    if cursor is not None:
        number = numbered(cursor)
        day = tx.scalar(sa.select(c.due_on).where(c.number == number)) or ""
        statement = statement.where(sa.or_(c.due_on > day, sa.and_(c.due_on == day, c.number > number)))
    rows = tx.rows(statement.order_by(c.due_on, c.number).limit(check_limit(limit) + 1))
    return cut([_action(row) for row in rows], limit, lambda each: str(each.number))


def _conditions(tx: ReadTx, wanted: ActionFilter) -> list[sa.ColumnElement[bool]]:
    c = action_items.c
    found: list[sa.ColumnElement[bool]] = []
    if wanted.state == "overdue":
        found += [c.state == "open", c.overdue_at <= tx.now]
    elif wanted.state != "all":
        found.append(c.state == wanted.state)
    for name in ("owner", "incident", "kind"):
        if value := getattr(wanted, name):
            found.append(c[name] == value)
    return found


def count_open_of(tx: ReadTx, owner: str) -> tuple[int, int]:
    """Return how many open action items the person has, and how many of them are overdue."""
    c = action_items.c
    is_of_owner = sa.and_(c.owner == owner, c.state == "open")
    many = tx.scalar(sa.select(sa.func.count()).select_from(action_items).where(is_of_owner))
    late = sa.select(sa.func.count()).select_from(action_items).where(is_of_owner, c.overdue_at <= tx.now)
    return int(many), int(tx.scalar(late))


def titles_of(tx: ReadTx, names: set[str]) -> dict[str, str]:
    """Return the titles of these incidents, of at most 500."""
    c = incidents.c
    rows = tx.rows(sa.select(c.id, c.title).where(c.id.in_(sorted(names)[:500])).limit(500))
    return {row.id: row.title for row in rows}


def read_written(tx: ReadTx, incident: str) -> Written:
    """Return what people wrote about the incident, for its report."""
    paper = get_paper(tx, incident)
    measures = tuple(
        Measure(each.id, each.what, each.kind, each.owner, each.due_on, each.state, each.ended_at, each.reason)
        for each in actions_of(tx, incident)
    )
    return Written(
        texts={name: each.text for name, each in paper.texts.items() if each.text},
        state=paper.state if paper.version else "",
        published_at=paper.published_at,
        amendments=paper.amendments,
        measures=measures,
    )


def _action(row: sa.Row[Any]) -> ActionItem:
    values = dict(row._mapping)
    values.pop("due_at", None)
    values["due_on"] = date.fromisoformat(values["due_on"])
    return ActionItem(**values)
