"""Pages of alerts: the list with its facets, and one group with its story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.pagination import Page
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.browsing.decisions import (
    STATES,
    AlertFilter,
    Facet,
    facets_of,
    parse_filter,
    tally_of,
)
from staycalm.domains.alerts.browsing.queries import count_heaps, list_matching, newest_id, teams_of
from staycalm.domains.alerts.bulk import pages as bulk_pages
from staycalm.domains.alerts.bulk.decisions import REASONS, Bulk
from staycalm.domains.alerts.bulk.queries import find_bulk
from staycalm.domains.alerts.muting import pages as muting_pages
from staycalm.domains.alerts.muting import queries as muting
from staycalm.domains.alerts.muting.decisions import Maintenance, Silence
from staycalm.domains.alerts.rows import Alert
from staycalm.domains.alerts.story import queries as story
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, Views, allow, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("alerts", "read")]
Writer = Annotated[Actor, allow("alerts", "write")]
ROWS = 100
SAID_LIMIT = 200
LIVE_DEFAULT = "open"


@dataclass(frozen=True)
class AlertList:
    """A page of alerts with what stands beside it. `matching` counts all pages; `is_cut`: at least so many."""

    wanted: AlertFilter
    page: Page[Alert]
    facets: tuple[Facet, ...]
    states: dict[str, int]
    matching: int
    is_cut: bool
    upto: str

    @property
    def topic(self) -> str:
        """Return the live topic that draws this list anew."""
        return f"alerts:{self.wanted.query() or LIVE_DEFAULT}"


@dataclass(frozen=True)
class Muted:
    """What mutes alerts now, and what an action that led here has just done."""

    silences: tuple[Silence, ...]
    maintenances: tuple[Maintenance, ...]
    bulk: Bulk | None
    silenced: tuple[Silence, ...]


@page_router.get("/alerts")
async def show_alerts(request: Request, db: Db, who: Reader) -> Response:
    """What fires, the most urgent first; the filter stands in the address."""
    asked = {name: value[: SAID_LIMIT * 2] for name, value in request.query_params.items()}
    listed = await db.read(_list, asked)
    muted = await db.read(_muted, asked)
    roles = request.state.identity.roles
    return view(
        request, "alerts/list.html", listed=listed, muted=muted, states=STATES, cursor=asked.get("cursor", ""),
        may_act=decide(roles, "alerts", "write"), may_configure=decide(roles, "config", "write"), reasons=REASONS,
    )  # fmt: skip


@page_router.get("/alerts/{group}")
async def show_group(request: Request, db: Db, who: Reader, group: str) -> Response:
    """The alerts of one group, handled as one. An alert's own address leads to its group."""
    if not group.upper().startswith("ALG-"):
        found = await db.read(queries.get_alert, group)
        return RedirectResponse(f"/alerts/{found.group_id}#{found.id}", status_code=303)
    told = await db.read(story.of_group, group)
    roles = request.state.identity.roles
    return view(
        request, "alerts/group.html", told=told, may_act=decide(roles, "alerts", "write"),
        may_configure=decide(roles, "config", "write"),
    )  # fmt: skip


@page_router.post("/alerts/{id}/acknowledge")
async def acknowledge(
    db: Db, who: Writer, id: str, version: Annotated[int | None, Form()] = None,
    back: Annotated[str, Form(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Whoever presses has it: one alert, or every firing alert of a group. `back` is the filter of a list."""
    acknowledged = await db.write(service.acknowledge, who, id, version=version)
    if back.upper().startswith("ALG-") or (id.upper().startswith("ALG-") and acknowledged):
        return RedirectResponse(f"/alerts/{acknowledged[0].group_id}", status_code=303)
    return RedirectResponse(bulk_pages.address(parse_filter(dict(parse_qsl(back)))), status_code=303)


@page_router.post("/alerts/{group}/resolve")
async def resolve(db: Db, who: Writer, group: str, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Every open alert of the group is resolved by a person. Refused while a rule of it still fires."""
    resolved = await db.write(service.resolve, who, group, reason=reason)
    return RedirectResponse(f"/alerts/{resolved[0].group_id if resolved else group}", status_code=303)


page_router.include_router(bulk_pages.page_router)
page_router.include_router(muting_pages.page_router)


def _list(tx: ReadTx, asked: Mapping[str, str]) -> AlertList:
    wanted = parse_filter(asked)
    teams = teams_of(tx)
    heaps = count_heaps(tx, wanted)
    tally = tally_of(heaps.items, wanted, teams)
    return AlertList(
        wanted=wanted,
        page=list_matching(tx, wanted, limit=ROWS, cursor=asked.get("cursor") or None, teams=teams),
        facets=facets_of(tally, wanted),
        states=tally.states if wanted.is_open else {},
        matching=tally.matching,
        is_cut=heaps.is_cut,
        upto=newest_id(tx),
    )


def _muted(tx: ReadTx, asked: Mapping[str, str]) -> Muted:
    silences = muting.list_silences(tx)
    named = asked.get("silenced", "").split(",")
    return Muted(
        silences,
        muting.list_maintenances(tx),
        find_bulk(tx, asked["did"]) if asked.get("did") else None,
        tuple(silence for silence in silences if silence.id in named),
    )


async def draw_list(db: Database, views: Views, key: str) -> str:
    """Return a list as its page draws it; `key` is its filter as in the address, "open" without one."""
    asked = {} if key == LIVE_DEFAULT else dict(parse_qsl(key[:1000]))
    return views.fragment("alerts/rows.html", listed=await db.read(_list, asked), cursor="")


async def draw_group(db: Database, views: Views, key: str) -> str:
    """Return one group."""
    return views.fragment("alerts/members.html", told=await db.read(story.of_group, key))


async def draw_bulk(db: Database, views: Views, key: str) -> str:
    """Return how far a verb for many alerts is."""
    return views.fragment("alerts/bulk_state.html", bulk=await db.read(find_bulk, key), reasons=REASONS)
