"""Wire types of calendar feeds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from staycalm.domains.oncall.feeds.queries import Feed
from staycalm.domains.oncall.feeds.service import NewFeed


class FeedOut(BaseModel):
    """A calendar address. Without `schedule` it holds one's own shifts. `last_read_at` is noted once an hour."""

    id: str
    schedule: str | None
    created_at: datetime
    last_read_at: datetime | None


class FeedPage(BaseModel):
    items: list[FeedOut]


class NewFeedBody(BaseModel):
    """Without `schedule`: one's own shifts, in every schedule."""

    model_config = ConfigDict(extra="forbid")

    schedule: Annotated[str, Field(min_length=1, max_length=63)] | None = None


class NewFeedOut(FeedOut):
    """`url` is the secret; it is told this once."""

    url: str


def feed_out(feed: Feed) -> FeedOut:
    return FeedOut(id=feed.id, schedule=feed.schedule, created_at=feed.created_at, last_read_at=feed.last_read_at)


def new_feed_out(made: NewFeed, public_url: str) -> NewFeedOut:
    return NewFeedOut(**feed_out(made.feed).model_dump(), url=public_url.rstrip("/") + made.path)
