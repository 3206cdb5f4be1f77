"""Writes of notifications: queued with their cause, cancelled with it, told once per state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from staycalm.core.machine import move
from staycalm.core.priority import PRIORITIES
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.notifications.decisions import Kind, due_times
from staycalm.domains.oncall.notifications.machine import NOTIFICATION
from staycalm.domains.oncall.notifications.messages import Content
from staycalm.domains.oncall.notifications.model import links, notifications
from staycalm.domains.oncall.notifications.queries import token_hash
from staycalm.kit.database import Tx

LINK_PREFIX = "sc_ack_"
MOST_WAITING = 5000


def queue(
    tx: Tx,
    *,
    kind: Kind,
    person: str,
    content: Content,
    step: str,
    state: str,
    methods: Sequence[ContactMethod],
    escalation: str | None = None,
) -> int:
    """`person` has one message per contact method in the log; returns how many were new.

    `state` names the state of the subject that the message is about: the same recipient, step and state
    are told once.
    """
    added = 0
    for method, due_at in due_times(methods, kind, tx.now):
        values = {
            "id": tx.ids.uuid(),
            "kind": kind,
            "subject": content.subject,
            "escalation": escalation,
            "person": person,
            "step": step,
            "state_hash": hashlib.sha256(state.encode()).hexdigest(),
            "contact_method": method.id,
            "channel": method.kind,
            "address": method.address,
            "position": method.position,
            "urgency": _urgency(content.priority, kind),
            "content": content.as_json(),
            "state": "pending",
            "is_wanted": True,
            "is_duplicate_possible": False,
            "attempts": 0,
            "queued_at": tx.now,
            "due_at": due_at,
        }
        added += tx.insert_or_ignore(
            notifications, values, on=["subject", "person", "step", "state_hash", "contact_method"]
        )
    return added


def cancel_of_escalation(tx: Tx, escalation: str) -> None:
    """Nothing of this escalation leaves any more; what is being sent just now is not tried again."""
    is_its = notifications.c.escalation == escalation
    tx.execute(
        notifications.update()
        .where(is_its, notifications.c.state == "pending")
        .values(state=move(NOTIFICATION, "pending", "cancel"), is_wanted=False, due_at=None, ended_at=tx.now)
    )
    tx.execute(notifications.update().where(is_its, notifications.c.state == "sending").values(is_wanted=False))


def wait_no_longer(tx: Tx, *, retry_cap_s: float) -> None:
    """No message waits longer from now than it was given, and its end is as far: the clock has been set back."""
    waiting = sa.select(notifications).where(notifications.c.due_at > tx.now).limit(MOST_WAITING)
    for row in tx.rows(waiting):
        lasts = row.due_at - row.queued_at if row.attempts == 0 else timedelta(seconds=retry_cap_s)
        values = {"due_at": min(row.due_at, tx.now + lasts), "queued_at": min(row.queued_at, tx.now)}
        is_as_seen = sa.and_(notifications.c.id == row.id, notifications.c.due_at == row.due_at)
        tx.execute(notifications.update().where(is_as_seen).values(values))


def make_link(
    tx: Tx, *, purpose: str, subject: str, escalation: str, notification: str, person: str, valid_s: float
) -> str:
    """Return the token of a new link that ends after `valid_s` seconds; the database keeps its hash alone."""
    token = LINK_PREFIX + tx.ids.token()
    tx.execute(
        links.insert().values(
            token_hash=token_hash(token),
            purpose=purpose,
            subject=subject,
            escalation=escalation,
            notification=notification,
            person=person,
            expires_at=tx.now + timedelta(seconds=valid_s),
        )
    )
    return token


def use_link(tx: Tx, token: str) -> bool:
    """Return whether the link was unused and has not ended; it is used now."""
    statement = links.update().where(
        links.c.token_hash == token_hash(token), links.c.used_at.is_(None), links.c.expires_at > tx.now
    )
    return tx.guarded_update(statement.values(used_at=tx.now)) == 1


def send_test(tx: Tx, method: ContactMethod) -> str:
    """A test message to this contact method is queued; returns the subject its delivery log stands under."""
    subject = f"test/{tx.ids.uuid()}"
    content = Content(subject=subject, title="StayCalm test page")
    queue(tx, kind="test", person=method.person, content=content, step="test", state="test", methods=[method])
    return subject


def _urgency(priority: str | None, kind: Kind) -> int:
    """Return the order of leaving: pages before notices, P0 before P1."""
    rank = PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
    return rank if kind == "page" else rank + 10
