"""The overview: what is live where, what is moving, what is wrong, who has the pager, and how StayCalm is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import APIRouter, Request, Response

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.core.priority import Priority
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts.public import Alert, count_open, list_open
from staycalm.domains.catalog.public import PlacementConfig, list_placements, list_services
from staycalm.domains.deployments.pages import running_cards
from staycalm.domains.deployments.public import LiveRevision, list_live
from staycalm.domains.incidents.public import Incident, open_incidents
from staycalm.domains.monitoring.public import HealthReport, Signals, find_latest, golden_signals
from staycalm.domains.monitoring.sampling.queries import points
from staycalm.domains.oncall.schedules.queries import OnCallNow, list_on_call
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Views, allow, view

page_router = APIRouter(include_in_schema=False)
WINDOW_S = 900.0
MOST_PLACEMENTS = 100
MOST_DRAWN = 40
MOST_OPEN = 8


class OwnHealth(Protocol):
    """How this server is, as `/health` tells."""

    @property
    def status(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def engine_age_s(self) -> float | None: ...

    @property
    def problems(self) -> Sequence[str]: ...


AskOwnHealth = Callable[[], Awaitable[OwnHealth]]


@dataclass(frozen=True)
class Tile:
    """One placement: what serves there, and its signals. The lists are 15 minutes, oldest first, None is a gap."""

    config: PlacementConfig
    live: LiveRevision | None
    signals: Signals | None
    rates: tuple[float | None, ...] = ()
    errors: tuple[float | None, ...] = ()
    p95_ms: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class ServiceView:
    """A service with its placements."""

    name: str
    title: str
    tier: int | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Now:
    """What is wrong, and who has the pager."""

    at: datetime
    incidents: tuple[Incident, ...]
    alerts: tuple[Alert, ...]
    counts: dict[Priority, int]
    on_call: tuple[OnCallNow, ...]
    report: HealthReport | None


@page_router.get("/")
async def show_overview(request: Request, db: Db, who: Annotated[Actor, allow("metrics", "read")]) -> Response:
    """Everything at a glance."""
    ask: AskOwnHealth = request.app.state.own_health
    may_see_all = decide(request.state.identity.roles, "incidents", "read")
    return view(
        request, "web/home.html", state=await db.read(read_now) if may_see_all else None, own=await ask(),
        services=await db.read(read_services), running=await db.read(running_cards),
    )  # fmt: skip


def read_now(tx: ReadTx) -> Now:
    """Return what is wrong, and who has the pager."""
    return Now(
        at=tx.now,
        incidents=open_incidents(tx, limit=MOST_OPEN),
        alerts=tuple(a for a in list_open(tx, limit=50) if a.state != "suppressed")[:MOST_OPEN],
        counts=count_open(tx),
        on_call=list_on_call(tx)[:MOST_OPEN],
        report=find_latest(tx),
    )


def read_services(tx: ReadTx) -> tuple[ServiceView, ...]:
    """Return every service with its placements, production first; signals of the first forty placements."""
    known = {service.name: service for service in list_services(tx)}
    serving = {live.placement: live for live in list_live(tx, limit=500)}
    configs = sorted(list_placements(tx)[:MOST_PLACEMENTS], key=lambda c: (not c.is_production, c.environment))
    tiles = [_tile(tx, config, serving, is_drawn=n < MOST_DRAWN) for n, config in enumerate(configs)]
    names = sorted({tile.config.service for tile in tiles} | set(known))
    return tuple(
        ServiceView(
            name,
            known[name].title if name in known else "",
            known[name].tier if name in known else None,
            tuple(tile for tile in tiles if tile.config.service == name),
        )
        for name in names[:MOST_PLACEMENTS]
    )


def _tile(tx: ReadTx, config: PlacementConfig, serving: dict[Placement, LiveRevision], *, is_drawn: bool) -> Tile:
    live = serving.get(config.placement)
    if not is_drawn or live is None:
        return Tile(config, live, None)
    drawn = points(tx, config.placement, WINDOW_S)
    return Tile(
        config,
        live,
        golden_signals(tx, config.placement),
        rates=tuple(point.request_rate for point in drawn),
        errors=tuple(point.error_rate for point in drawn),
        p95_ms=tuple(point.p95_ms for point in drawn),
    )


async def draw_now(db: Database, views: Views, ask: AskOwnHealth, key: str) -> str:
    """Return what is wrong, who has the pager, and how this server is."""
    return views.fragment("web/now.html", state=await db.read(read_now), own=await ask())


async def draw_services(db: Database, views: Views, key: str) -> str:
    """Return what is live where."""
    return views.fragment("web/services.html", services=await db.read(read_services))
