"""Reports become alerts: opened, changed, closed, or nothing at all when nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from staycalm.core.actor import Actor
from staycalm.domains.alerts import queries
from staycalm.domains.alerts.decisions import Action, Known, Report, action_for, rounds
from staycalm.domains.alerts.grouping import service as grouping
from staycalm.domains.alerts.machine import TABLE, AlertState
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting.decisions import Mute, find_mute, muting_labels
from staycalm.domains.alerts.muting.queries import list_mutes
from staycalm.domains.alerts.rows import Alert
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Tx
from staycalm.kit.database.tables import Utc

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """A checked report and who told it."""

    actor: Actor
    report: Report

    @property
    def key(self) -> Key:
        return self.report.service, self.report.dedup_key


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report: the alert it concerns (None: a resolve of something unknown) and the action."""

    alert_id: str | None
    group_id: str | None
    action: Action


def take(tx: Tx, told: Sequence[Told], *, settings: AlertsSettings) -> list[Taken]:
    """Every report is taken in, in order; the answers stand in the order of the reports.

    One key occurs once in a round, so that each round is a handful of statements whatever its size.
    """
    answers: dict[int, Taken] = {}
    for round_ in rounds([(index, one.report) for index, one in enumerate(told)]):
        entries = {index: told[index] for index, _ in round_}
        answers.update(_take_round(tx, entries, settings))
    return [answers[index] for index in range(len(told))]


def _take_round(tx: Tx, entries: dict[int, Told], settings: AlertsSettings) -> dict[int, Taken]:
    open_alerts = queries.open_by_keys(tx, [one.key for one in entries.values()])
    answers: dict[int, Taken] = {}
    sorted_out: dict[Action, dict[int, Told]] = {"open": {}, "change": {}, "close": {}, "nothing": {}}
    for index, one in entries.items():
        known = open_alerts.get(one.key)
        action = action_for(one.report, _known(known))
        sorted_out[action][index] = one
        answers[index] = Taken(known.id if known else None, known.group_id if known else None, action)
    if sorted_out["open"]:
        answers.update(_open(tx, sorted_out["open"], settings))
    if sorted_out["change"]:
        _change(tx, list(sorted_out["change"].values()), open_alerts, settings)
    if sorted_out["close"]:
        _close(tx, list(sorted_out["close"].values()), open_alerts)
    return answers


def _known(alert: Alert | None) -> Known | None:
    if alert is None:
        return None
    return Known(alert.id, alert.state, alert.priority, alert.summary, alert.labels, alert.details)


def _open(tx: Tx, fresh: dict[int, Told], settings: AlertsSettings) -> dict[int, Taken]:
    first_of: dict[grouping.Place, Report] = {}
    for one in sorted(fresh.values(), key=lambda t: t.report.priority):
        first_of.setdefault((one.report.service, one.report.environment), one.report)
    groups = grouping.join(tx, {place: (r.priority, r.summary) for place, r in first_of.items()})
    flaps = queries.recent_flaps(
        tx, [one.key for one in fresh.values()], tx.now - timedelta(seconds=settings.flap_window_s)
    )
    mutes = list_mutes(tx)
    muted = {index: _mute(mutes, one.report, tx) for index, one in fresh.items()}
    rows = [
        _row(tx, one, groups[one.report.service, one.report.environment], muted[index], flaps, settings)
        for index, one in fresh.items()
    ]
    _insert(tx, rows)
    # Another process may have opened the same key meanwhile: the constraint kept one, and that one counts.
    kept = queries.open_by_keys(tx, [one.key for one in fresh.values()])
    mine = {row["id"] for row in rows}
    won = {index: one for index, one in fresh.items() if kept[one.key].id in mine}
    grouping.tell(tx, [_item(one.actor, kept[one.key], muted[index]) for index, one in won.items()])
    lost = [one for index, one in fresh.items() if index not in won]
    if lost:
        _change(tx, lost, kept, settings)
    return {
        index: Taken(kept[one.key].id, kept[one.key].group_id, "open" if index in won else "change")
        for index, one in fresh.items()
    }


def _mute(mutes: Sequence[Mute], report: Report, tx: Tx) -> Mute | None:
    labels = muting_labels(
        service=report.service,
        environment=report.environment,
        rule=report.rule,
        priority=report.priority,
        labels=report.labels,
    )
    return find_mute(mutes, labels, tx.now)


