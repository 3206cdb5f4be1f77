"""Wire types of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from staycalm.core.events import LogEntry
from staycalm.core.pagination import Page


class ActorOut(BaseModel):
    kind: Literal["person", "service", "system", "anonymous"]
    id: str
    name: str


class EventOut(BaseModel):
    """One fact: what happened to `subject`, when, by whom. `body` is the event's own fields."""

    seq: int
    at: datetime
    name: str
    version: int
    actor: ActorOut
    subject: str
    service: str | None
    environment: str | None
    body: dict[str, Any]


class EventPage(BaseModel):
    """`next_cursor` is None on the last page; `newest` is the cursor to look for later events with."""

    items: list[EventOut]
    next_cursor: str | None
    newest: str | None


def page_out(page: Page[LogEntry], since: str | None, *, is_newest_first: bool) -> EventPage:
    """Return the page for the wire."""
    items = [_event_out(each) for each in page.items]
    newest = None if is_newest_first else str(items[-1].seq) if items else since
    return EventPage(items=items, next_cursor=page.next_cursor, newest=newest)


def _event_out(each: LogEntry) -> EventOut:
    return EventOut(
        seq=each.seq,
        at=each.at,
        name=each.name,
        version=each.version,
        actor=ActorOut(kind=each.actor.kind, id=each.actor.id, name=each.actor.name),
        subject=each.subject,
        service=each.service,
        environment=each.environment,
        body=dict(each.body),
    )
