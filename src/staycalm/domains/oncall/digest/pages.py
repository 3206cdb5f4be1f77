"""A person's digest: the setting, and the page behind "do not send me this any more"."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.domains.oncall.digest import queries, service
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow, public, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("oncall", "read")]
Responder = Annotated[Actor, allow("oncall", "write")]
Token = Annotated[str, Path(min_length=1, max_length=200)]
DEFAULT_AT = "08:00"


@page_router.get("/settings/digest")
async def show_digest(request: Request, db: Db, who: Reader) -> Response:
    """Whether the person gets a digest, and when the next one is due."""
    wish, mailbox = await db.read(_look, who.id)
    me = request.state.identity
    return view(
        request,
        "oncall/digest.html",
        me=me,
        section="digest",
        problem="",
        wish=wish,
        mailbox=mailbox,
        default_at=DEFAULT_AT,
    )


@page_router.post("/settings/digest")
async def change_digest(
    db: Db, who: Responder, at: Annotated[str, Form(max_length=10)] = "", stop: Annotated[str, Form()] = ""
) -> Response:
    """The person gets a digest at this time of day, or none."""
    if stop or not at:
        await db.write(service.stop_digest, who)
    else:
        await db.write(service.want_digest, who, at=at)
    return RedirectResponse("/settings/digest", status_code=303)


@page_router.get("/digest/stop/{token}", dependencies=[public()])
async def show_stop(request: Request, db: Db, token: Token) -> Response:
    """One button. Names no permission: the link is it, and looking changes nothing."""
    return _page(request, is_known=await db.read(queries.is_stop_link, token), is_stopped=False)


@page_router.post("/digest/stop/{token}", dependencies=[public("write")])
async def stop(request: Request, db: Db, token: Token) -> Response:
    """The recipient gets no digest any more. Mail programs press it for people (RFC 8058), without cookie."""
    is_known = await db.write(service.stop_by_link, token)
    return _page(request, is_known=is_known, is_stopped=is_known)


def _look(tx: ReadTx, person: str) -> tuple[queries.Digest | None, str]:
    mailbox = queries.find_mailbox(tx, person)
    return queries.find_digest(tx, person), mailbox.address if mailbox is not None else ""


def _page(request: Request, *, is_known: bool, is_stopped: bool) -> Response:
    status = 200 if is_known else 404
    response = view(request, "oncall/digest_stop.html", status=status, is_known=is_known, is_stopped=is_stopped)
    # The address of this page is the permission: it is told to nobody and kept nowhere.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
