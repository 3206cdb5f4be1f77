"""Writes of calendar feeds. The token is told once, at its making."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.domains.accounts.public import find_person
from staycalm.domains.oncall.events import CalendarFeedAdded, CalendarFeedRevoked
from staycalm.domains.oncall.feeds import queries
from staycalm.domains.oncall.feeds.model import feeds
from staycalm.domains.oncall.feeds.queries import MAX_FEEDS, Feed, token_hash
from staycalm.domains.oncall.schedules.queries import get_schedule
from staycalm.kit.database import Tx

TOKEN_PREFIX = "sc_cal_"


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed with its secret, which nobody can ask for again."""

    feed: Feed
    token: str

    @property
    def path(self) -> str:
        """Return the path of its address."""
        return f"/calendar/{self.token}.ics"


def add_feed(tx: Tx, actor: Actor, *, schedule: str | None) -> NewFeed:
    """The person has a new calendar address; raises NotFound, Invalid or Conflict."""
    if actor.kind != "person" or find_person(tx, actor.id) is None:
        raise Invalid(
            "no-person", "a calendar link belongs to a person", next_step="Sign in as yourself: sc login."
        )
    if schedule is not None:
        get_schedule(tx, schedule)
    if len(queries.list_feeds(tx, actor.id)) >= MAX_FEEDS:
        raise Conflict("too-many-feeds", f"you have {MAX_FEEDS} calendar links", next_step="Revoke one first.")
    token = TOKEN_PREFIX + tx.ids.token()
    feed = Feed(tx.ids.uuid(), actor.id, schedule, tx.now, None)
    tx.execute(
        feeds.insert().values(
            id=feed.id,
            token_hash=token_hash(token),
            person=feed.person,
            schedule=schedule or "",
            created_at=feed.created_at,
            last_read_at=None,
        )
    )
    tx.emit(actor, CalendarFeedAdded(subject=_subject(feed), feed=feed.id, person=feed.person, schedule=schedule))
    return NewFeed(feed, token)


def revoke_feed(tx: Tx, actor: Actor, id: str) -> None:
    """Nobody reads this address any more; raises NotFound."""
    feed = queries.get_feed(tx, actor.id, id)
    tx.execute(feeds.delete().where(feeds.c.id == id))
    event = CalendarFeedRevoked(subject=_subject(feed), feed=id, person=feed.person, schedule=feed.schedule)
    tx.emit(actor, event)


def note_reading(tx: Tx, id: str) -> None:
    """The owner can see that something still reads this address."""
    tx.execute(feeds.update().where(feeds.c.id == id).values(last_read_at=tx.now))


def _subject(feed: Feed) -> str:
    return f"person/{feed.person}"
