"""The pages around signing in: log-in, log-out, set-up, invitation. Plain HTML."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from staycalm.core.errors import StayCalmError, Unauthenticated
from staycalm.domains.accounts import links, queries, settings_pages
from staycalm.domains.accounts.edge import AccountsEdge, Edge, Mine
from staycalm.domains.accounts.guard import (
    check_origin,
    check_transport,
    clear_session_cookie,
    client_address,
    set_preference,
    set_session_cookie,
)
from staycalm.domains.accounts.settings_pages import Text, told, zone_names
from staycalm.domains.accounts.sign_in import service as sign_in_service
from staycalm.domains.accounts.sign_in.flow import check_sign_in, hash_password
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, public, view

page_router = Router(include_in_schema=False)
page_router.include_router(settings_pages.page_router)


@page_router.get("/login", dependencies=[public()])
async def show_login(request: Request, next: str = "/") -> Response:
    """The log-in form. Names no permission: it is where one gets in."""
    return view(request, "accounts/login.html", next=_local(next), handle="", problem="")


@page_router.post("/login", dependencies=[public("write")])
async def log_in(request: Request, db: Db, edge: Edge, handle: Text, password: Text, next: Text = "/") -> Response:
    """The browser has a session and goes on to `next`; a wrong password shows the form again."""
    check_origin(request)
    check_transport(request, edge.settings)
    try:
        return await _signed_in(request, db, edge, handle.strip(), password, _local(next))
    except Unauthenticated as error:
        return view(
            request, "accounts/login.html", status=401, next=_local(next), handle=handle, problem=error.message
        )


@page_router.post("/logout", dependencies=[public("write")])
async def log_out(db: Db, me: Mine) -> Response:
    """The session of this browser has ended."""
    if me.method == "session" and me.credential_id is not None:
        await db.write(sign_in_service.end_session, me.actor, me.credential_id)
    response = RedirectResponse("/login", status_code=303)
    clear_session_cookie(response)
    return response


@page_router.get("/set-up/{code}", dependencies=[public()])
async def show_set_up(request: Request, db: Db, code: str) -> Response:
    """The form that makes the first admin. The printed link is the permission; looking uses nothing up."""
    link = await db.read(queries.find_link, code, "set-up")
    return _private(_set_up(request, code=code, is_good=link is not None))


@page_router.post("/set-up/{code}", dependencies=[public("write")])
async def set_up(
    request: Request, db: Db, edge: Edge, code: str, handle: Text, name: Text, email: Text, password: Text,
    time_zone: Text = "UTC",
) -> Response:  # fmt: skip
    """The first admin exists, is signed in, and goes on with the set-up."""
    check_origin(request)
    check_transport(request, edge.settings)
    values = {"handle": handle.strip(), "name": name, "email": email, "time_zone": time_zone}
    try:
        hashed = await hash_password(edge, password, handle.strip(), name)
        await db.write(links.complete_set_up, code, password_hash=hashed, **values)
    except StayCalmError as error:
        return _private(_set_up(request, status=error.status, code=code, problem=told(error), form=values))
    return await _signed_in(request, db, edge, handle.strip(), password, "/welcome/contact")


@page_router.get("/invitation/{code}", dependencies=[public()])
async def show_invitation(request: Request, db: Db, code: str) -> Response:
    """The form that sets the invited person's password. The link is the permission; looking uses nothing up."""
    link = await db.read(queries.find_link, code, "invitation")
    handle = link.handle if link is not None else None
    return _private(view(request, "accounts/invitation.html", code=code, handle=handle, problem=""))


@page_router.post("/invitation/{code}", dependencies=[public("write")])
async def accept_invitation(request: Request, db: Db, edge: Edge, code: str, password: Text) -> Response:
    """The invited person has a password and is signed in."""
    check_origin(request)
    check_transport(request, edge.settings)
    link = await db.read(queries.find_link, code, "invitation")
    handle = link.handle if link is not None else None
    try:
        hashed = await hash_password(edge, password, handle or "")
        await db.write(links.accept_invitation, code, hashed)
    except StayCalmError as error:
        return _private(view(request, "accounts/invitation.html", status=error.status, code=code, handle=handle,
                             problem=told(error)))  # fmt: skip
    return await _signed_in(request, db, edge, handle or "", password, "/")


def _set_up(
    request: Request, *, code: str, status: int = 200, is_good: bool = True, problem: str = "",
    form: Mapping[str, str] = MappingProxyType({}),
) -> HTMLResponse:  # fmt: skip
    return view(request, "accounts/set_up.html", status=status, code=code, is_good=is_good, problem=problem,
                form=form, zones=zone_names())  # fmt: skip


async def _signed_in(
    request: Request, db: Database, edge: AccountsEdge, handle: str, password: str, onwards: str
) -> Response:
    address = client_address(request)
    checked = await check_sign_in(
        db, edge.passwords, edge.pause, handle=handle, password=password, address=address
    )
    session = await db.write(
        sign_in_service.start_session,
        checked,
        address=address,
        user_agent=request.headers.get("user-agent", ""),
        absolute_s=edge.settings.session_absolute_s,
    )
    response = RedirectResponse(onwards, status_code=303)
    set_session_cookie(request, response, session, edge.settings)
    set_preference(request, response, "zone", (await db.read(queries.get_person, handle)).time_zone)
    return response


def _local(path: str) -> str:
    """Return `path` when it stays on this server, else the home page."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"


def _private(response: HTMLResponse) -> Response:
    """The link of this page is told to nobody and kept nowhere."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
