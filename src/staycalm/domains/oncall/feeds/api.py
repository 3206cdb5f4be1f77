"""REST routes of calendar feeds: one's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response

from staycalm.core.actor import Actor
from staycalm.domains.oncall.edge import Edge
from staycalm.domains.oncall.feeds import queries, service
from staycalm.domains.oncall.feeds.schemas import (
    FeedOut,
    FeedPage,
    NewFeedBody,
    NewFeedOut,
    feed_out,
    new_feed_out,
)
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/oncall/feeds", tags=["oncall"])
Reader = Annotated[Actor, allow("oncall", "read")]
Responder = Annotated[Actor, allow("oncall", "write")]


@router.get("")
async def list_feeds(db: Db, who: Reader) -> FeedPage:
    """Return one's own calendar addresses, without their secrets."""
    found = await db.read(queries.list_feeds, who.id)
    return FeedPage(items=[feed_out(each) for each in found])


@router.get("/{id}")
async def get_feed(db: Db, who: Reader, id: str) -> FeedOut:
    """Return one of one's own calendar addresses, without its secret."""
    return feed_out(await db.read(queries.get_feed, who.id, id))


@router.post("", status_code=201)
async def add_feed(db: Db, who: Responder, edge: Edge, body: NewFeedBody) -> NewFeedOut:
    """There is a new calendar address (RFC 5545), for one's own shifts or a whole schedule. It is told once."""
    return new_feed_out(await db.write(service.add_feed, who, schedule=body.schedule), edge.public_url)


@router.delete("/{id}", status_code=204)
async def revoke_feed(db: Db, who: Responder, id: str) -> Response:
    """The address works no more. One's own."""
    await db.write(service.revoke_feed, who, id)
    return Response(status_code=204)
