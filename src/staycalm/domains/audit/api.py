"""REST routes of the audit log: reading it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from staycalm.core.actor import Actor
from staycalm.domains.audit.queries import Filter, list_events
from staycalm.domains.audit.schemas import EventPage, page_out
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/audit", tags=["audit"])
Text = Annotated[str | None, Query(max_length=200)]


@router.get("/events")
async def list_audit_events(
    db: Db,
    who: Annotated[Actor, allow("audit", "read")],
    subject: Text = None,
    service: Text = None,
    environment: Text = None,
    actor: Text = None,
    name: Annotated[str | None, Query(max_length=100, description="A prefix, such as deployments.")] = None,
    since: Annotated[str | None, Query(description="The cursor of an earlier page.")] = None,
    order: Literal["oldest", "newest"] = "oldest",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> EventPage:
    """Return one page of the event log: what happened, when, by whom."""
    wanted = Filter(subject, service, environment, actor, name)
    newest = order == "newest"
    page = await db.read(list_events, wanted, limit=limit, since=since, is_newest_first=newest)
    return page_out(page, since, is_newest_first=newest)
