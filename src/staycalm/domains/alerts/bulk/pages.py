"""Pages of acting on many alerts: what is about to happen, with its exact count, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.durations import format_duration, parse_duration
from staycalm.domains.alerts.browsing.decisions import AlertFilter, parse_filter
from staycalm.domains.alerts.bulk import choosing, service
from staycalm.domains.alerts.bulk.choosing import Choice
from staycalm.domains.alerts.bulk.decisions import AT_ONCE
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.muting.kinds import Kind
from staycalm.kit.database import Tx
from staycalm.kit.http import Db, Router, allow, view

page_router = Router(include_in_schema=False)
Writer = Annotated[Actor, allow("alerts", "write")]
Configurer = Annotated[Actor, allow("config", "write")]
Verb = Literal["acknowledge", "resolve"]


def _choice(
    id: Annotated[list[str] | None, Form()] = None, scope: Annotated[str, Form(max_length=20)] = "named",
    filter: Annotated[str, Form(max_length=1000)] = "", upto: Annotated[str, Form(max_length=36)] = "",
) -> Choice:  # fmt: skip
    ids = tuple(dict.fromkeys(each[:36] for each in id or ()))
    return Choice(ids, parse_filter(dict(parse_qsl(filter))), upto, scope == "matching")


Chosen = Annotated[Choice, Depends(_choice)]
Sure = Annotated[str, Form(max_length=5)]


@dataclass(frozen=True)
class Asked:
    """What the page before an action says: how many alerts, and for muting which kinds of alert."""

    many: int
    kinds: tuple[Kind, ...] = ()
    lasts: str = ""
    reason: str = ""
    until_words: str = ""


@page_router.post("/alerts/bulk")
async def act(
    request: Request, db: Db, who: Writer, action: Annotated[Verb, Form()], choice: Chosen,
    sure: Sure = "", reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """The chosen alerts are acknowledged or resolved; what cannot be taken back, or is all, asks once more."""
    if sure or (action == "acknowledge" and not choice.is_all):
        bulk = await db.write(choosing.act, who, action, choice, reason)
        return RedirectResponse(address(choice.wanted, did=bulk.id), status_code=303)
    asked = Asked((await db.read(choosing.count, choice)).many)
    return view(request, "alerts/confirm.html", action=action, choice=choice, asked=asked, at_once=AT_ONCE)


@page_router.post("/alerts/bulk/silence")
async def silence(
    request: Request, db: Db, who: Configurer, choice: Chosen, lasts: Annotated[str, Form(max_length=20)] = "1h",
    sure: Sure = "", reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Alerts like the chosen ones are muted for a while; first the page says which, and how many now."""
    edge: AlertsEdge = request.app.state.alerts
    lasts_s = parse_duration(lasts)
    if sure and reason.strip():
        made = await db.write(_silence, who, choice, lasts_s, reason, edge)
        return RedirectResponse(address(choice.wanted, silenced=",".join(made)), status_code=303)
    found = await db.read(choosing.kinds_of, choice)
    asked = Asked(sum(kind.many for kind in found), found, lasts, reason, format_duration(lasts_s))
    return view(request, "alerts/confirm.html", action="silence", choice=choice, asked=asked, at_once=AT_ONCE)


@page_router.post("/alerts/bulk/{id}/undo")
async def undo(db: Db, who: Writer, id: str, filter: Annotated[str, Form(max_length=1000)] = "") -> Response:
    """What was acknowledged at once, and nobody has touched since, fires again."""
    bulk = await db.write(service.undo, who, id)
    return RedirectResponse(address(parse_filter(dict(parse_qsl(filter))), did=bulk.id), status_code=303)


def address(wanted: AlertFilter, **said: str) -> str:
    """Return the address of the list with this filter; `said` tells it what was done."""
    query = "&".join(part for part in (wanted.query(), urlencode(said)) if part)
    return f"/alerts?{query}" if query else "/alerts"


def _silence(
    tx: Tx, actor: Actor, choice: Choice, lasts_s: float, reason: str, edge: AlertsEdge
) -> tuple[str, ...]:
    until = tx.now + timedelta(seconds=lasts_s)
    made = choosing.silence(tx, actor, choice, until=until, reason=reason, settings=edge.settings)
    return tuple(each.id for each in made)
