"""Reads of the delivery log and of links."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.domains.oncall.contacts.decisions import shown_address
from staycalm.domains.oncall.notifications.machine import FINAL, LATE
from staycalm.domains.oncall.notifications.model import links, notifications
from staycalm.kit.database import ReadTx


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the delivery log. Times in UTC; `ended_at` is when it was accepted, given up or cancelled."""

    id: str
    kind: str
    subject: str
    person: str
    step: str
    channel: str
    address: str
    state: str
    attempts: int
    is_duplicate_possible: bool
    queued_at: datetime
    ended_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """What an acknowledgement link stands for: one recipient, one subject, one purpose, one end."""

    purpose: str
    subject: str
    escalation: str
    notification: str
    person: str
    expires_at: datetime
    used_at: datetime | None


def deliveries_of(tx: ReadTx, subject: str, *, limit: int = 500) -> tuple[Delivery, ...]:
    """Return who was paged or told when, by what, and what came of it, oldest first."""
    statement = (
        sa.select(notifications)
        .where(notifications.c.subject == subject)
        .order_by(notifications.c.queued_at, notifications.c.id)
        .limit(limit)
    )
    return tuple(
        Delivery(
            id=row.id,
            kind=row.kind,
            subject=row.subject,
            person=row.person,
            step=row.step,
            channel=row.channel,
            address=shown_address(row.channel, row.address),
            state=row.state,
            attempts=row.attempts,
            is_duplicate_possible=row.is_duplicate_possible,
            queued_at=row.queued_at,
            ended_at=row.ended_at,
            last_error=row.last_error,
        )
        for row in tx.rows(statement)
    )


def find_link(tx: ReadTx, token: str) -> Link | None:
    """Return what the token of a link stands for, or None; only its hash is known here."""
    row = tx.one_or_none(sa.select(links).where(links.c.token_hash == token_hash(token)))
    if row is None:
        return None
    return Link(
        row.purpose, row.subject, row.escalation, row.notification, row.person, row.expires_at, row.used_at
    )


def token_hash(token: str) -> str:
    """Return what is stored of a link's token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def states_of_step(tx: ReadTx, escalation: str, step: str) -> tuple[str, ...]:
    """Return the states of every message that one step of an escalation queued; one tried on late has failed."""
    statement = (
        sa.select(notifications.c.state, notifications.c.urgency)
        .where(notifications.c.escalation == escalation, notifications.c.step == step)
        .limit(1000)
    )
    rows = tx.rows(statement)
    return tuple("failed" if row.urgency == LATE and row.state not in FINAL else row.state for row in rows)


def overdue_count(tx: ReadTx, late_s: float) -> int:
    """Return how many messages should have left more than `late_s` seconds ago, counted up to 1000."""
    late = (
        sa.select(notifications.c.id)
        .where(notifications.c.due_at <= tx.now - timedelta(seconds=late_s))
        .limit(1000)
        .subquery()
    )
    return int(tx.scalar(sa.select(sa.func.count()).select_from(late)) or 0)
