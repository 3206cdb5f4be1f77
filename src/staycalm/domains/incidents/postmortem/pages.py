"""Pages of the written post-mortem and of action items. Everything works without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from starlette.datastructures import FormData

from staycalm.core.actor import Actor
from staycalm.core.errors import StayCalmError
from staycalm.core.pagination import Page
from staycalm.domains.accounts.public import Person, decide, list_people
from staycalm.domains.incidents import queries as incidents
from staycalm.domains.incidents.postmortem import actions, queries, service
from staycalm.domains.incidents.postmortem.decisions import (
    KINDS,
    STATES,
    ActionFilter,
    Collision,
    parse_day,
    parse_filter,
)
from staycalm.domains.incidents.postmortem.queries import ActionItem, Paper
from staycalm.domains.incidents.postmortem.sections import SECTIONS
from staycalm.domains.incidents.queries import Incident
from staycalm.domains.incidents.report import markup
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.reading import read_report
from staycalm.domains.incidents.report.told import action_items
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow, linked, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("incidents", "read")]
Writer = Annotated[Actor, allow("incidents", "write")]
Words = Annotated[str, Form(max_length=1000)]
ROWS = 50


@dataclass(frozen=True)
class PaperView:
    """What the page of a post-mortem shows; `suggested` follows from the facts while nobody has an action item."""

    incident: Incident
    paper: Paper
    actions: tuple[ActionItem, ...]
    facts: Facts
    people: tuple[Person, ...]

    @property
    def suggested(self) -> tuple[str, ...]:
        marks = " (Owner:"
        return () if self.actions else tuple(each.partition(marks)[0] for each in action_items(self.facts))


@dataclass(frozen=True)
class Typed:
    """What was typed into the form and is not stored: it stays there, whatever the answer is."""

    texts: Mapping[str, str] = field(default_factory=dict)
    based_on: Mapping[str, int] = field(default_factory=dict)
    collisions: Mapping[str, Collision] = field(default_factory=dict)
    action: Mapping[str, str] = field(default_factory=dict)
    amendment: str = ""
    problem: str = ""
    is_preview: bool = False


NOTHING_TYPED = Typed()


@dataclass(frozen=True)
class ActionList:
    """A page of action items with the titles of their incidents, and who may be named as an owner."""

    page: Page[ActionItem]
    wanted: ActionFilter
    titles: Mapping[str, str]
    people: tuple[Person, ...]


@page_router.get("/incidents/actions")
async def show_actions(request: Request, db: Db, who: Reader) -> Response:
    """Action items of all incidents; the filter stands in the address."""
    asked = {name: value[:200] for name, value in request.query_params.items()}
    listed = await db.read(_list, parse_filter(asked), asked.get("cursor") or None)
    return view(
        request, "incidents/postmortem/actions.html", listed=listed, kinds=KINDS, states=STATES,
        cursor=asked.get("cursor", ""), may_write=_may_write(request),
    )  # fmt: skip


@page_router.get("/incidents/actions/{name}")
async def show_action(request: Request, db: Db, who: Reader, name: str) -> Response:
    """One action item, and the form that changes it."""
    return await _action(request, db, name)


@page_router.post("/incidents/actions/{name}")
async def change_action(
    request: Request, db: Db, who: Writer, name: str, what: Words, owner: Words, due_on: Words, kind: Words,
    version: Annotated[int, Form(ge=0, le=1_000_000)],
) -> Response:  # fmt: skip
    """The action item reads so; what was typed stays when that is refused."""
    typed = {"what": what, "owner": owner, "due_on": due_on, "kind": kind}
    try:
        await db.write(
            actions.change, who, name, what=what, owner=owner, due_on=parse_day(due_on), kind=kind, version=version
        )
    except StayCalmError as error:
        return await _action(
            request, db, name, status=error.status, typed=Typed(action=typed, problem=_told(error))
        )
    return RedirectResponse(f"/incidents/actions/{name}", status_code=303)


@page_router.post("/incidents/actions/{name}/done")
async def finish_action(db: Db, who: Writer, name: str) -> Response:
    """It is done."""
    return _at_action(await db.write(actions.finish, who, name))


@page_router.post("/incidents/actions/{name}/drop")
async def drop_action(db: Db, who: Writer, name: str, reason: Words) -> Response:
    """It will not be done, for this reason."""
    return _at_action(await db.write(actions.drop, who, name, reason=reason))


@page_router.post("/incidents/actions/{name}/reopen")
async def reopen_action(db: Db, who: Writer, name: str) -> Response:
    """It is to be done again."""
    return _at_action(await db.write(actions.reopen, who, name))


@page_router.get("/incidents/{name}/post-mortem")
async def show_post_mortem(request: Request, db: Db, who: Reader, name: str) -> Response:
    """What people wrote, and the form for it."""
    return await _paper(request, db, name)


@page_router.post("/incidents/{name}/post-mortem")
async def write_post_mortem(request: Request, db: Db, who: Writer, name: str) -> Response:
    """The words are stored, or shown as they will read. Refused ones stay in the form, beside what is stored."""
    form = await request.form()
    typed = _typed(form)
    if typed.is_preview:
        return await _paper(request, db, name, typed=typed)
    try:
        await db.write(service.write, who, name, typed.texts, based_on=typed.based_on)
    except service.Collided as collided:
        return await _paper(request, db, name, status=409, typed=_collided(typed, collided))
    except StayCalmError as error:
        refused = Typed(typed.texts, typed.based_on, problem=_told(error))
        return await _paper(request, db, name, status=error.status, typed=refused)
    return RedirectResponse(f"/incidents/{name}/post-mortem", status_code=303)


@page_router.post("/incidents/{name}/post-mortem/amendments")
async def amend(
    request: Request, db: Db, who: Writer, name: str, text: Annotated[str, Form(max_length=50_000)]
) -> Response:
    """The text is appended to the published post-mortem."""
    try:
        await db.write(service.amend, who, name, text)
    except StayCalmError as error:
        return await _paper(request, db, name, status=error.status,
                            typed=Typed(amendment=text, problem=_told(error)))  # fmt: skip
    return RedirectResponse(f"/incidents/{name}/post-mortem#amendments", status_code=303)


@page_router.post("/incidents/{name}/post-mortem/actions")
async def add_action(
    request: Request, db: Db, who: Writer, name: str, what: Words = "", owner: Words = "", due_on: Words = "",
    kind: Words = "preventive",
) -> Response:  # fmt: skip
    """The incident has the action item; what was typed stays when that is refused."""
    typed = {"what": what, "owner": owner, "due_on": due_on, "kind": kind}
    try:
        await db.write(actions.add, who, name, what=what, owner=owner, due_on=parse_day(due_on), kind=kind)
    except StayCalmError as error:
        return await _paper(
            request, db, name, status=error.status, typed=Typed(action=typed, problem=_told(error))
        )
    return RedirectResponse(f"/incidents/{name}/post-mortem#actions", status_code=303)


@page_router.post("/incidents/{name}/post-mortem/{verb}")
async def move_post_mortem(request: Request, db: Db, who: Writer, name: str, verb: str) -> Response:
    """It is given to review, returned to a draft, or published and frozen."""
    try:
        await db.write(service.shift, who, name, verb)
    except StayCalmError as error:
        return await _paper(request, db, name, status=error.status, typed=Typed(problem=_told(error)))
    return RedirectResponse(f"/incidents/{name}/post-mortem", status_code=303)


async def _paper(
    request: Request, db: Database, name: str, *, status: int = 200, typed: Typed = NOTHING_TYPED
) -> Response:
    shown = await db.read(_read_paper, name)
    return view(
        request, "incidents/postmortem/write.html", status=status, shown=shown, typed=typed, sections=SECTIONS,
        kinds=KINDS, may_write=_may_write(request), rendered=rendered,
    )  # fmt: skip


async def _action(
    request: Request, db: Database, name: str, *, status: int = 200, typed: Typed = NOTHING_TYPED
) -> Response:
    item, incident, people = await db.read(_read_action, name)
    return view(
        request, "incidents/postmortem/action.html", status=status, item=item, incident=incident, people=people,
        typed=typed, kinds=KINDS, may_write=_may_write(request),
    )  # fmt: skip


def rendered(text: str) -> Markup:
    """Return the Markdown as HTML in which nothing that was written is markup."""
    return Markup(markup.to_html(text, heading="h4", bare=linked))


def _typed(form: FormData) -> Typed:
    texts = {name: str(form[name]) for name in SECTIONS if name in form}
    seen = {name: str(form.get(f"version-{name}", "")) for name in texts}
    based_on = {name: int(value) for name, value in seen.items() if value.isascii() and value.isdigit()
                and len(value) < 8}  # fmt: skip
    return Typed(texts, based_on, is_preview=form.get("do") == "preview")


def _collided(typed: Typed, collided: service.Collided) -> Typed:
    """Return the form with what is stored beside each text: sending it once more means that both were read."""
    found = {each.section: each for each in collided.collisions}
    versions = {**typed.based_on, **{name: each.version for name, each in found.items()}}
    return Typed(typed.texts, versions, found, problem=_told(collided))


def _told(error: StayCalmError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]}. {error.next_step}".strip()


def _may_write(request: Request) -> bool:
    return decide(request.state.identity.roles, "incidents", "write")


def _at_action(item: ActionItem) -> Response:
    return RedirectResponse(f"/incidents/actions/{item.id}", status_code=303)


def _read_paper(tx: ReadTx, name: str) -> PaperView:
    incident = incidents.get_incident(tx, name)
    facts, _ = read_report(tx, incident.id)
    people = list_people(tx)
    return PaperView(
        incident, queries.get_paper(tx, incident.id), queries.actions_of(tx, incident.id), facts, people
    )


def _read_action(tx: ReadTx, name: str) -> tuple[ActionItem, Incident, tuple[Person, ...]]:
    item = queries.get_action(tx, name)
    return item, incidents.get_incident(tx, item.incident), list_people(tx)


def _list(tx: ReadTx, wanted: ActionFilter, cursor: str | None) -> ActionList:
    page = queries.list_actions(tx, wanted, limit=ROWS, cursor=cursor)
    titles = queries.titles_of(tx, {each.incident for each in page.items})
    return ActionList(page, wanted, titles, list_people(tx))
