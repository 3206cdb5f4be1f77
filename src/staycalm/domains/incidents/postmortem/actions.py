"""All writes to action items."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.machine import move
from staycalm.core.text import one_line
from staycalm.domains.accounts.public import get_person
from staycalm.domains.alerts import public as alerts
from staycalm.domains.catalog.public import get_organisation
from staycalm.domains.incidents.postmortem.decisions import check_due, check_kind, overdue_at
from staycalm.domains.incidents.postmortem.events import (
    ActionItemAdded,
    ActionItemChanged,
    ActionItemDropped,
    ActionItemFinished,
    ActionItemOverdue,
    ActionItemReopened,
)
from staycalm.domains.incidents.postmortem.machine import ACTION
from staycalm.domains.incidents.postmortem.model import action_items
from staycalm.domains.incidents.postmortem.queries import ActionItem, get_action
from staycalm.domains.incidents.postmortem.service import OWN_SERVICE
from staycalm.domains.incidents.queries import get_incident
from staycalm.kit.database import Tx

WHAT_LIMIT = 500


def add(
    tx: Tx, actor: Actor, name: str, *, what: str, owner: str, due_on: date, kind: str = "preventive"
) -> ActionItem:
    """The incident has the action item. Raises Invalid, NotFound."""
    incident = get_incident(tx, name)
    number = tx.next_number("ACT")
    end = overdue_at(check_due(due_on), get_organisation(tx).time_zone)
    values: dict[str, Any] = {
        "number": number, "incident": incident.id, "what": _what(what), "kind": check_kind(kind),
        "owner": _owner(tx, owner), "due_on": due_on.isoformat(), "overdue_at": end, "due_at": end,
        "state": "open", "version": 1, "added_by": str(actor), "added_at": tx.now,
    }  # fmt: skip
    tx.execute(action_items.insert().values(values))
    added = get_action(tx, str(number))
    tx.emit(actor, ActionItemAdded(subject=added.id, **_told(added)))
    return added


def change(
    tx: Tx, actor: Actor, name: str, *, what: str | None = None, owner: str | None = None,
    due_on: date | None = None, kind: str | None = None, version: int | None = None,
) -> ActionItem:  # fmt: skip
    """The open action item reads so; None leaves a field as it is.

    Raises Conflict when it changed since `version`, or is settled.
    """
    item = get_action(tx, name)
    if not item.is_open:
        raise Conflict("wrong-state", f"{item.id} is {item.state}", next_step="Reopen it first.", state=item.state)
    changed = replace(
        item,
        what=item.what if what is None else _what(what),
        owner=item.owner if owner in (None, item.owner) else _owner(tx, str(owner)),
        due_on=item.due_on if due_on is None else check_due(due_on),
        kind=item.kind if kind is None else check_kind(kind),
    )
    before, after = _told(item), _told(changed)
    previous = {name: before[name] for name in before if before[name] != after[name]}
    if not previous:
        _check_version(item, version)
        return item
    values: dict[str, Any] = {name: after[name] for name in ("what", "owner", "due_on", "kind")}
    if "due_on" in previous:
        end = overdue_at(changed.due_on, get_organisation(tx).time_zone)
        values |= {"overdue_at": end, "due_at": end}
        _settle_alert(tx, actor, item, "it has another day")
    _update(tx, item, values, version)
    tx.emit(actor, ActionItemChanged(subject=item.id, **after, previous=previous))
    return get_action(tx, item.id)


def finish(tx: Tx, actor: Actor, name: str) -> ActionItem:
    """It is done. Raises Conflict."""
    item = _end(tx, actor, name, "finish", reason="")
    tx.emit(actor, ActionItemFinished(subject=item.id, incident=item.incident))
    return item


def drop(tx: Tx, actor: Actor, name: str, *, reason: str) -> ActionItem:
    """It will not be done. Raises Conflict, and Invalid without a reason."""
    kept = one_line(reason, WHAT_LIMIT)
    if not kept:
        raise Invalid(
            "no-reason", "an action item is dropped for a reason", next_step="Say why it will not be done."
        )
    item = _end(tx, actor, name, "drop", reason=kept)
    tx.emit(actor, ActionItemDropped(subject=item.id, incident=item.incident, reason=kept))
    return item


def reopen(tx: Tx, actor: Actor, name: str) -> ActionItem:
    """It is to be done again; when its day is over, somebody is told again. Raises Conflict."""
    item = get_action(tx, name)
    state = move(ACTION, item.state, "reopen", what=item.id)
    values = {"state": state, "ended_by": None, "ended_at": None, "reason": "", "due_at": item.overdue_at}
    _update(tx, item, values, None)
    tx.emit(actor, ActionItemReopened(subject=item.id, incident=item.incident))
    return get_action(tx, item.id)


def tell_overdue(tx: Tx, name: str) -> None:
    """An alert of P3 says that the action item is overdue, once."""
    item = get_action(tx, name)
    due = sa.and_(action_items.c.number == item.number, action_items.c.due_at <= tx.now)
    if tx.guarded_update(action_items.update().where(due).values(due_at=None)) != 1 or not item.is_open:
        return
    due_on = item.due_on.isoformat()
    tx.emit(SYSTEM, ActionItemOverdue(
        subject=item.id, incident=item.incident, owner=item.owner, due_on=due_on
    ))  # fmt: skip
    alerts.raise_alert(
        tx, SYSTEM, dedup_key=_key(item), service=OWN_SERVICE, priority="P3", rule="action-item-overdue",
        summary=f"{item.id} of {item.incident} was due {due_on}, owner {item.owner}: {one_line(item.what, 200)}",
        source=OWN_SERVICE, labels={"incident": item.incident, "owner": item.owner}, escalates="none",
    )  # fmt: skip


def _end(tx: Tx, actor: Actor, name: str, verb: str, *, reason: str) -> ActionItem:
    item = get_action(tx, name)
    state = move(ACTION, item.state, verb, what=item.id)
    ended = {"state": state, "ended_by": str(actor), "ended_at": tx.now, "reason": reason, "due_at": None}
    _update(tx, item, ended, None)
    _settle_alert(tx, actor, item, f"{item.id} is {state}")
    return get_action(tx, item.id)


def _update(tx: Tx, item: ActionItem, values: dict[str, Any], version: int | None) -> None:
    _check_version(item, version)
    c = action_items.c
    is_as_seen = sa.and_(c.number == item.number, c.version == item.version)
    new = {**values, "version": item.version + 1}
    if tx.guarded_update(action_items.update().where(is_as_seen).values(new)) != 1:
        raise _changed(item)


def _check_version(item: ActionItem, version: int | None) -> None:
    if version is not None and version != item.version:
        raise _changed(item)


def _changed(item: ActionItem) -> Conflict:
    return Conflict(
        "action-changed", f"{item.id} was changed after you looked", next_step="Look again, then change it.",
        version=item.version, stored=_told(item),
    )  # fmt: skip


def _settle_alert(tx: Tx, actor: Actor, item: ActionItem, reason: str) -> None:
    alerts.resolve_alert(tx, actor, dedup_key=_key(item), service=OWN_SERVICE, reason=reason)


def _key(item: ActionItem) -> str:
    return f"action-item/{item.id}"


def _what(text: str) -> str:
    kept = one_line(text, len(text) + 1)
    if not 0 < len(kept) <= WHAT_LIMIT:
        raise Invalid(
            "bad-action", f"an action item has 1 to {WHAT_LIMIT} characters",
            next_step="Say in one sentence what will be different; details belong into the post-mortem.",
        )  # fmt: skip
    return kept


def _owner(tx: Tx, handle: str) -> str:
    person = get_person(tx, handle.strip())
    if not person.is_active:
        raise Invalid("inactive-person", f"{handle} has no active account", next_step="Name somebody else.")
    return person.handle


def _told(item: ActionItem) -> dict[str, str]:
    return {
        "incident": item.incident, "what": item.what, "kind": item.kind, "owner": item.owner,
        "due_on": item.due_on.isoformat(),
    }  # fmt: skip
