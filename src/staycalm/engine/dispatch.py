"""Delivering events: in batches, in order per (subscriber, subject), a savepoint and a retry for each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Recorded, revive
from staycalm.core.self_events import DeliveryDied
from staycalm.kit.database import Tx, log
from staycalm.kit.database.tables import deliveries, events, subscribers
from staycalm.kit.database.transaction import blames_statement
from staycalm.kit.subscriptions import Subscription, Subscriptions

logger = logging.getLogger("staycalm.engine.dispatch")
BATCH = 100
MAX_ATTEMPTS = 8
RETRY_CAP_S = 60.0
# Asked with every commit that tells something: building a statement costs more than running it.
_ELDER = deliveries.alias("elder")
_WAITS_BEFORE = (
    _ELDER.c.subscriber == deliveries.c.subscriber,
    _ELDER.c.subject == deliveries.c.subject,
    _ELDER.c.state == "pending",
    _ELDER.c.event_seq < deliveries.c.event_seq,
)
_DUE = (
    sa.select(
        deliveries.c.id,
        deliveries.c.subscriber,
        deliveries.c.attempts,
        *(events.c[name] for name in log.COLUMNS),
    )
    .join(events, events.c.seq == deliveries.c.event_seq)
    .where(
        deliveries.c.state == "pending",
        deliveries.c.due_at <= sa.bindparam("now"),
        deliveries.c.subscriber.in_(sa.bindparam("known", expanding=True)),
    )
    .order_by(deliveries.c.urgency, deliveries.c.event_seq)
    .limit(sa.bindparam("many"))
)
_HEADS = _DUE.where(~sa.exists().where(*_WAITS_BEFORE))
_LOCKED_HEADS = _HEADS.with_for_update(of=deliveries, skip_locked=True)
# Clocks of several servers differ: what is not due yet for this one is not overtaken either.
_FOLLOWERS = _DUE.where(
    sa.tuple_(deliveries.c.subscriber, deliveries.c.subject).in_(sa.bindparam("queues", expanding=True)),
    deliveries.c.id.not_in(sa.bindparam("taken", expanding=True)),
    ~sa.exists().where(*_WAITS_BEFORE, _ELDER.c.due_at > sa.bindparam("now")),
)
_DELIVERY = deliveries.update().where(deliveries.c.id == sa.bindparam("which"))


def retry_delay_s(attempts: int) -> float:
    """Return the pause after the n-th failure: 1, 2, 4 … 60 s."""
    return min(RETRY_CAP_S, 2.0 ** (attempts - 1))


def _heads(tx: Tx, known: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Return due deliveries that have no pending elder of the same subscriber and subject.

    On PostgreSQL they are locked: who has the head of a queue has the queue.
    """
    statement = _LOCKED_HEADS if tx.dialect == "postgresql" else _HEADS
    return tx.execute(statement, {"known": known, "now": tx.now, "many": BATCH}).all()


def _followers(tx: Tx, known: Sequence[str], heads: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
    """Return what waits behind these heads, as far as a batch goes: a long queue costs few transactions."""
    room = BATCH - len(heads)
    if not heads or room == 0:
        return ()
    sought = {
        "known": known,
        "now": tx.now,
        "many": room,
        "queues": [(row.subscriber, row.subject) for row in heads],
        "taken": [row.id for row in heads],
    }
    return tx.execute(_FOLLOWERS, sought).all()


def deliver_batch(tx: Tx, subscriptions: Subscriptions) -> int:
    """Every delivered event was handled once; returns how many deliveries were tried."""
    known = sorted(subscriptions.by_name)
    heads = _heads(tx, known)
    rows = sorted((*heads, *_followers(tx, known, heads)), key=_urgency(subscriptions))
    stuck: set[tuple[str, str]] = set()
    tried = 0
    for row in rows:
        queue = (row.subscriber, row.subject)
        if queue not in stuck:
            tried += 1
            if not _deliver_one(tx, subscriptions.by_name[row.subscriber], row):
                stuck.add(queue)
    if not rows:
        _postpone_blocked(tx)
    return tried


def _urgency(subscriptions: Subscriptions) -> Callable[[sa.Row[Any]], tuple[int, int]]:
    return lambda row: (subscriptions.by_name[row.subscriber].urgency, row.seq)


def _postpone_blocked(tx: Tx) -> None:
    """What waits behind a failing elder is due when the elder is: nobody asks for it in vain until then."""
    due_at = _ELDER.c.due_at
    elders_due = sa.select(sa.func.max(due_at, type_=due_at.type)).where(*_WAITS_BEFORE).scalar_subquery()
    tx.execute(
        deliveries.update()
        .where(deliveries.c.state == "pending", deliveries.c.due_at <= tx.now, elders_due > tx.now)
        .values(due_at=elders_due)
    )


def _deliver_one(tx: Tx, subscription: Subscription, row: Any) -> bool:
    """Return whether the next one of the same queue may be tried."""
    try:
        with tx.savepoint():
            subscription.handler(tx, _recorded(subscription, row))
    except Exception as error:  # the row boundary: one poison row must not stop the others
        if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)) and not blames_statement(tx, error):
            raise
        logger.exception("a subscriber failed", extra={"subscriber": subscription.name, "event_seq": row.seq})
        return _record_failure(tx, row, f"{type(error).__name__}: {error}")
    done = {"state": "done", "due_at": None, "attempts": row.attempts + 1, "last_error": None}
    tx.execute(_DELIVERY, {"which": row.id, **done})
    return True


