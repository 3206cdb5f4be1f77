"""The page of one person, and what an admin does with accounts: invite, roles, links, deactivate, reactivate."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import StayCalmError
from staycalm.domains.accounts import links, service
from staycalm.domains.accounts.edge import Edge
from staycalm.domains.accounts.people import Invitation
from staycalm.domains.accounts.public import STANDING_ROLES, Identity, decide, get_person
from staycalm.domains.accounts.settings_pages import told
from staycalm.kit.database import Database, Tx
from staycalm.kit.http import Db, Router, allow, view
from staycalm.web.people import draw_people, read_person

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("people", "read")]
Admin = Annotated[Actor, allow("people", "write")]
Text = Annotated[str, Form(max_length=10_000)]
Roles = Annotated[list[str], Form()]


@page_router.get("/people/{handle}")
async def show_person(request: Request, db: Db, who: Reader, handle: str) -> Response:
    """One person."""
    return await _person(request, db, handle)


@page_router.post("/people")
async def invite(
    request: Request, db: Db, who: Admin, edge: Edge, handle: Text, name: Text, email: Text,
    time_zone: Text = "UTC", role: Roles = [],  # noqa: B006 - FastAPI copies it
) -> Response:  # fmt: skip
    """The person has an account; the page shows the link, this once."""
    values: dict[str, Any] = {"handle": handle.strip(), "name": name, "email": email, "time_zone": time_zone}
    try:
        invitation = await db.write(service.invite, who, roles=role, valid_s=edge.settings.invitation_s, **values)
    except StayCalmError as error:
        form = {**values, "role": role}
        return await draw_people(request, db, status=error.status, problem=told(error), form=form)
    return _link(request, values["handle"], invitation)


@page_router.post("/people/{handle}/roles")
async def change_roles(
    request: Request, db: Db, who: Admin, handle: str, role: Roles = []  # noqa: B006 - FastAPI copies it
) -> Response:  # fmt: skip
    """The person holds exactly these roles for good."""
    try:
        await db.write(_give_roles, who, handle, role)
    except StayCalmError as error:
        return await _person(request, db, handle, status=error.status, problem=told(error))
    return RedirectResponse(f"/people/{handle}", status_code=303)


@page_router.post("/people/{handle}/link")
async def make_link(request: Request, db: Db, who: Admin, edge: Edge, handle: str) -> Response:
    """There is a new link to set a password with; the older one is dead."""
    invitation = await db.write(links.renew_invitation, who, handle, valid_s=edge.settings.invitation_s)
    return _link(request, handle, invitation)


@page_router.post("/people/{handle}/deactivate")
async def deactivate(request: Request, db: Db, who: Admin, handle: str) -> Response:
    """The person cannot sign in any more."""
    try:
        await db.write(service.deactivate, who, handle)
    except StayCalmError as error:
        return await _person(request, db, handle, status=error.status, problem=told(error))
    return RedirectResponse(f"/people/{handle}", status_code=303)


@page_router.post("/people/{handle}/reactivate")
async def reactivate(request: Request, db: Db, who: Admin, edge: Edge, handle: str) -> Response:
    """The person has the account back, and a link when they have no password."""
    invitation = await db.write(service.reactivate, who, handle, valid_s=edge.settings.invitation_s)
    if invitation is None:
        return RedirectResponse(f"/people/{handle}", status_code=303)
    return _link(request, handle, invitation)


def _give_roles(tx: Tx, actor: Actor, handle: str, roles: list[str]) -> None:
    person = get_person(tx, handle)
    service.change_person(
        tx, actor, handle, name=person.name, email=person.email, roles=roles, time_zone=person.time_zone
    )


async def _person(
    request: Request, db: Database, handle: str, *, status: int = 200, problem: str = ""
) -> Response:
    me: Identity = request.state.identity
    may_change = decide(me.roles, "people", "write")
    is_me = me.actor.id == handle
    found = await db.read(read_person, handle)
    return view(
        request, "web/people/person.html", status=status, found=found, is_me=is_me, may_change=may_change,
        zone=ZoneInfo(found.row.person.time_zone), sees_methods=is_me or may_change, standing=STANDING_ROLES,
        problem=problem,
    )  # fmt: skip


def _link(request: Request, handle: str, invitation: Invitation | None) -> Response:
    if invitation is None:
        return RedirectResponse(f"/people/{handle}", status_code=303)
    url = f"{str(request.base_url).rstrip('/')}{invitation.path}"
    response = view(request, "web/people/link.html", status=201, handle=handle, url=url,
                    expires_at=invitation.expires_at)  # fmt: skip
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
