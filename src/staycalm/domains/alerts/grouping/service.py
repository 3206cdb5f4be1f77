"""Opening groups, telling of their rules once, and closing them when their last alert is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.priority import Priority
from staycalm.domains.alerts.decisions import SUPPRESSED, is_news
from staycalm.domains.alerts.events import AlertRaised, AlertResolved, AlertSuppressed
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.kit.database import Tx

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """An alert that fires in a group, as far as telling of it needs."""

    actor: Actor
    alert_id: str
    group_id: str
    rule: str
    priority: Priority
    summary: str
    escalates: str
    source: str
    muted_by: str | None = None
    mute_reason: str = ""
    was_loud: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """An alert that was closed in a group."""

    actor: Actor
    alert_id: str
    group_id: str
    rule: str
    reason: str


def join(tx: Tx, wanted: Mapping[Place, tuple[Priority, str]]) -> dict[Place, str]:
    """Return the id of the open, locked group of every place; one is opened where there was none."""
    found: dict[Place, str] = {}
    for place in sorted(wanted):
        service, environment = place
        open_key = f"{service}@{environment}"
        found[place] = _open_id(tx, open_key) or _opened(tx, place, open_key, *wanted[place])
    return found


def _open_id(tx: Tx, open_key: str) -> str | None:
    statement = sa.select(alert_groups.c.id).where(alert_groups.c.open_key == open_key).with_for_update()
    id: str | None = tx.scalar(statement)
    return id


def _opened(tx: Tx, place: Place, open_key: str, priority: Priority, summary: str) -> str:
    values: dict[str, Any] = {
        "id": f"ALG-{tx.next_number('ALG')}",
        "open_key": open_key,
        "service": place[0],
        "environment": place[1],
        "priority": priority,
        "summary": summary,
        "announced": {},
        "opened_at": tx.now,
    }
    if tx.insert_or_ignore(alert_groups, values, on=["open_key"]):
        return str(values["id"])
    other = _open_id(tx, open_key)
    assert other is not None, "the row that made the insert a duplicate is visible after it"
    return other


def tell(tx: Tx, items: Sequence[Item]) -> None:
    """Everything new about the groups' firing rules is one event each; the groups show their most urgent alert."""
    by_group: dict[str, list[Item]] = {}
    for item in items:
        by_group.setdefault(item.group_id, []).append(item)
    for group_id in sorted(by_group):
        _tell_group(tx, group_id, by_group[group_id])


def _tell_group(tx: Tx, group_id: str, items: list[Item]) -> None:
    group = _locked(tx, group_id)
    announced: dict[str, str] = dict(group.announced)
    escalated_to = group.escalated_to
    for item in sorted(items, key=lambda i: i.priority):
        if item.muted_by is not None:
            if item.rule not in announced or (item.was_loud and announced[item.rule] != SUPPRESSED):
                announced[item.rule] = SUPPRESSED
                tx.emit(item.actor, _suppressed(group, item))
        elif is_news(announced, item.rule, item.priority):
            announced[item.rule] = item.priority
            tx.emit(item.actor, _raised(group, item))
            escalated_to = escalated_to or (item.escalates if item.escalates != "none" else None)
    first = min(items, key=lambda i: i.priority)
    is_worse = first.priority < group.priority
    values: dict[str, Any] = {"announced": announced, "escalated_to": escalated_to}
    if is_worse:
        values.update(priority=first.priority, summary=first.summary)
    if is_worse or announced != group.announced or escalated_to != group.escalated_to:
        tx.execute(alert_groups.update().where(alert_groups.c.id == group_id).values(values))


def _raised(group: sa.Row[Any], item: Item) -> AlertRaised:
    return AlertRaised(
        subject=group.id, service=group.service or None, environment=group.environment or None,
        alert_id=item.alert_id, rule=item.rule, priority=item.priority, summary=item.summary,
        escalates=item.escalates, source=item.source,
    )  # fmt: skip


def _suppressed(group: sa.Row[Any], item: Item) -> AlertSuppressed:
    return AlertSuppressed(
        subject=group.id, service=group.service or None, environment=group.environment or None,
        alert_id=item.alert_id, rule=item.rule, priority=item.priority, summary=item.summary,
        by=item.muted_by or "", reason=item.mute_reason,
    )  # fmt: skip


def settle(tx: Tx, endings: Sequence[Ending]) -> None:
    """Rules without an open alert are told as resolved; groups without any are closed."""
    by_group: dict[str, list[Ending]] = {}
    for ending in endings:
        by_group.setdefault(ending.group_id, []).append(ending)
    for group_id in sorted(by_group):
        _settle_group(tx, group_id, by_group[group_id])


def _settle_group(tx: Tx, group_id: str, endings: list[Ending]) -> None:
    group = _locked(tx, group_id)
    open_rules = set(
        tx.execute(
            sa.select(alerts.c.rule)
            .where(alerts.c.group_id == group_id, alerts.c.dedup_key.isnot(None))
            .distinct()
        ).scalars()
    )
    announced: dict[str, str] = dict(group.announced)
    last_of = {ending.rule: ending for ending in endings}
    ended = [rule for rule in announced if rule not in open_rules]
    for nth, rule in enumerate(ended, start=1):
        del announced[rule]
        ending = last_of.get(rule, endings[-1])
        event = AlertResolved(
            subject=group.id, service=group.service or None, environment=group.environment or None,
            alert_id=ending.alert_id, rule=rule, reason=ending.reason,
            is_group_resolved=not open_rules and nth == len(ended),
        )  # fmt: skip
        tx.emit(ending.actor, event)
    values: dict[str, Any] = {"announced": announced}
    if not open_rules:
        values.update(open_key=None, resolved_at=tx.now)
    if ended or not open_rules:
        tx.execute(alert_groups.update().where(alert_groups.c.id == group_id).values(values))


def _locked(tx: Tx, group_id: str) -> sa.Row[Any]:
    row = tx.one_or_none(sa.select(alert_groups).where(alert_groups.c.id == group_id).with_for_update())
    assert row is not None, "an alert's group is never removed before it"
    return row
