"""Everything by name: what the palette asks for, and the same as a page for a browser without scripts.

Each kind is looked through only for those who may read its pages, and only as far as its bound: whatever is
older than the newest incidents and deployments is found by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import StayCalmError
from staycalm.domains.accounts.public import decide, list_people
from staycalm.domains.alerts.public import list_open
from staycalm.domains.catalog.public import list_services, list_teams
from staycalm.domains.deployments.queries import get_deployment, list_deployments
from staycalm.domains.incidents.queries import get_incident, list_incidents
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow, view
from staycalm.web.matching import best

T = TypeVar("T")
page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("metrics", "read")]
Typed = Annotated[str, Query(max_length=100)]
MOST_LOOKED_AT = 200
MOST_FOUND = 24
WORDS = 160


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to go to. `needs` is the resource that one must be able to read."""

    kind: str
    title: str
    detail: str
    url: str
    needs: str = "metrics"


PAGES = (
    Found("page", "Overview", "what is live and what is wrong", "/"),
    Found("page", "Alerts", "what fires", "/alerts", "alerts"),
    Found("page", "Incidents", "open and past", "/incidents", "incidents"),
    Found("page", "Deployments", "running and past", "/deployments"),
    Found("page", "Services", "what we run", "/services", "catalog"),
    Found("page", "On-call", "who has the pager, calendar", "/oncall", "oncall"),
    Found("page", "People", "and teams", "/people", "people"),
    Found("page", "Settings", "contact methods, tokens, sessions, theme, zone", "/settings"),
    Found("page", "Wall mode", "the overview for a screen on the wall", "/?wall"),
    Found("action", "Declare an incident", "pages whoever is on call", "/incidents#declare", "incidents"),
    Found("action", "Mute alerts for a while", "silence", "/alerts#muted", "alerts"),
    Found("action", "Take over on-call for a while", "override", "/oncall", "oncall"),
    Found("action", "Change my password", "", "/settings"),
)


@page_router.get("/search")
async def show_search(request: Request, db: Db, who: Reader, q: Typed = "") -> Response:
    """What has this name, as a page."""
    found = await db.read(find, q, request.state.identity.roles)
    return view(request, "web/search.html", q=q, found=found)


@page_router.get("/search.json")
async def search(request: Request, db: Db, who: Reader, q: Typed = "") -> Response:
    """What has this name, for the palette."""
    found = await db.read(find, q, request.state.identity.roles)
    return JSONResponse({"results": [asdict(each) for each in found]})


def find(tx: ReadTx, typed: str, roles: Iterable[str]) -> list[Found]:
    """Return what fits best, at most twenty-four, none of it of a kind these roles may not read."""
    held = frozenset(roles)
    shown = [page for page in PAGES if decide(held, page.needs, "read")]
    for needs, listed in _KINDS:
        if decide(held, needs, "read"):
            shown.extend(listed(tx, typed))
    return best(typed, shown, lambda each: (each.title, each.detail), limit=MOST_FOUND)


def _services(tx: ReadTx, typed: str) -> Iterable[Found]:
    for each in list_services(tx):
        yield Found("service", each.name, each.title[:WORDS], f"/services/{quote(each.name)}", "catalog")


def _teams(tx: ReadTx, typed: str) -> Iterable[Found]:
    for each in list_teams(tx):
        yield Found("team", each.name, "", f"/teams#{quote(each.name)}", "people")


def _people(tx: ReadTx, typed: str) -> Iterable[Found]:
    for each in list_people(tx):
        yield Found("person", each.name[:WORDS], each.handle, f"/people/{quote(each.handle)}", "people")


def _incidents(tx: ReadTx, typed: str) -> Iterable[Found]:
    newest = list(list_incidents(tx, limit=MOST_LOOKED_AT).items)
    older = _named(typed, "INC-", lambda: get_incident(tx, typed))
    for each in [*newest, *(one for one in older if one not in newest)]:
        words = f"{each.title[:WORDS]} · {each.priority} {each.state}"
        yield Found("incident", each.id, words, each.url_path, "incidents")


def _deployments(tx: ReadTx, typed: str) -> Iterable[Found]:
    newest = list(list_deployments(tx, limit=MOST_LOOKED_AT).items)
    older = _named(typed, "DEP-", lambda: get_deployment(tx, typed.strip().upper()))
    for each in [*newest, *(one for one in older if one not in newest)]:
        words = f"{each.service} @ {each.environment} · {each.release} {each.state}"
        yield Found("deployment", each.id, words, f"/deployments/{each.id}")


def _alerts(tx: ReadTx, typed: str) -> Iterable[Found]:
    for each in list_open(tx, limit=MOST_LOOKED_AT):
        words = f"{each.priority} {each.service or 'no service'} {each.group_id}"
        yield Found("alert", each.summary[:WORDS], words, f"/alerts/{each.group_id}", "alerts")


def _named(typed: str, prefix: str, get: Callable[[], T]) -> list[T]:
    """Return what the id names, whatever its age."""
    name = typed.strip().upper()
    if not (name.startswith(prefix) and name.removeprefix(prefix).isdigit()):
        return []
    try:
        return [get()]
    except StayCalmError:
        return []


_KINDS: tuple[tuple[str, Callable[[ReadTx, str], Iterable[Found]]], ...] = (
    ("catalog", _services), ("incidents", _incidents), ("metrics", _deployments), ("people", _people),
    ("people", _teams), ("alerts", _alerts),
)  # fmt: skip
