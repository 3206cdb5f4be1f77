"""The page behind the link in a message. No log-in, no script: the link names its recipient and its purpose."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from staycalm.domains.oncall.escalations.links import AckView, look, take
from staycalm.kit.http import Db, Router, public, view

page_router = Router(include_in_schema=False)
Token = Annotated[str, Path(min_length=1, max_length=200)]
STATUS = {"unknown": 404, "used": 410, "expired": 410}


@page_router.get("/ack/{token}", dependencies=[public()])
async def show_acknowledgement(request: Request, db: Db, token: Token) -> Response:
    """What it is about, and one button. Names no permission: the link is it, and looking changes nothing."""
    return _page(request, await db.read(look, token), is_pressed=False)


@page_router.post("/ack/{token}", dependencies=[public("write")])
async def acknowledge(request: Request, db: Db, token: Token) -> Response:
    """The recipient of the link has it. Names no permission: the link is the permission, for this alone."""
    return _page(request, await db.write(take, token), is_pressed=True)


def _page(request: Request, ack: AckView, *, is_pressed: bool) -> Response:
    response = view(request, "oncall/ack.html", status=STATUS.get(ack.state, 200), ack=ack, is_pressed=is_pressed)
    # The address of this page is the permission: it is told to nobody and kept nowhere.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
