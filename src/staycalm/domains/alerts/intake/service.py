"""Reports become alerts: opened, changed, closed, or nothing at all when nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from staycalm.core.actor import Actor
from staycalm.domains.alerts.decisions import Action, Report, action_for, rounds
from staycalm.domains.alerts.grouping import service as grouping
from staycalm.domains.alerts.intake.queries import Key, OpenAlert, open_by_keys, recent_flaps
from staycalm.domains.alerts.intake.writes import Row, change_alerts, close_alerts, insert_alerts
from staycalm.domains.alerts.machine import TABLE, AlertState
from staycalm.domains.alerts.muting.decisions import Mute, find_mute, muting_labels
from staycalm.domains.alerts.muting.queries import list_mutes
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Tx


class Closing(Protocol):
    """An alert that is about to be closed."""

    @property
    def id(self) -> str: ...

    @property
    def group_id(self) -> str: ...

    @property
    def rule(self) -> str: ...

    @property
    def state(self) -> AlertState: ...


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
    known = open_by_keys(tx, [one.key for one in entries.values()])
    answers: dict[int, Taken] = {}
    sorted_out: dict[Action, dict[int, Told]] = {"open": {}, "change": {}, "close": {}, "nothing": {}}
    for index, one in entries.items():
        found = known.get(one.key)
        action = action_for(one.report, found)
        sorted_out[action][index] = one
        answers[index] = Taken(found.id if found else None, found.group_id if found else None, action)
    if sorted_out["open"]:
        answers.update(_open(tx, sorted_out["open"], settings))
    if sorted_out["change"]:
        _change(tx, list(sorted_out["change"].values()), known, settings)
    if sorted_out["close"]:
        _close(tx, list(sorted_out["close"].values()), known)
    return answers


def _open(tx: Tx, fresh: dict[int, Told], settings: AlertsSettings) -> dict[int, Taken]:
    first_of: dict[grouping.Place, Report] = {}
    for one in sorted(fresh.values(), key=lambda t: t.report.priority):
        first_of.setdefault((one.report.service, one.report.environment), one.report)
    groups = grouping.join(tx, {place: (r.priority, r.summary) for place, r in first_of.items()})
    keys = [one.key for one in fresh.values()]
    flaps = recent_flaps(tx, keys, tx.now - timedelta(seconds=settings.flap_window_s))
    mutes = list_mutes(tx)
    muted = {index: _mute(mutes, one.report, tx) for index, one in fresh.items()} if mutes else {}
    rows = {
        index: _row(
            tx, one, groups[one.report.service, one.report.environment].id, muted.get(index),
            flaps.get(one.key, -1) + 1, settings,
        )
        for index, one in fresh.items()
    }  # fmt: skip
    are_all_mine = insert_alerts(tx, list(rows.values())) == len(rows)
    # Another process may have opened the same key meanwhile: the constraint kept one, and that one counts.
    kept = {} if are_all_mine else open_by_keys(tx, keys)
    mine = {
        index: one
        for index, one in fresh.items()
        if are_all_mine or (one.key in kept and kept[one.key].id == rows[index]["id"])
    }
    grouping.tell(
        tx,
        [_item(one.actor, rows[index], muted.get(index)) for index, one in mine.items()],
        {group.id: group for group in groups.values()},
    )
    answers = {index: Taken(rows[index]["id"], rows[index]["group_id"], "open") for index in mine}
    lost = {index: one for index, one in fresh.items() if index not in mine and one.key in kept}
    if lost:
        _change(tx, list(lost.values()), kept, settings)
        answers |= {i: Taken(kept[one.key].id, kept[one.key].group_id, "change") for i, one in lost.items()}
    # And may have closed it again since: then nobody has the key.
    again = {index: one for index, one in fresh.items() if index not in answers}
    return answers | (_open(tx, again, settings) if again else {})


def _mute(mutes: Sequence[Mute], report: Report, tx: Tx) -> Mute | None:
    labels = muting_labels(
        service=report.service,
        environment=report.environment,
        rule=report.rule,
        priority=report.priority,
        labels=report.labels,
    )
    return find_mute(mutes, labels, tx.now)


def _row(tx: Tx, one: Told, group_id: str, mute: Mute | None, flaps: int, settings: AlertsSettings) -> Row:
    report = one.report
    return {
        "id": tx.ids.uuid(),
        "group_id": group_id,
        "dedup_key": report.dedup_key,
        "service": report.service,
        "environment": report.environment,
        "rule": report.rule,
        "priority": report.priority,
        "summary": report.summary,
        "source": report.source,
        "labels": report.labels,
        "details": report.details,
        "escalates": report.escalates or settings.escalates(report.priority),
        "state": "firing" if mute is None else "suppressed",
        "suppressed_by": mute.id if mute else None,
        "flaps": flaps,
        "due_at": mute.until if mute else None,
    }


def _item(actor: Actor, row: Row, mute: Mute | None) -> grouping.Item:
    return grouping.Item(
        actor, row["id"], row["group_id"], row["rule"], row["priority"], row["summary"], row["escalates"],
        row["source"], muted_by=mute.id if mute else None, mute_reason=mute.reason if mute else "",
    )  # fmt: skip


def _change(tx: Tx, told: Sequence[Told], known: dict[Key, OpenAlert], settings: AlertsSettings) -> None:
    rows: list[Row] = [
        {
            "alert_id": known[one.key].id,
            "new_priority": one.report.priority,
            "new_summary": one.report.summary,
            "new_labels": one.report.labels,
            "new_details": one.report.details,
            "new_escalates": one.report.escalates or settings.escalates(one.report.priority),
        }
        for one in told
    ]
    was = {key: alert.priority for key, alert in known.items()}
    changed = change_alerts(tx, rows)
    if changed != len(rows) or tx.dialect == "postgresql":
        # Another process may have closed, muted or freed some of them meanwhile.
        known = open_by_keys(tx, [one.key for one in told])
    loud = [
        grouping.Item(
            one.actor, alert.id, alert.group_id, alert.rule, one.report.priority, one.report.summary,
            row["new_escalates"], alert.source, is_resend=was[one.key] <= one.report.priority,
        )
        for one, row in zip(told, rows, strict=True)
        if (alert := known.get(one.key)) is not None and alert.state != "suppressed"
    ]  # fmt: skip
    grouping.tell(tx, loud)


def _close(tx: Tx, told: Sequence[Told], known: dict[Key, OpenAlert]) -> None:
    reasons = {known[one.key].id: (one.actor, one.report.reason or "the source says so") for one in told}
    close(tx, [known[one.key] for one in told], reasons)


def close(tx: Tx, closing: Sequence[Closing], reasons: dict[str, tuple[Actor, str]]) -> None:
    """The alerts are resolved, whatever else was on its way: a resolve beats every open state."""
    assert all((alert.state, "resolve") in TABLE for alert in closing)
    close_alerts(tx, [alert.id for alert in closing])
    grouping.settle(
        tx, [grouping.Ending(reasons[a.id][0], a.id, a.group_id, a.rule, reasons[a.id][1]) for a in closing]
    )
