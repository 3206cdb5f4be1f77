"""REST routes of post-mortems and action items, below those of incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query

from staycalm.core.actor import Actor
from staycalm.core.pagination import Page
from staycalm.domains.incidents import queries as incidents
from staycalm.domains.incidents.postmortem import actions, queries, service
from staycalm.domains.incidents.postmortem.decisions import ActionFilter, parse_filter
from staycalm.domains.incidents.postmortem.queries import ActionItem, Paper
from staycalm.domains.incidents.postmortem.schemas import (
    ActionChange,
    ActionOut,
    ActionPage,
    AmendmentIn,
    DropIn,
    Kind,
    NewAction,
    PaperOut,
    SectionName,
    SectionOut,
    VersionsOut,
    WordsOfSections,
    action_out,
    action_page,
    paper_out,
)
from staycalm.domains.incidents.postmortem.sections import SECTIONS
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/incidents", tags=["incidents"])
Reader = Annotated[Actor, allow("incidents", "read")]
Writer = Annotated[Actor, allow("incidents", "write")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/actions")
async def list_action_items(
    db: Db,
    who: Reader,
    state: Literal["all", "open", "overdue", "done", "dropped"] = "open",
    owner: str = "",
    incident: str = "",
    kind: Kind | Literal[""] = "",
    limit: Limit = 50,
    cursor: str | None = None,
) -> ActionPage:
    """Return action items of all incidents: open ones in the order of their days, others the newest first."""
    asked = {"state": state, "owner": owner, "incident": incident, "kind": kind}
    page, now = await db.read(_list, parse_filter(asked), limit, cursor)
    return action_page(page, now)


@router.get("/actions/{name}")
async def get_action_item(db: Db, who: Reader, name: str) -> ActionOut:
    """Return one action item."""
    return action_out(*await db.read(_get, name))


@router.patch("/actions/{name}")
async def change_action_item(db: Db, who: Writer, name: str, body: ActionChange) -> ActionOut:
    """The open action item reads so from now on."""
    return await _changed(db, await db.write(actions.change, who, name, **body.model_dump()))


@router.post("/actions/{name}/done")
async def finish_action_item(db: Db, who: Writer, name: str) -> ActionOut:
    """It is done."""
    return await _changed(db, await db.write(actions.finish, who, name))


@router.post("/actions/{name}/drop")
async def drop_action_item(db: Db, who: Writer, name: str, body: DropIn) -> ActionOut:
    """It will not be done, for this reason."""
    return await _changed(db, await db.write(actions.drop, who, name, reason=body.reason))


@router.post("/actions/{name}/reopen")
async def reopen_action_item(db: Db, who: Writer, name: str) -> ActionOut:
    """It is to be done again."""
    return await _changed(db, await db.write(actions.reopen, who, name))


@router.get("/{name}/actions")
async def list_actions_of_incident(db: Db, who: Reader, name: str) -> ActionPage:
    """Return the action items of one incident, in the order in which they were added."""
    page, now = await db.read(_of_incident, name)
    return action_page(page, now)


@router.post("/{name}/actions", status_code=201)
async def add_action_item(db: Db, who: Writer, name: str, body: NewAction) -> ActionOut:
    """The incident has the action item."""
    return await _changed(db, await db.write(actions.add, who, name, **body.model_dump()))


@router.get("/{name}/post-mortem")
async def get_post_mortem(db: Db, who: Reader, name: str) -> PaperOut:
    """Return what people wrote, by section, with author, time and version."""
    return paper_out(await db.read(_paper, name))


@router.patch("/{name}/post-mortem")
async def write_post_mortem(db: Db, who: Writer, name: str, body: WordsOfSections) -> PaperOut:
    """The sections hold the texts; 409 with both texts when somebody wrote another one meanwhile."""
    return paper_out(await db.write(service.write, who, name, body.texts, based_on=body.based_on))


@router.get("/{name}/post-mortem/{section}/versions")
async def list_versions(db: Db, who: Reader, name: str, section: SectionName) -> VersionsOut:
    """Return every version of a section, the newest first."""
    found = await db.read(_versions, name, section)
    title = SECTIONS[section].title
    return VersionsOut(
        items=[SectionOut(title=title, **{n: getattr(each, n) for n in each.__slots__}) for each in found]
    )


@router.post("/{name}/post-mortem/{verb}")
async def move_post_mortem(
    db: Db, who: Writer, name: str, verb: Literal["submit", "return", "publish"]
) -> PaperOut:
    """It is given to review, returned to a draft, or published and frozen."""
    return paper_out(await db.write(service.shift, who, name, verb))


@router.post("/{name}/amendments", status_code=201)
async def amend_post_mortem(db: Db, who: Writer, name: str, body: AmendmentIn) -> PaperOut:
    """The text is appended to the published post-mortem."""
    return paper_out(await db.write(service.amend, who, name, body.text))


async def _changed(db: Database, item: ActionItem) -> ActionOut:
    return action_out(*await db.read(_get, item.id))


def _list(tx: ReadTx, wanted: ActionFilter, limit: int, cursor: str | None) -> tuple[Page[ActionItem], datetime]:
    return queries.list_actions(tx, wanted, limit=limit, cursor=cursor), tx.now


def _get(tx: ReadTx, name: str) -> tuple[ActionItem, datetime]:
    return queries.get_action(tx, name), tx.now


def _of_incident(tx: ReadTx, name: str) -> tuple[Page[ActionItem], datetime]:
    return Page(queries.actions_of(tx, incidents.get_incident(tx, name).id)), tx.now


def _paper(tx: ReadTx, name: str) -> Paper:
    return queries.get_paper(tx, incidents.get_incident(tx, name).id)


def _versions(tx: ReadTx, name: str, section: str) -> tuple[queries.Text, ...]:
    return queries.history(tx, incidents.get_incident(tx, name).id, section)
