"""The overview: what is live where, what is moving, what is wrong, who has the pager, and how StayCalm is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response

from staycalm.core.actor import Actor
from staycalm.domains.accounts.public import decide
from staycalm.domains.deployments.pages import running_cards
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, Views, allow, view
from staycalm.web import release, search
from staycalm.web.overview import OwnHealth, Wanted, headline, read_now, read_services, read_wall, wanted_of

page_router = Router(include_in_schema=False)
page_router.include_router(search.page_router)
page_router.include_router(release.page_router)
Reader = Annotated[Actor, allow("metrics", "read")]
Filter = Annotated[str, Query(max_length=100)]
AskOwnHealth = Callable[[], Awaitable[OwnHealth]]
FILTER_FROM = 8
"""From this many services on the filter is shown."""


@page_router.get("/")
async def show_overview(
    request: Request, db: Db, who: Reader, q: Filter = "", environment: Filter = "",
    page: Annotated[int, Query(ge=1, le=99_999)] = 1, wall: Filter | None = None,
) -> Response:  # fmt: skip
    """Everything at a glance; `?wall` is the same for a screen that is read from four metres."""
    ask: AskOwnHealth = request.app.state.own_health
    may_see_all = decide(request.state.identity.roles, "incidents", "read")
    running = await db.read(running_cards)
    if wall is not None and may_see_all:
        return view(request, "web/wall.html", running=running, **await _wall(db, ask))
    known = await _now(db, ask) if may_see_all else {"state": None}
    services = await db.read(read_services, Wanted(q.strip(), environment, page))
    return view(request, "web/home.html", running=running, services=services, filter_from=FILTER_FROM, **known)


async def _now(db: Database, ask: AskOwnHealth) -> dict[str, Any]:
    state, own = await db.read(read_now), await ask()
    return {"state": state, "own": own, "headline": headline(state, own)}


async def _wall(db: Database, ask: AskOwnHealth) -> dict[str, Any]:
    return {**await _now(db, ask), "wall": await db.read(read_wall)}


async def draw_now(db: Database, views: Views, ask: AskOwnHealth, key: str) -> str:
    """Return what is wrong, who has the pager, and how this server is: of the overview, or of the wall."""
    if key == "wall":
        return views.fragment("web/wall_now.html", **await _wall(db, ask))
    return views.fragment("web/now.html", **await _now(db, ask))


async def draw_services(db: Database, views: Views, key: str) -> str:
    """Return what is live where, as the filter in the topic wants it."""
    return views.fragment("web/services.html", services=await db.read(read_services, wanted_of(key)))