def _recorded(subscription: Subscription, row: Any) -> Recorded[Any]:
    event = revive(
        subscription.event,
        dict(row.body),
        subject=row.subject,
        service=row.service,
        environment=row.environment,
    )
    return Recorded(row.seq, row.at, Actor(row.actor_kind, row.actor_id, row.actor_name), event)


def _record_failure(tx: Tx, row: Any, reason: str) -> bool:
    """Return whether this was the last try, so that the next event may pass."""
    attempts = row.attempts + 1
    is_dead: bool = attempts >= MAX_ATTEMPTS
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == row.id)
        .values(
            state="dead" if is_dead else "pending",
            due_at=None if is_dead else tx.now + timedelta(seconds=retry_delay_s(attempts)),
            attempts=attempts,
            last_error=reason[:2000],
        )
    )
    if is_dead:
        tx.emit(
            SYSTEM,
            DeliveryDied(
                subject=row.subject,
                service=row.service,
                environment=row.environment,
                subscriber=row.subscriber,
                event_seq=row.seq,
                reason=reason[:500],
            ),
        )
    return is_dead


def soonest(subscriptions: Subscriptions) -> sa.ScalarSelect[Any]:
    """Return when the next delivery is due, as part of a larger query."""
    return (
        sa.select(sa.func.min(deliveries.c.due_at, type_=deliveries.c.due_at.type))
        .where(deliveries.c.state == "pending", deliveries.c.subscriber.in_(sorted(subscriptions.by_name)))
        .scalar_subquery()
    )


def back_fill(tx: Tx, subscriptions: Subscriptions) -> int:
    """Every subscriber has a delivery of every event since it first appeared; returns how many were missing.

    During a rolling upgrade old code writes events without a delivery for a subscriber only new code has.
    """
    _bring_back(tx)
    positions = {row.name: row.since_seq for row in tx.rows(sa.select(subscribers))}
    horizon = int(tx.scalar(sa.select(sa.func.max(events.c.seq)).where(log.visible(tx))) or 0)
    missing = 0
    for subscription in subscriptions.by_name.values():
        since = positions.get(subscription.name)
        if since is None:
            tx.upsert(subscribers, {"name": subscription.name, "since_seq": horizon}, on=["name"])
            continue
        while since < horizon:
            added, since = _fill(tx, subscription, since, horizon)
            missing += added
        if since > positions[subscription.name]:
            tx.upsert(subscribers, {"name": subscription.name, "since_seq": since}, on=["name"])
    return missing


def _bring_back(tx: Tx) -> None:
    """No delivery waits longer than for its next try: the clock it was due by has been set back since."""
    longest = tx.now + timedelta(seconds=RETRY_CAP_S)
    tx.execute(
        deliveries.update()
        .where(deliveries.c.state == "pending", deliveries.c.due_at > longest)
        .values(due_at=tx.now)
    )


def _fill(tx: Tx, subscription: Subscription, since: int, horizon: int) -> tuple[int, int]:
    """Return how many deliveries were added, and up to which seq there are all."""
    has_delivery = sa.exists().where(
        deliveries.c.event_seq == events.c.seq, deliveries.c.subscriber == subscription.name
    )
    rows = tx.rows(
        sa.select(events.c.seq, events.c.subject)
        .where(
            events.c.name == subscription.event.name,
            events.c.seq > since,
            events.c.seq <= horizon,
            ~has_delivery,
        )
        .order_by(events.c.seq)
        .limit(BATCH)
    )
    added = 0
    for row in rows:
        added += tx.insert_or_ignore(
            deliveries,
            {
                "event_seq": row.seq,
                "subscriber": subscription.name,
                "subject": row.subject,
                "urgency": subscription.urgency,
                "state": "pending",
                "due_at": tx.now,
                "attempts": 0,
            },
            on=["event_seq", "subscriber"],
        )
    return added, rows[-1].seq if len(rows) == BATCH else horizon
