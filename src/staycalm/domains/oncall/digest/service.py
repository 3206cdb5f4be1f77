"""Writes of digests."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.accounts.public import find_person
from staycalm.domains.oncall.digest import queries
from staycalm.domains.oncall.digest.decisions import check_time, digest, next_at
from staycalm.domains.oncall.digest.events import DigestChanged
from staycalm.domains.oncall.digest.model import digests
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.queries import find_link
from staycalm.kit.database import Tx, log


def want_digest(tx: Tx, actor: Actor, *, at: str) -> None:
    """The actor gets a digest every day at this time of their zone. Raises Invalid without an address for mail."""
    check_time(at)
    person = find_person(tx, actor.id) if actor.kind == "person" else None
    if person is None or queries.find_mailbox(tx, person.handle) is None:
        raise Invalid(
            "no-mailbox", "there is no e-mail address to send a digest to", next_step="Add one to your contacts."
        )
    values = {"at": at, "due_at": next_at(at, ZoneInfo(person.time_zone), tx.now)}
    fresh = {"person": person.handle, "seen_seq": log.newest_seq(tx), "seen_at": tx.now}
    if not tx.insert_or_ignore(digests, {**values, **fresh}, on=["person"]):
        tx.execute(digests.update().where(digests.c.person == person.handle).values(values))
    tx.emit(actor, DigestChanged(subject=person.handle, person=person.handle, at=at))


def stop_digest(tx: Tx, actor: Actor) -> None:
    """The actor gets no digest."""
    if tx.execute(digests.delete().where(digests.c.person == actor.id)).rowcount:
        tx.emit(actor, DigestChanged(subject=actor.id, person=actor.id, at=None))


def stop_by_link(tx: Tx, token: str) -> bool:
    """The recipient of the link gets no digest; returns whether the link is one of ours. It may be used again."""
    link = find_link(tx, token)
    person = find_person(tx, link.person) if link is not None and link.purpose == queries.PURPOSE else None
    if person is None:
        return False
    stop_digest(tx, person.actor)
    return True


def send(tx: Tx, handle: str) -> None:
    """The digest that is due is queued, unless nothing happened; the next one is due tomorrow."""
    wish, person = queries.find_digest(tx, handle), find_person(tx, handle)
    if wish is None or wish.due_at > tx.now:
        return
    if person is None or not person.is_active:
        tx.execute(digests.delete().where(digests.c.person == handle))
        return
    zone = ZoneInfo(person.time_zone)
    mine = digests.c.person == handle
    tx.execute(digests.update().where(mine).values(due_at=next_at(wish.at, zone, tx.now)))
    entries = queries.news(tx, wish.seen_seq)
    content = digest(entries, person=handle, since=wish.seen_at, now=tx.now, zone=zone)
    mailbox = queries.find_mailbox(tx, handle)
    if content is None or mailbox is None:
        return
    tx.execute(digests.update().where(mine).values(seen_seq=entries[-1].seq, seen_at=tx.now))
    notifications.queue(
        tx, kind="digest", person=handle, content=content, step="digest", state="digest", methods=[mailbox]
    )
