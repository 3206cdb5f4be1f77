"""Opening groups, telling of their rules once, and closing them when their last alert is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.priority import Priority
from staycalm.domains.alerts.decisions import SETTLED, SUPPRESSED, is_news
from staycalm.domains.alerts.events import AlertAcknowledged, AlertRaised, AlertResolved, AlertSuppressed
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.oncall import public as oncall
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
    is_resend: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """An alert that was closed in a group."""

    actor: Actor
    alert_id: str
    group_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group whose row this transaction has locked. `announced`: rule -> the priority last told of."""

    id: str
    service: str
    environment: str
    priority: Priority
    summary: str
    announced: Mapping[str, str]
    escalated_to: str | None


_SHOW = (
    alert_groups.update()
    .where(alert_groups.c.id == sa.bindparam("group"))
    .values(
        announced=sa.bindparam("now_announced"),
        escalated_to=sa.bindparam("now_escalated_to"),
        priority=sa.bindparam("now_priority"),
        summary=sa.bindparam("now_summary"),
    )
)


def _among(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam("keys", expanding=True))


def _locking(column: sa.Column[Any]) -> sa.Select[Any]:
    """Select groups, columns as `Group` has them; every transaction locks them in one order."""
    held = (alert_groups.c[name] for name in Group.__slots__)
    return (
        sa.select(*held)
        .where(_among(column))
        .order_by(alert_groups.c.id)
        .limit(sa.bindparam("many"))
        .with_for_update()
    )


# Built once: building one costs as much as running it, and intake runs each of them in every transaction.
_OPEN = sa.select(alert_groups.c.open_key).where(_among(alert_groups.c.open_key)).limit(sa.bindparam("many"))
_LOCKED_OPEN, _LOCKED = _locking(alert_groups.c.open_key), _locking(alert_groups.c.id)


def join(tx: Tx, wanted: Mapping[Place, tuple[Priority, str]]) -> dict[Place, Group]:
    """Return the open, locked group of every place; one is opened where there was none.

    New ones are inserted before any is locked, and both in one order: transactions that do so never wait for
    each other in a ring.
    """
    places = {f"{service}@{environment}": (service, environment) for service, environment in sorted(wanted)}
    wanted_keys = {"keys": list(places), "many": len(places)}
    while True:
        known = {open_key for (open_key,) in tx.execute(_OPEN, wanted_keys)}
        for open_key in [each for each in places if each not in known]:
            _open(tx, places[open_key], open_key, *wanted[places[open_key]])
        found = _locked(tx, _LOCKED_OPEN, list(places))
        # One that was closed between the two statements has to be opened anew.
        if len(found) == len(places):
            return {(group.service, group.environment): group for group in found}


def _open(tx: Tx, place: Place, open_key: str, priority: Priority, summary: str) -> None:
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
    tx.insert_or_ignore(alert_groups, values, on=["open_key"])


def tell(tx: Tx, items: Sequence[Item], held: Mapping[str, Group] | None = None) -> None:
    """Everything new about the groups' firing rules is one event each; the groups show their most urgent alert.

    `held` are groups that this transaction has locked already, by id.
    """
    by_group: dict[str, list[Item]] = {}
    for item in items:
        by_group.setdefault(item.group_id, []).append(item)
    groups = held if held is not None else hold(tx, by_group)
    changed = [
        values for id in sorted(by_group) if (values := _tell_group(tx, groups[id], by_group[id])) is not None
    ]
    if changed:
        tx.execute(_SHOW, changed)