def _row(
    tx: Tx, one: Told, group_id: str, mute: Mute | None, flaps: dict[Key, int], settings: AlertsSettings
) -> dict[str, Any]:
    report = one.report
    state: AlertState = "firing" if mute is None else "suppressed"
    return {
        "id": tx.ids.uuid(),
        "group_id": group_id,
        "dedup_key": report.dedup_key,
        "key": report.dedup_key,
        "service": report.service,
        "environment": report.environment,
        "rule": report.rule,
        "priority": report.priority,
        "summary": report.summary,
        "source": report.source,
        "labels": dict(report.labels),
        "details": dict(report.details),
        "escalates": report.escalates or settings.escalates(report.priority),
        "state": state,
        "suppressed_by": mute.id if mute else None,
        "version": 1,
        "flaps": flaps.get(one.key, -1) + 1,
        "opened_at": tx.now,
        "changed_at": tx.now,
        "due_at": mute.until if mute else None,
    }


def _insert(tx: Tx, rows: list[dict[str, Any]]) -> None:
    insert = postgresql.insert(alerts) if tx.dialect == "postgresql" else sqlite.insert(alerts)
    tx.execute(insert.on_conflict_do_nothing(index_elements=["service", "dedup_key"]), rows)


def _item(actor: Actor, alert: Alert, mute: Mute | None) -> grouping.Item:
    return grouping.Item(
        actor, alert.id, alert.group_id, alert.rule, alert.priority, alert.summary, alert.escalates, alert.source,
        muted_by=mute.id if mute else None, mute_reason=mute.reason if mute else "",
    )  # fmt: skip


def _change(tx: Tx, told: Sequence[Told], known: dict[Key, Alert], settings: AlertsSettings) -> None:
    values = [
        {
            "alert_id": known[one.key].id,
            "new_priority": one.report.priority,
            "new_summary": one.report.summary,
            "new_labels": dict(one.report.labels),
            "new_details": dict(one.report.details),
            "new_escalates": one.report.escalates or settings.escalates(one.report.priority),
        }
        for one in told
    ]
    tx.execute(
        alerts.update()
        .where(alerts.c.id == sa.bindparam("alert_id"), alerts.c.dedup_key.isnot(None))
        .values(
            priority=sa.bindparam("new_priority"),
            summary=sa.bindparam("new_summary"),
            labels=sa.bindparam("new_labels"),
            details=sa.bindparam("new_details"),
            escalates=sa.bindparam("new_escalates"),
            # With other labels or another priority it may be muted by something else, or by nothing.
            due_at=sa.case((alerts.c.state == "suppressed", sa.literal(tx.now, Utc())), else_=alerts.c.due_at),
            changed_at=tx.now,
            version=alerts.c.version + 1,
        ),
        values,
    )
    changed = queries.open_by_keys(tx, [one.key for one in told])
    by_key = {one.key: one.actor for one in told}
    loud = [(by_key[key], alert) for key, alert in changed.items() if alert.state != "suppressed"]
    grouping.tell(tx, [_item(actor, alert, None) for actor, alert in loud])


def _close(tx: Tx, told: Sequence[Told], known: dict[Key, Alert]) -> None:
    reasons = {known[one.key].id: (one.actor, one.report.reason or "the source says so") for one in told}
    close(tx, [known[one.key] for one in told], reasons)


def close(tx: Tx, closing: Sequence[Alert], reasons: dict[str, tuple[Actor, str]]) -> None:
    """The alerts are resolved, whatever else was on its way: a resolve beats every open state."""
    assert all((alert.state, "resolve") in TABLE for alert in closing)
    tx.execute(
        alerts.update()
        .where(alerts.c.id == sa.bindparam("alert_id"), alerts.c.dedup_key.isnot(None))
        .values(
            state="resolved",
            dedup_key=None,
            due_at=None,
            suppressed_by=None,
            resolved_at=tx.now,
            changed_at=tx.now,
            version=alerts.c.version + 1,
        ),
        [{"alert_id": alert.id} for alert in closing],
    )
    grouping.settle(
        tx, [grouping.Ending(reasons[a.id][0], a.id, a.group_id, a.rule, reasons[a.id][1]) for a in closing]
    )
