"""Pages of silences and maintenances: what they would mute is shown before they begin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.durations import format_duration, parse_duration
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.muting import kinds, queries, service
from staycalm.domains.alerts.muting.decisions import Maintenance, Matcher, Mute, Silence, parse_matchers
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.http import Db, Router, allow, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("alerts", "read")]
Configurer = Annotated[Actor, allow("config", "write")]
Text = Annotated[str, Form(max_length=1000)]
Asked = Annotated[str, Query(max_length=1000)]
Ids = Annotated[str, Form(max_length=500)]
MUTED = "/alerts#muted"


@page_router.get("/alerts/silences/new")
async def preview_silence(
    request: Request, db: Db, who: Configurer, matchers: Asked, lasts: Asked = "1h", reason: Asked = ""
) -> Response:
    """What a silence with these matchers would mute now; nothing is muted yet."""
    parsed = parse_matchers(_listed(matchers))
    shown = await db.read(kinds.preview, parsed)
    return view(
        request, "alerts/mute.html", what="silence", matchers=parsed, lasts=lasts, reason=reason, shown=shown,
        until_words=format_duration(parse_duration(lasts)), service="", environment="",
    )  # fmt: skip


@page_router.get("/alerts/maintenances/new")
async def preview_maintenance(
    request: Request, db: Db, who: Configurer, service: Asked = "", environment: Asked = "", lasts: Asked = "1h",
    reason: Asked = "",
) -> Response:  # fmt: skip
    """What a maintenance of this scope would mute now; nothing is muted yet."""
    service, environment = service.strip(), environment.strip()
    scope = (("service", service), ("environment", environment))
    parsed = tuple(Matcher(label, "=", value) for label, value in scope if value)
    shown = await db.read(kinds.preview, parsed)
    return view(
        request, "alerts/mute.html", what="maintenance", matchers=parsed, lasts=lasts, reason=reason, shown=shown,
        until_words=format_duration(parse_duration(lasts)), service=service, environment=environment,
    )  # fmt: skip


@page_router.get("/alerts/silences/{id}")
async def show_silence(request: Request, db: Db, who: Reader, id: str) -> Response:
    """One silence, in force or over: what it is for, whose it is, and what it mutes now."""
    return await _show(request, db, "silence", queries.get_silence, id)


@page_router.get("/alerts/maintenances/{id}")
async def show_maintenance(request: Request, db: Db, who: Reader, id: str) -> Response:
    """One maintenance, in force or over: what it is for, whose it is, and what it mutes now."""
    return await _show(request, db, "maintenance", queries.get_maintenance, id)


async def _show(
    request: Request, db: Database, what: str, get: Callable[[ReadTx, str], Mute], id: str
) -> Response:
    mute, shown = await db.read(_muted, get, id)
    may_configure = decide(request.state.identity.roles, "config", "write")
    return view(request, "alerts/muted.html", what=what, mute=mute, shown=shown, may_configure=may_configure)


def _muted(tx: ReadTx, get: Callable[[ReadTx, str], Mute], id: str) -> tuple[Mute, kinds.Preview | None]:
    mute = get(tx, id.strip().upper()[:40])
    if not mute.starts_at <= tx.now < mute.until:
        return mute, None
    return mute, kinds.muted_by(tx, mute.id)


@page_router.post("/alerts/silences")
async def create_silence(
    request: Request, db: Db, who: Configurer, matchers: Text, lasts: Text, reason: Text
) -> Response:
    """Alerts that match are muted for a while."""
    edge: AlertsEdge = request.app.state.alerts
    await db.write(_silence, who, _listed(matchers), parse_duration(lasts), reason, edge)
    return RedirectResponse(MUTED, status_code=303)


@page_router.post("/alerts/silences/end")
async def end_silences(db: Db, who: Configurer, ids: Ids) -> Response:
    """These silences, at most twenty, are over; what still fires is raised."""
    await db.write(_end_all, who, [id for id in ids.split(",") if id][: kinds.MOST_KINDS])
    return RedirectResponse(MUTED, status_code=303)


@page_router.post("/alerts/silences/{id}/end")
async def end_silence(db: Db, who: Configurer, id: str) -> Response:
    """The silence is over; what still fires is raised."""
    await db.write(service.end_silence, who, id)
    return RedirectResponse(MUTED, status_code=303)


@page_router.post("/alerts/maintenances")
async def start_maintenance(
    request: Request,
    db: Db,
    who: Configurer,
    lasts: Text,
    reason: Text,
    service: Text = "",
    environment: Text = "",
) -> Response:
    """Alerts of the scope are muted for a while."""
    edge: AlertsEdge = request.app.state.alerts
    scope = (service.strip() or None, environment.strip() or None)
    await db.write(_maintain, who, scope, parse_duration(lasts), reason, edge)
    return RedirectResponse(MUTED, status_code=303)


@page_router.post("/alerts/maintenances/{id}/end")
async def end_maintenance(db: Db, who: Configurer, id: str) -> Response:
    """The maintenance is over; what still fires is raised."""
    await db.write(service.end_maintenance, who, id)
    return RedirectResponse(MUTED, status_code=303)


def _listed(matchers: str) -> list[str]:
    return [each.strip() for each in matchers.split(",") if each.strip()]


def _silence(tx: Tx, actor: Actor, matchers: list[str], lasts_s: float, reason: str, edge: AlertsEdge) -> Silence:
    until = tx.now + timedelta(seconds=lasts_s)
    return service.create_silence(tx, actor, matchers=matchers, reason=reason, until=until, settings=edge.settings)


def _maintain(
    tx: Tx, actor: Actor, scope: tuple[str | None, str | None], lasts_s: float, reason: str, edge: AlertsEdge
) -> Maintenance:
    until = tx.now + timedelta(seconds=lasts_s)
    return service.start_maintenance(
        tx, actor, service=scope[0], environment=scope[1], reason=reason, until=until, settings=edge.settings
    )


def _end_all(tx: Tx, actor: Actor, ids: list[str]) -> None:
    for id in ids:
        service.end_silence(tx, actor, id)