def _tell_group(tx: Tx, group: Group, items: list[Item]) -> dict[str, Any] | None:
    announced: dict[str, str] = dict(group.announced)
    escalated_to = group.escalated_to
    items.sort(key=_urgency)
    for item in items:
        if item.muted_by is not None:
            if item.rule not in announced or (item.was_loud and announced[item.rule] != SUPPRESSED):
                announced[item.rule] = SUPPRESSED
                tx.emit(item.actor, _suppressed(group, item))
        elif is_news(announced, item.rule, item.priority, is_resend=item.is_resend):
            announced[item.rule] = item.priority
            tx.emit(item.actor, _raised(group, item))
            escalated_to = escalated_to or (item.escalates if item.escalates != "none" else None)
    first = items[0]
    is_worse = first.priority < group.priority
    if not (is_worse or announced != group.announced or escalated_to != group.escalated_to):
        return None
    return {
        "group": group.id,
        "now_announced": announced,
        "now_escalated_to": escalated_to,
        "now_priority": first.priority if is_worse else group.priority,
        "now_summary": first.summary if is_worse else group.summary,
    }


def _urgency(item: Item) -> Priority:
    return item.priority


def _raised(group: Group, item: Item) -> AlertRaised:
    return AlertRaised(
        subject=group.id, service=group.service or None, environment=group.environment or None,
        alert_id=item.alert_id, rule=item.rule, priority=item.priority, summary=item.summary,
        escalates=item.escalates, source=item.source,
    )  # fmt: skip


def _suppressed(group: Group, item: Item) -> AlertSuppressed:
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
    groups = hold(tx, by_group)
    still_open: dict[str, set[str]] = {id: set() for id in by_group}
    for row in tx.rows(
        sa.select(alerts.c.group_id, alerts.c.rule)
        .where(alerts.c.group_id.in_(list(by_group)), alerts.c.dedup_key.isnot(None))
        .distinct()
    ):
        still_open[row.group_id].add(row.rule)
    for id in sorted(by_group):
        _settle_group(tx, groups[id], by_group[id], still_open[id])


def _settle_group(tx: Tx, group: Group, endings: list[Ending], open_rules: set[str]) -> None:
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
        tx.execute(alert_groups.update().where(alert_groups.c.id == group.id).values(values))


def tell_acknowledged(tx: Tx, actor: Actor, many: Mapping[str, int], *, paged_with: str = "") -> None:
    """Each group says that so `many` of its alerts are acknowledged.

    `paged_with` is what the answered page said; a later rise of the group is not acknowledged with it.
    """
    for id, group in sorted(hold(tx, many).items()):
        page = oncall.find_open_escalation(tx, id)
        event = AlertAcknowledged(
            subject=id, service=group.service or None, environment=group.environment or None, by=str(actor),
            alerts=many[id], priority=paged_with or min(group.priority, page.priority if page else group.priority),
        )  # fmt: skip
        tx.emit(actor, event)


def forget_told(tx: Tx, alert_ids: Sequence[str]) -> None:
    """Whatever fires next of the rules of these alerts is told: what they were told for has ended.

    Their groups stay open while one of them fires, and one that nobody ends would hold back all later ones.
    """
    rows = tx.rows(
        sa.select(alerts.c.group_id, alerts.c.rule)
        .join(alert_groups, alert_groups.c.id == alerts.c.group_id)
        .where(alerts.c.id.in_(list(alert_ids)), alert_groups.c.open_key.isnot(None))
        .distinct()
    )
    rules: dict[str, set[str]] = {}
    for row in rows:
        rules.setdefault(row.group_id, set()).add(row.rule)
    for id, group in sorted(hold(tx, rules).items()):
        ended = {rule for rule in rules[id] if group.announced.get(rule, SUPPRESSED) != SUPPRESSED}
        announced = {**group.announced, **dict.fromkeys(sorted(ended), SETTLED)}
        tx.execute(alert_groups.update().where(alert_groups.c.id == id).values(announced=announced))


def hold(tx: Tx, ids: Iterable[str]) -> dict[str, Group]:
    """Return the groups by id, locked until the transaction ends."""
    wanted = list(ids)
    found = {group.id: group for group in _locked(tx, _LOCKED, wanted)}
    assert len(found) == len(wanted), "an alert's group is never removed before it"
    return found


def _locked(tx: Tx, statement: sa.Executable, keys: list[str]) -> list[Group]:
    rows: Iterable[Any] = tx.execute(statement, {"keys": keys, "many": len(keys)})
    return [Group(*row) for row in rows]
