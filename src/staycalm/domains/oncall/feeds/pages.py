"""The page of one's calendar addresses, and the calendar behind such an address."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

from fastapi import Form, Path, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from staycalm.core.actor import Actor
from staycalm.domains.oncall.edge import Edge
from staycalm.domains.oncall.feeds import queries, service
from staycalm.domains.oncall.feeds.ical import MEDIA_TYPE, calendar
from staycalm.domains.oncall.feeds.queries import Feed, FeedContent
from staycalm.domains.oncall.feeds.service import NewFeed
from staycalm.domains.oncall.schedules.queries import list_schedules
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow, public, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("oncall", "read")]
Responder = Annotated[Actor, allow("oncall", "write")]
Token = Annotated[str, Path(min_length=1, max_length=200)]


@page_router.get("/oncall/feeds")
async def show_feeds(request: Request, db: Db, who: Reader, edge: Edge) -> Response:
    """One's calendar addresses: what each holds, when it was last read, and a way to end it."""
    feeds, names = await db.read(_mine, who.id)
    return _page(request, edge.public_url, feeds, names, None)


@page_router.post("/oncall/feeds")
async def add_feed(
    request: Request, db: Db, who: Responder, edge: Edge, schedule: Annotated[str, Form(max_length=63)] = ""
) -> Response:
    """There is a new address, shown this once: the answer is the page itself, never an address with it."""
    made = await db.write(service.add_feed, who, schedule=schedule or None)
    feeds, names = await db.read(_mine, who.id)
    return _page(request, edge.public_url, feeds, names, made)


@page_router.post("/oncall/feeds/{id}/revoke")
async def revoke_feed(db: Db, who: Responder, id: str) -> Response:
    """The address works no more."""
    await db.write(service.revoke_feed, who, id)
    return RedirectResponse("/oncall/feeds", status_code=303)


@page_router.get("/calendar/{token}.ics", dependencies=[public()])
async def read_feed(request: Request, db: Db, edge: Edge, token: Token) -> Response:
    """The calendar. Names no permission: the address is it, for reading this alone."""
    wait_s = edge.pace.take(queries.token_hash(token))
    if wait_s:
        return PlainTextResponse(
            "This calendar is read too often.\n", 429, headers={"Retry-After": str(wait_s), **_quiet()}
        )
    content = await db.read(queries.read_feed, token)
    if content is None:
        return PlainTextResponse("This calendar address works no more.\n", 404, headers=_quiet())
    if not content.is_use_noted:
        await db.write(service.note_reading, content.id)
    return _answer(request, content, db.clock.now())


def _mine(tx: ReadTx, person: str) -> tuple[tuple[Feed, ...], list[str]]:
    return queries.list_feeds(tx, person), [stored.schedule.name for stored in list_schedules(tx)]


def _page(
    request: Request, public_url: str, feeds: tuple[Feed, ...], names: list[str], made: NewFeed | None
) -> Response:
    url = public_url.rstrip("/") + made.path if made is not None else None
    response = view(request, "oncall/feeds.html", feeds=feeds, names=names, made=made, url=url)
    response.headers.update(_quiet())
    return response


def _answer(request: Request, content: FeedContent, now: datetime) -> Response:
    tag = hashlib.sha256(repr((content.name, content.entries)).encode()).hexdigest()[:32]
    headers = {
        "ETag": f'"{tag}"',
        "Cache-Control": "private, max-age=300",
        "Content-Disposition": 'inline; filename="on-call.ics"',
        **{name: value for name, value in _quiet().items() if name != "Cache-Control"},
    }
    if f'"{tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = calendar(content.name, content.entries, made_at=now)
    return Response(body, media_type=MEDIA_TYPE, headers=headers)


def _quiet() -> dict[str, str]:
    """The address of this answer is the permission: it is told to nobody and kept nowhere."""
    return {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
