"""The page of on-call: who has the pager, the calendar with its gaps, one's own shifts, who can be reached."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Request, Response

from staycalm.core.actor import Actor
from staycalm.domains.accounts.public import decide
from staycalm.domains.oncall.calendar_view import read_asked, read_days, read_mine, read_now, read_oncall
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, Views, allow, view

page_router = Router(include_in_schema=False)


@page_router.get("/oncall")
async def show_oncall(request: Request, db: Db, who: Annotated[Actor, allow("oncall", "read")]) -> Response:
    """Who is on call now and next, the calendar as the address asks for it, who can be reached."""
    may_configure = decide(request.state.identity.roles, "config", "write")
    found = await db.read(read_oncall, who.id, dict(request.query_params))
    return view(request, "oncall/calendar.html", page=found, me=who.id, may_configure=may_configure)


async def draw_oncall(db: Database, views: Views, key: str) -> str:
    """Return who has the pager now, and who is being paged."""
    return views.fragment("oncall/now.html", oncall=await db.read(read_now))


async def draw_calendar(db: Database, views: Views, key: str) -> str:
    """Return a part of the calendar for one reader; the key is the page's address and who they are.

    It holds nothing that is secret from anybody who may read the page: `edit` only adds links.
    """
    told = dict(parse_qsl(key[:1000]))
    me, may_configure = told.get("me", ""), told.get("edit") == "1"
    if told.get("part") == "range":
        return views.fragment("oncall/range.html", asked=await db.read(read_asked, me, told))
    if told.get("part") == "mine":
        mine = await db.read(read_mine, me, told)
        return views.fragment("oncall/mine.html", mine=mine, may_configure=may_configure)
    days = await db.read(read_days, me, told)
    return views.fragment("oncall/days.html", days=days, me=me, may_configure=may_configure)
