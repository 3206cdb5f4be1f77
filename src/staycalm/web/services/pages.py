"""Pages of services: the list, one service, and its signals as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query, Request, Response

from staycalm.core.actor import Actor
from staycalm.core.charts.geometry import draw
from staycalm.core.charts.svg import render
from staycalm.core.errors import NotFound
from staycalm.core.placement import Placement
from staycalm.domains.accounts.public import decide
from staycalm.domains.catalog.public import Service, get_placement, list_placements, list_services
from staycalm.domains.deployments.public import LiveRevision, list_live
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow, view
from staycalm.kit.http.pictures import as_file, asked_part
from staycalm.web.services.reading import read_service
from staycalm.web.services.signals import SPANS_S, signals_chart

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("metrics", "read")]
Words = Annotated[str, Query(max_length=200)]
Part = Annotated[tuple[float, float] | None, Depends(asked_part)]
PAGE = 100


@dataclass(frozen=True)
class Row:
    """A service on the list: where it runs, and what serves there."""

    service: Service
    places: tuple[tuple[str, LiveRevision | None], ...]


@dataclass(frozen=True)
class ServiceList:
    """One page of services. `matching` counts them all, `known` those without any filter."""

    rows: tuple[Row, ...]
    matching: int
    known: int
    page: int
    teams: tuple[str, ...]

    @property
    def has_next(self) -> bool:
        return self.page * PAGE < self.matching


@page_router.get("/services")
async def show_services(
    request: Request, db: Db, who: Reader, q: Words = "", team: Words = "", tier: Words = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:  # fmt: skip
    """Everything that is declared, by name; the filter stands in the address."""
    found = await db.read(_list, q=q, team=team, tier=tier, page=page)
    return view(request, "web/services/list.html", services=found, wanted={"q": q, "team": team, "tier": tier})


@page_router.get("/services/{name}")
async def show_service(request: Request, db: Db, who: Reader, name: str, part: Part, span: Words = "") -> Response:
    """One service, where it is most at home."""
    return await _show(request, db, name, "", span, part)


@page_router.get("/services/{name}/{environment}")
async def show_placement(
    request: Request, db: Db, who: Reader, name: str, environment: str, part: Part, span: Words = ""
) -> Response:
    """One service in one environment."""
    return await _show(request, db, name, environment, span, part)


@page_router.get("/services/{name}/{environment}/signals.svg")
async def save_signals(db: Db, who: Reader, name: str, environment: str, part: Part, span: Words = "") -> Response:
    """The signals of a placement as a file that stands alone, for a post-mortem."""
    svg = await db.read(_signals, Placement(name, environment), span, part)
    return as_file(svg, f"{name}-{environment}-{span if span in SPANS_S else 'part'}.svg")


async def _show(
    request: Request, db: Db, name: str, environment: str, span: str, part: tuple[float, float] | None
) -> Response:
    may_see = decide(request.state.identity.roles, "incidents", "read")
    found = await db.read(read_service, name, environment, span=span, part=part, may_see_trouble=may_see)
    if environment and found.chosen is None:
        raise NotFound(
            "no-placement", f"{name} has no placement in {environment[:63]!r}", next_step="See the service's page."
        )
    at = f"/services/{quote(name)}" + (f"/{quote(environment)}" if environment else "")
    return view(
        request, "web/services/show.html", found=found, at=at, spans=tuple(SPANS_S), environment=environment
    )


def _signals(tx: ReadTx, placement: Placement, span: str, part: tuple[float, float] | None) -> str:
    get_placement(tx, placement)
    chart = signals_chart(tx, placement, span=span, part=part)
    now_s = tx.now.timestamp()
    title = f"{placement.service} @ {placement.environment}"
    return render(chart or draw((), start_s=now_s - 1, end_s=now_s), title=title)


def _list(tx: ReadTx, *, q: str, team: str, tier: str, page: int) -> ServiceList:
    known = list_services(tx)
    words = q.casefold().split()
    matching = [each for each in known if _matches(each, words, team, tier)]
    shown = matching[(page - 1) * PAGE : page * PAGE]
    names = {each.name for each in shown}
    serving = {each.placement: each for each in list_live(tx, limit=500)}
    places: dict[str, list[tuple[str, LiveRevision | None]]] = {}
    for config in list_placements(tx):
        if config.service in names:
            places.setdefault(config.service, []).append((config.environment, serving.get(config.placement)))
    teams = tuple(sorted({each.team for each in known if each.team}))
    rows = tuple(Row(each, tuple(places.get(each.name, ()))) for each in shown)
    return ServiceList(rows, len(matching), len(known), page, teams)


def _matches(service: Service, words: list[str], team: str, tier: str) -> bool:
    text = f"{service.name} {service.title} {service.team or ''} {' '.join(service.owners)}".casefold()
    if not all(word in text for word in words):
        return False
    return (not team or service.team == team) and (not tier or str(service.tier) == tier)
