"""All reads of one group's page: its members, its history, who was paged for it, and where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.alerts import queries
from staycalm.domains.alerts.muting.decisions import Mute
from staycalm.domains.alerts.muting.queries import find_mutes
from staycalm.domains.alerts.rows import Alert, AlertGroup
from staycalm.domains.catalog import public as catalog
from staycalm.domains.oncall import public as oncall
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

HISTORY = 200
NEAR_S = 3600.0
_WORDS = {
    "alerts.raised": "{rule} began to fire ({priority}): {summary}",
    "alerts.acknowledged": "{by} acknowledged {alerts}",
    "alerts.handed_back": "{by} handed {alerts} back: they fire again",
    "alerts.suppressed": "{rule} muted by {by}: {reason}",
    "alerts.resolved": "{rule} resolved: {reason}",
    "oncall.escalation_started": "Escalation started, policy {policy}",
    "oncall.step_reached": "Step {step}: {people} {urgency}",
    "oncall.step_skipped": "Step {step} skipped: {reason}",
    "oncall.page_acknowledged": "{person} acknowledged by {via}",
    "oncall.notification_sent": "Message to {person} delivered by {channel}",
    "oncall.notification_failed": "Message to {person} by {channel} failed: {reason}",
    "oncall.nobody_paged": "NOBODY PAGED: {reason}",
    "oncall.paged_again": "Paged again from the first step: {reason}",
    "oncall.escalation_exhausted": "Nobody is left to page: {reason}",
    "oncall.escalation_stopped": "Paging stopped: {reason}",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a group's history. `kind`: paging, response."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """Something that happened on the placement about the time the group opened."""

    at: datetime
    name: str
    subject: str


@dataclass(frozen=True)
class GroupStory:
    """Everything a group's page shows; no part depends on who looks. `is_cut`: it has older members, too."""

    group: AlertGroup
    alerts: tuple[Alert, ...]
    is_cut: bool
    history: tuple[Line, ...]
    pages: tuple[oncall.Delivery, ...]
    escalation: oncall.Escalation | None
    mutes: Mapping[str, Mute]
    incident: str | None
    deployments: tuple[Near, ...]
    team: str | None
    runbook_url: str | None

    @property
    def has_firing(self) -> bool:
        return any(alert.state == "firing" for alert in self.alerts)

    @property
    def state(self) -> str:
        if not self.group.is_open:
            return "resolved"
        states = {alert.state for alert in self.alerts}
        return next((s for s in ("firing", "acknowledged", "suppressed") if s in states), "firing")


def of_group(tx: ReadTx, id: str) -> GroupStory:
    """Return the group with everything about it; raises NotFound."""
    group = queries.get_group(tx, id)
    members = queries.alerts_of_group(tx, group.id, limit=101)
    shown = members[:100]
    service = catalog.find_service(tx, group.service) if group.service else None
    return GroupStory(
        group=group,
        alerts=shown,
        is_cut=len(members) > len(shown),
        history=_history(tx, group.id),
        pages=oncall.pages_for(tx, group.id),
        escalation=oncall.find_open_escalation(tx, group.id),
        mutes=find_mutes(tx, sorted({alert.suppressed_by for alert in shown if alert.suppressed_by})),
        incident=_incident_of(tx, group.id),
        deployments=_deployments_near(tx, group),
        team=service.team if service else None,
        runbook_url=_runbook(shown) or (service.runbook_url if service else None),
    )


def _history(tx: ReadTx, id: str) -> tuple[Line, ...]:
    newest = tx.rows(log.SELECT.where(events.c.subject == id).order_by(events.c.seq.desc()).limit(HISTORY))
    return tuple(_line(log.entry(row)) for row in newest)


def _line(entry: LogEntry) -> Line:
    form = _WORDS.get(entry.name, entry.name.rpartition(".")[2].replace("_", " ").capitalize())
    words: dict[str, Any] = {**entry.body}
    if isinstance(words.get("people"), list):
        words["people"] = ", ".join(str(each) for each in words["people"]) or "nobody"
    if isinstance(words.get("alerts"), int):
        words["alerts"] = f"{words['alerts']} alert{'s' if words['alerts'] != 1 else ''}"
    if "urgency" in words:
        words["urgency"] = "paged" if words["urgency"] == "page" else "told"
    text = form.format_map(_Said(words))
    return Line(
        entry.at, "paging" if entry.name.startswith("oncall.") else "response", " ".join(text.split())[:600]
    )


class _Said(dict[str, Any]):
    """An older event may lack a word."""

    def __missing__(self, key: str) -> str:
        return "?"


def _incident_of(tx: ReadTx, id: str) -> str | None:
    """Return the incident this group is a cause of, as the event log tells it."""
    e = events.c
    told = sa.select(e.subject).where(
        e.name.in_(("incidents.declared", "incidents.cause_attached")), e.body["cause_subject"].as_string() == id
    )
    opened = tx.scalar(sa.select(e.seq).where(e.subject == id).order_by(e.seq).limit(1))
    if opened is None:
        return None
    found: str | None = tx.scalar(told.where(e.seq > opened).order_by(e.seq).limit(1))
    return found


def _deployments_near(tx: ReadTx, group: AlertGroup) -> tuple[Near, ...]:
    """Return the deployments of the placement in the hour before the group opened, and while it is open."""
    if not group.service or not group.environment:
        return ()
    e = events.c
    statement = (
        sa.select(e.at, e.name, e.subject)
        .where(
            e.name.in_(("deployments.requested", "deployments.rolled_back", "deployments.completed")),
            e.service == group.service,
            e.environment == group.environment,
            e.at >= group.opened_at - timedelta(seconds=NEAR_S),
            e.at <= (group.resolved_at or tx.now),
        )
        .order_by(e.seq.desc())
        .limit(10)
    )
    return tuple(
        Near(row.at, row.name.rpartition(".")[2].replace("_", " "), row.subject) for row in tx.rows(statement)
    )


def _runbook(alerts: Sequence[Alert]) -> str | None:
    for alert in alerts:
        url = alert.labels.get("runbook_url") or str(alert.details.get("runbook_url") or "")
        if url.startswith(("https://", "http://")):
            return url
    return None
