"""Reads of calendar feeds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.accounts.public import find_person
from staycalm.domains.oncall.feeds.entries import entries_of
from staycalm.domains.oncall.feeds.ical import Entry
from staycalm.domains.oncall.feeds.model import feeds
from staycalm.domains.oncall.schedules import queries as schedule_queries
from staycalm.kit.database import ReadTx

MAX_FEEDS = 20
MAX_ENTRIES = 2000
BACK, AHEAD = timedelta(days=30), timedelta(days=180)
NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar that `person` may subscribe to. Without `schedule` it holds their own shifts everywhere."""

    id: str
    person: str
    schedule: str | None
    created_at: datetime
    last_read_at: datetime | None


@dataclass(frozen=True, slots=True)
class FeedContent:
    """What a feed holds now. `is_use_noted`: the last reading was noted lately enough."""

    id: str
    name: str
    entries: tuple[Entry, ...]
    is_use_noted: bool


def list_feeds(tx: ReadTx, person: str) -> tuple[Feed, ...]:
    """Return the feeds of a person, the oldest first."""
    statement = sa.select(feeds).where(feeds.c.person == person).order_by(feeds.c.id).limit(MAX_FEEDS)
    return tuple(_feed(row) for row in tx.rows(statement))


def get_feed(tx: ReadTx, person: str, id: str) -> Feed:
    """Return one's own feed; raises NotFound."""
    row = tx.one_or_none(sa.select(feeds).where(feeds.c.id == id, feeds.c.person == person))
    if row is None:
        raise NotFound("no-feed", f"you have no calendar link {id[:40]!r}", next_step="Look at /oncall/feeds.")
    return _feed(row)


def read_feed(tx: ReadTx, token: str) -> FeedContent | None:
    """Return what the secret address holds: a month back, half a year ahead. None: revoked, or its owner left."""
    row = tx.one_or_none(sa.select(feeds).where(feeds.c.token_hash == token_hash(token)))
    owner = find_person(tx, row.person) if row is not None else None
    if row is None or owner is None or not owner.is_active:
        return None
    feed = _feed(row)
    found: list[Entry] = []
    for stored in schedule_queries.list_schedules(tx):
        if feed.schedule in (None, stored.schedule.name):
            start, end = tx.now - BACK, tx.now + AHEAD
            known = schedule_queries.stints_between(tx, stored, start, end, are_whole=True)
            wanted = feed.person if feed.schedule is None else None
            found += entries_of(stored.schedule, known, wanted, tx.now)
    name = f"On-call: {feed.schedule}" if feed.schedule else f"On-call: {owner.name or owner.handle}"
    noted = feed.last_read_at is not None and tx.now - feed.last_read_at < NOTED_EVERY
    return FeedContent(feed.id, name, tuple(sorted(found, key=lambda e: e.starts_at)[:MAX_ENTRIES]), noted)


def token_hash(token: str) -> str:
    """Return what is stored of a feed's token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _feed(row: sa.Row[Any]) -> Feed:
    return Feed(row.id, row.person, row.schedule or None, row.created_at, row.last_read_at)
