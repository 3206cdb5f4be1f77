"""Pages of alerts: what fires, by priority and state, and what is muted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid
from staycalm.core.pagination import Page
from staycalm.core.priority import PRIORITIES, Priority, parse_priority
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.browsing.decisions import StateFilter
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.muting import queries as muting_queries
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.alerts.muting.decisions import Maintenance, Silence
from staycalm.domains.alerts.rows import Alert, AlertGroup
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.http import Db, Views, allow, view

page_router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, allow("alerts", "read")]
Writer = Annotated[Actor, allow("alerts", "write")]
Configurer = Annotated[Actor, allow("config", "write")]
Filter = Annotated[str, Query(max_length=100)]
Text = Annotated[str, Form(max_length=1000)]
STATES: tuple[StateFilter, ...] = get_args(StateFilter)
ROWS = 50


@dataclass(frozen=True)
class AlertList:
    """A page of alerts. `counts` are the open ones that are not muted, per priority."""

    page: Page[Alert]
    counts: dict[Priority, int]
    state: str = "open"
    priority: str = ""
    service: str = ""

    @property
    def is_default(self) -> bool:
        return (self.state, self.priority, self.service) == ("open", "", "")


@dataclass(frozen=True)
class Muted:
    """What mutes alerts now."""

    silences: tuple[Silence, ...]
    maintenances: tuple[Maintenance, ...]


@page_router.get("/alerts")
async def show_alerts(
    request: Request, db: Db, who: Reader, state: Filter = "open", priority: Filter = "", service: Filter = "",
    cursor: Filter = "",
) -> Response:  # fmt: skip
    """What fires, the most urgent first; the filter stands in the address."""
    listed = await db.read(_list, state=state, priority=priority, service=service, cursor=cursor)
    muted = await db.read(_muted)
    may_configure = decide(request.state.identity.roles, "config", "write")
    return view(
        request, "alerts/list.html", listed=listed, muted=muted, states=STATES, cursor=cursor,
        may_configure=may_configure,
    )  # fmt: skip


@page_router.get("/alerts/{group}")
async def show_group(request: Request, db: Db, who: Reader, group: str) -> Response:
    """The alerts of one group, handled as one. An alert's own address leads to its group."""
    if not group.upper().startswith("ALG-"):
        found = await db.read(queries.get_alert, group)
        return RedirectResponse(f"/alerts/{found.group_id}", status_code=303)
    about, alerts = await db.read(_group, group)
    return view(request, "alerts/group.html", group=about, alerts=alerts)


@page_router.post("/alerts/{id}/acknowledge")
async def acknowledge(db: Db, who: Writer, id: str, version: Annotated[int | None, Form()] = None) -> Response:
    """Whoever presses has it: one alert, or every firing alert of a group."""
    acknowledged = await db.write(service.acknowledge, who, id, version=version)
    is_group = id.upper().startswith("ALG-") and acknowledged
    return RedirectResponse(f"/alerts/{id}" if is_group else "/alerts", status_code=303)


@page_router.post("/alerts/silences")
async def create_silence(
    request: Request, db: Db, who: Configurer, matchers: Text, lasts: Text, reason: Text
) -> Response:
    """Alerts that match are muted for a while."""
    edge: AlertsEdge = request.app.state.alerts
    wanted = [each.strip() for each in matchers.split(",") if each.strip()]
    await db.write(_silence, who, wanted, parse_duration(lasts), reason, edge)
    return RedirectResponse("/alerts#muted", status_code=303)


@page_router.post("/alerts/silences/{id}/end")
async def end_silence(db: Db, who: Configurer, id: str) -> Response:
    """The silence is over; what still fires is raised."""
    await db.write(muting.end_silence, who, id)
    return RedirectResponse("/alerts#muted", status_code=303)


@page_router.post("/alerts/maintenances/{id}/end")
async def end_maintenance(db: Db, who: Configurer, id: str) -> Response:
    """The maintenance is over; what still fires is raised."""
    await db.write(muting.end_maintenance, who, id)
    return RedirectResponse("/alerts#muted", status_code=303)


def _silence(tx: Tx, actor: Actor, matchers: list[str], lasts_s: float, reason: str, edge: AlertsEdge) -> Silence:
    until = tx.now + timedelta(seconds=lasts_s)
    return muting.create_silence(tx, actor, matchers=matchers, reason=reason, until=until, settings=edge.settings)


def _list(
    tx: ReadTx, *, state: str = "open", priority: str = "", service: str = "", cursor: str = ""
) -> AlertList:
    if state not in STATES:
        raise Invalid("bad-state", f"{state!r} is no state of an alert", next_step=f"Use {', '.join(STATES)}.")
    wanted = (parse_priority(priority),) if priority else PRIORITIES
    more: dict[str, Any] = {"service": service or None, "cursor": cursor or None}
    page = queries.list_alerts(tx, limit=ROWS, state=state, priorities=wanted, **more)
    return AlertList(page, queries.count_open(tx), state, priority.upper() if priority else "", service)


def _muted(tx: ReadTx) -> Muted:
    return Muted(muting_queries.list_silences(tx), muting_queries.list_maintenances(tx))


def _group(tx: ReadTx, id: str) -> tuple[AlertGroup, tuple[Alert, ...]]:
    group = queries.get_group(tx, id)
    return group, queries.alerts_of_group(tx, group.id)


async def draw_open(db: Database, views: Views, key: str) -> str:
    """Return the open alerts, as the page without a filter lists them."""
    return views.fragment("alerts/rows.html", listed=await db.read(_list))


async def draw_group(db: Database, views: Views, key: str) -> str:
    """Return one group."""
    group, alerts = await db.read(_group, key)
    return views.fragment("alerts/members.html", group=group, alerts=alerts)
