"""Sending: claim the row, send through the channel with no transaction open, record what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.machine import move
from staycalm.domains.oncall.contacts import service as contacts
from staycalm.domains.oncall.events import NotificationFailed, NotificationSent
from staycalm.domains.oncall.notifications import service
from staycalm.domains.oncall.notifications.decisions import next_try
from staycalm.domains.oncall.notifications.machine import FINAL, LATE, NOTIFICATION
from staycalm.domains.oncall.notifications.messages import Content, compose, one_line
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest
from staycalm.ports.errors import OutsideUnavailable, PortError, Unconfirmed, Unsupported
from staycalm.ports.messages import Channel, Message, Receipt

Row = sa.Row[Any]
MAX_INTERRUPTED = 5
AT_ONCE = 128
"""How many messages of one channel are on their way at a time; the rest waits for an answer or a time-out."""


@dataclass(frozen=True, kw_only=True)
class SendNotification(Effect):
    """`message` has been handed to the outside for `address`. `attempt` fences the answer of an earlier try."""

    channel: str
    address: str
    message: Message
    attempt: int


def reconcilers(
    channels: Mapping[str, Channel], settings: OncallSettings, public_url: str
) -> tuple[AnyReconciler, ...]:
    """Return what sends due notifications, the most urgent first. Links begin with `public_url`.

    Each channel has its own, so that however many messages hang in one, those of the others leave. The last one
    ends what names a channel that this server does not have.
    """
    c = notifications.c.channel
    lanes = [*(c == kind for kind in sorted(channels)), c.not_in(sorted(channels))]
    return tuple(_reconciler(lane, channels, settings, public_url) for lane in lanes)


def _reconciler(
    lane: sa.ColumnElement[bool], channels: Mapping[str, Channel], settings: OncallSettings, public_url: str
) -> AnyReconciler:
    async def perform(effect: SendNotification) -> Receipt:
        channel = channels.get(effect.channel)
        if channel is None:
            raise Unsupported(f"this server has no {effect.channel} channel; add one to its settings")
        return await channel.send(effect.address, effect.message)

    return Reconciler(
        name="oncall.notifications",
        due=partial(_due, lane),
        next_due=partial(_next_due, lane),
        soonest=soonest(notifications.c.due_at, lane),
        plan=partial(_plan, settings=settings, public_url=public_url),
        perform=perform,
        settle=partial(_settle, settings=settings),
        batch=AT_ONCE,
    )


def _due(lane: sa.ColumnElement[bool], tx: ReadTx, limit: int) -> list[str]:
    statement = (
        sa.select(notifications.c.id)
        .where(lane, notifications.c.due_at <= tx.now)
        .order_by(notifications.c.urgency, notifications.c.due_at)
        .limit(limit)
    )
    return [row.id for row in tx.rows(statement)]


def _next_due(lane: sa.ColumnElement[bool], tx: ReadTx) -> datetime | None:
    due: datetime | None = tx.scalar(
        sa.select(notifications.c.due_at)
        .where(lane, notifications.c.due_at.is_not(None))
        .order_by(notifications.c.due_at)
        .limit(1)
    )
    return due


def _plan(tx: Tx, id: str, *, settings: OncallSettings, public_url: str) -> SendNotification | None:
    row = tx.one_or_none(sa.select(notifications).where(notifications.c.id == id))
    if row is None or row.due_at is None or row.due_at > tx.now:
        return None
    if not row.is_wanted or row.state in FINAL:
        # Acknowledged or stopped meanwhile: a page must not leave any more.
        _end(tx, row, row.state if row.state in FINAL else move(NOTIFICATION, row.state, "cancel"))
        return None
    was_interrupted = row.state == "sending"
    if was_interrupted and row.attempts >= MAX_INTERRUPTED and _deadline(row, settings) < tx.now:
        _failed(tx, row, OutsideUnavailable("sending was interrupted every time", retryable=False), settings)
        return None
    is_repeat = row.is_duplicate_possible or was_interrupted
    claimed = tx.guarded_update(
        _same(row).values(
            state=move(NOTIFICATION, row.state, "claim"),
            attempts=row.attempts + 1,
            is_duplicate_possible=is_repeat,
            due_at=tx.now + timedelta(seconds=settings.send_lease_s),
        )
    )
    if not claimed:
        return None
    message = compose(
        Content.from_json(row.content),
        kind=row.kind,
        person=row.person,
        key=row.id,
        public_url=public_url,
        acknowledge_url=_link(tx, row, settings, public_url),
        stop_url=_stop_link(tx, row, settings, public_url),
        is_duplicate_possible=is_repeat,
    )
    return SendNotification(
        key=row.id, channel=row.channel, address=row.address, message=message, attempt=row.attempts + 1
    )


def _stop_link(tx: Tx, row: Row, settings: OncallSettings, public_url: str) -> str | None:
    """Return where the recipient of a digest ends it; nothing else may be ended by a link."""
    if row.kind != "digest":
        return None
    token = service.make_link(
        tx,
        purpose="digest",
        subject=row.subject,
        escalation="",
        notification=row.id,
        person=row.person,
        valid_s=settings.links_keep_s,
    )
    return f"{public_url.rstrip('/')}/digest/stop/{token}"


def _link(tx: Tx, row: Row, settings: OncallSettings, public_url: str) -> str | None:
    if row.escalation is None:
        return None
    token = service.make_link(
        tx,
        purpose="acknowledge",
        subject=row.subject,
        escalation=row.escalation,
        notification=row.id,
        person=row.person,
        valid_s=settings.link_valid_s,
    )
    return f"{public_url.rstrip('/')}/ack/{token}"


def _settle(
    tx: Tx, id: str, effect: SendNotification, outcome: Receipt | PortError, *, settings: OncallSettings
) -> None:
    row = tx.one_or_none(sa.select(notifications).where(notifications.c.id == id))
    if row is None or row.state != "sending" or row.attempts != effect.attempt:
        return
    if isinstance(outcome, PortError):
        _failed(tx, row, outcome, settings)
    else:
        _accepted(tx, row, outcome)


def _accepted(tx: Tx, row: Row, receipt: Receipt) -> None:
    reference = one_line(receipt.reference, 300)
    _end(tx, row, move(NOTIFICATION, row.state, "accept"), receipt=reference, last_error=None)
    contacts.record_health(tx, person=row.person, kind=row.channel, address=row.address, health="working")
    in_reserve = sa.and_(_siblings(row), notifications.c.state == "pending", notifications.c.due_at.is_(None))
    tx.execute(
        notifications.update()
        .where(in_reserve)
        .values(state=move(NOTIFICATION, "pending", "cancel"), is_wanted=False, ended_at=tx.now)
    )
    event = NotificationSent(
        subject=row.subject,
        service=row.content.get("service"),
        environment=row.content.get("environment"),
        notification=row.id,
        kind=row.kind,
        person=row.person,
        channel=row.channel,
        attempt=row.attempts,
        is_duplicate_possible=row.is_duplicate_possible,
    )
    tx.emit(SYSTEM, event)


def _failed(tx: Tx, row: Row, error: PortError, settings: OncallSettings) -> None:
    reason = one_line(str(error), 500)
    again_at = late_at = None
    if error.retryable and row.urgency < LATE:
        again_at = next_try(row.attempts, tx.now, _deadline(row, settings), settings.retry(row.kind))
    if error.retryable and again_at is None and row.kind == "page":
        late_at = next_try(row.attempts, tx.now, _last_moment(row, settings), settings.retry(row.kind))
    is_unreached, is_told = False, row.urgency >= LATE and late_at is not None
    if not row.is_wanted:
        _end(tx, row, move(NOTIFICATION, row.state, "cancel"), last_error=reason)
    elif again_at is not None:
        _try_again(tx, row, error, due_at=again_at, last_error=reason)
    else:
        if late_at is not None:
            _try_again(tx, row, error, due_at=late_at, last_error=reason, urgency=LATE)
        else:
            _end(tx, row, move(NOTIFICATION, row.state, "give_up"), last_error=reason)
        if row.urgency < LATE:
            contacts.record_health(tx, person=row.person, kind=row.channel, address=row.address, health="failing")
            is_unreached = not _bring_forward(tx, row)
    if is_told:
        return
    event = NotificationFailed(
        subject=row.subject,
        service=row.content.get("service"),
        environment=row.content.get("environment"),
        notification=row.id,
        kind=row.kind,
        person=row.person,
        channel=row.channel,
        attempt=row.attempts,
        reason=reason,
        is_final=again_at is None,
        is_unreached=is_unreached,
        escalation=row.escalation,
        step=row.step,
    )
    tx.emit(SYSTEM, event)


def _try_again(tx: Tx, row: Row, error: PortError, **changed: object) -> None:
    is_duplicate_possible = row.is_duplicate_possible or isinstance(error, Unconfirmed)
    state = move(NOTIFICATION, row.state, "retry")
    tx.guarded_update(_same(row).values(state=state, is_duplicate_possible=is_duplicate_possible, **changed))


def _bring_forward(tx: Tx, row: Row) -> bool:
    """Return whether another contact method of the person is in use or has been used; the next one is due now."""
    others = tx.rows(
        sa.select(notifications.c.id, notifications.c.state, notifications.c.due_at)
        .where(_siblings(row), notifications.c.urgency < LATE)
        .order_by(notifications.c.position, notifications.c.id)
        .limit(100)
    )
    waiting = [o for o in others if o.state == "pending" and (o.due_at is None or o.due_at > tx.now)]
    if waiting:
        tx.execute(notifications.update().where(notifications.c.id == waiting[0].id).values(due_at=tx.now))
    return any(o.state in ("pending", "sending", "sent") for o in others)


def _deadline(row: Row, settings: OncallSettings) -> datetime:
    deadline: datetime = row.queued_at + timedelta(seconds=settings.retry(row.kind).deadline_s)
    return deadline


def _last_moment(row: Row, settings: OncallSettings) -> datetime:
    """Return until when a late page is tried: as long as the link in it would work."""
    until: datetime = row.queued_at + timedelta(seconds=settings.link_valid_s)
    return until


def _siblings(row: Row) -> sa.ColumnElement[bool]:
    """Return the condition for the same page through the person's other contact methods."""
    return sa.and_(
        notifications.c.subject == row.subject,
        notifications.c.person == row.person,
        notifications.c.step == row.step,
        notifications.c.state_hash == row.state_hash,
        notifications.c.id != row.id,
    )


def _same(row: Row) -> sa.Update:
    return notifications.update().where(
        notifications.c.id == row.id,
        notifications.c.state == row.state,
        notifications.c.attempts == row.attempts,
    )


def _end(tx: Tx, row: Row, state: str, **values: Any) -> None:
    tx.guarded_update(_same(row).values(state=state, due_at=None, ended_at=tx.now, **values))
