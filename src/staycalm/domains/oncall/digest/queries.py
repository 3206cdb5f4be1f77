"""Reads of digests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.contacts.queries import configured_channels, reachable_methods
from staycalm.domains.oncall.digest.decisions import NAMES
from staycalm.domains.oncall.digest.model import digests
from staycalm.domains.oncall.notifications.queries import find_link
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

MOST_EVENTS = 2000
PURPOSE = "digest"


@dataclass(frozen=True, slots=True)
class Digest:
    """Who gets a digest at which time of day, and when the next one is due."""

    person: str
    at: str
    seen_seq: int
    seen_at: datetime
    due_at: datetime


def find_digest(tx: ReadTx, person: str) -> Digest | None:
    """Return the person's wish, or None."""
    row = tx.one_or_none(sa.select(digests).where(digests.c.person == person))
    return Digest(**row._mapping) if row is not None else None


def find_mailbox(tx: ReadTx, person: str) -> ContactMethod | None:
    """Return the first address that mail to the person can go to now, or None."""
    methods = reachable_methods(tx, person, configured_channels(tx))
    return next((method for method in methods if method.kind == "email"), None)


def is_stop_link(tx: ReadTx, token: str) -> bool:
    """Return whether the token is that of a digest's link; it works for as long as it is remembered."""
    link = find_link(tx, token)
    return link is not None and link.purpose == PURPOSE


def news(tx: ReadTx, seen_seq: int) -> list[LogEntry]:
    """Return the first 2,000 events since then of which a digest tells."""
    return log.after(tx, seen_seq, events.c.name.in_(NAMES), limit=MOST_EVENTS)
