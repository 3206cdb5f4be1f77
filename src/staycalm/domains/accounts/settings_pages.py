"""One's own settings: API tokens, sessions, how pages look and tell the time, the password. Plain HTML.

Contact methods are the first of them; their page is `web/contact_settings.py`, because on-call knows them.
"""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.errors import StayCalmError
from staycalm.domains.accounts import queries, service
from staycalm.domains.accounts.edge import Edge, Mine
from staycalm.domains.accounts.guard import check_transport, client_address, set_preference
from staycalm.domains.accounts.sign_in import queries as sign_in_queries
from staycalm.domains.accounts.sign_in import service as sign_in_service
from staycalm.domains.accounts.sign_in import tokens
from staycalm.domains.accounts.sign_in.devices import device
from staycalm.domains.accounts.sign_in.flow import check_sign_in, hash_password
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, public, view

page_router = Router(include_in_schema=False)
Text = Annotated[str, Form(max_length=10_000)]
DAY_S = 86400.0
THEMES = ("auto", "light", "dark")
VALID_DAYS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year (read only)"}


@page_router.get("/account", dependencies=[public()])
@page_router.get("/settings", dependencies=[public()])
async def show_settings(me: Mine) -> Response:
    """One's own settings begin with how one is reached."""
    return RedirectResponse("/settings/contact", status_code=303)


@page_router.get("/settings/tokens", dependencies=[public()])
async def show_tokens(request: Request, db: Db, me: Mine) -> Response:
    """One's own tokens, and the form for another."""
    return await _tokens(request, db, me)


@page_router.post("/settings/tokens", dependencies=[public("write")])
async def create_token(
    request: Request, db: Db, me: Mine, edge: Edge, name: Text, scope: Text = "read", valid_days: int = Form(30),
    role: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:  # fmt: skip
    """There is a further token; its secret is on this page alone."""
    is_read_only = scope != "all"
    named: dict[str, Any] = {
        "name": name,
        "roles": role or None,
        "valid_s": valid_days * DAY_S,
        "is_read_only": is_read_only,
    }
    longest_s = edge.settings.longest_token_s(is_read_only=is_read_only)
    try:
        created = await db.write(tokens.create_token, me, longest_s=longest_s, **named)
    except StayCalmError as error:
        form = {"name": name[:200], "scope": scope, "valid_days": valid_days}
        return await _tokens(request, db, me, status=error.status, problem=told(error), form=form)
    return await _tokens(request, db, me, status=201, created=created, created_name=name)


@page_router.post("/settings/tokens/{token_id}/revoke", dependencies=[public("write")])
async def revoke_token(db: Db, me: Mine, token_id: str) -> Response:
    """One of one's own tokens is revoked."""
    await db.write(tokens.revoke_token, me.actor, token_id)
    return RedirectResponse("/settings/tokens", status_code=303)


@page_router.get("/settings/sessions", dependencies=[public()])
async def show_sessions(request: Request, db: Db, me: Mine, edge: Edge) -> Response:
    """Where one is signed in."""
    found = await db.read(sign_in_queries.list_sessions, me.actor.id, idle_s=edge.settings.session_idle_s)
    rows = [(each, device(each.user_agent)) for each in found]
    return _page(request, "sessions", me, rows=rows, limits=edge.settings)


@page_router.post("/settings/sessions/end-others", dependencies=[public("write")])
async def end_other_sessions(db: Db, me: Mine) -> Response:
    """Only the session that asks is left."""
    reason = "ended from another session"
    await db.write(sign_in_service.end_all_sessions, me.actor, me.actor.id, reason=reason, but=me.credential_id)
    return RedirectResponse("/settings/sessions", status_code=303)


@page_router.post("/settings/sessions/{session_id}/end", dependencies=[public("write")])
async def end_session(db: Db, me: Mine, session_id: str) -> Response:
    """One of one's own sessions has ended."""
    await db.write(sign_in_service.end_session, me.actor, session_id)
    return RedirectResponse("/settings/sessions", status_code=303)


@page_router.get("/settings/display", dependencies=[public()])
async def show_display(request: Request, db: Db, me: Mine) -> Response:
    """Theme and time zone."""
    return await _display(request, db, me)


@page_router.post("/settings/display", dependencies=[public("write")])
async def change_display(
    request: Request, db: Db, me: Mine, theme: Text = "auto", time_zone: Text = ""
) -> Response:
    """This browser shows the theme; times are told in the zone, in the calendar and in mails too."""
    try:
        if time_zone:
            await db.write(service.set_time_zone, me.actor, me.actor.id, time_zone.strip())
    except StayCalmError as error:
        return await _display(request, db, me, status=error.status, problem=told(error), asked=time_zone[:100])
    response = RedirectResponse("/settings/display", status_code=303)
    if time_zone:
        set_preference(request, response, "zone", time_zone.strip())
    set_preference(request, response, "theme", theme if theme in THEMES else "auto")
    return response


@page_router.get("/settings/password", dependencies=[public()])
async def show_password(request: Request, me: Mine, edge: Edge) -> Response:
    """The form for a new password."""
    return _page(request, "password", me, shortest=edge.settings.password_shortest)


@page_router.post("/settings/password", dependencies=[public("write")])
async def change_password(request: Request, db: Db, edge: Edge, me: Mine, old: Text, new: Text) -> Response:
    """The person has a new password; every other session has ended. The old password is asked for again."""
    check_transport(request, edge.settings)
    try:
        await check_sign_in(
            db, edge.passwords, edge.pause, handle=me.actor.id, password=old, address=client_address(request)
        )
        hashed = await hash_password(edge, new, me.actor.id, me.actor.name)
    except StayCalmError as error:
        shortest = edge.settings.password_shortest
        return _page(request, "password", me, status=error.status, problem=told(error), shortest=shortest)
    await db.write(service.set_password, me.actor, me.actor.id, hashed, keep_session=me.credential_id)
    return RedirectResponse("/settings/sessions", status_code=303)


def told(error: StayCalmError) -> str:
    """Return the refusal and what to do, as a form shows it."""
    return f"{error.message}. {error.next_step}".strip()


def zone_names() -> list[str]:
    """Return the IANA zones by name, UTC first."""
    return ["UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name and name[:3] != "Etc")]


async def _tokens(request: Request, db: Database, me: Mine, *, status: int = 200, **more: Any) -> Response:
    found = await db.read(sign_in_queries.list_tokens, me.actor.id)
    context: dict[str, Any] = {"created": None, "created_name": "", "form": {}, **more}
    return _page(request, "tokens", me, status=status, tokens=found, choices=VALID_DAYS, **context)


async def _display(request: Request, db: Database, me: Mine, *, status: int = 200, **more: Any) -> Response:
    person = await db.read(queries.get_person, me.actor.id)
    zone = more.pop("asked", None) or person.time_zone
    theme = request.cookies.get("theme", "auto")
    local = _local(db.clock.now(), person.time_zone)
    return _page(
        request, "display", me, status=status, person=person, zone=zone, theme=theme, local=local,
        zones=zone_names(), **more,
    )  # fmt: skip


def _local(now: datetime, zone: str) -> str:
    return now.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%A %H:%M")


def _page(request: Request, name: str, me: Mine, *, status: int = 200, **more: Any) -> Response:
    context: dict[str, Any] = {"problem": "", **more}
    response = view(request, f"accounts/{name}.html", status=status, me=me, section=name, **context)
    response.headers["Cache-Control"] = "no-store"
    return response
