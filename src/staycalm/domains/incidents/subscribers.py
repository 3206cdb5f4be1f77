"""What incidents do when others tell of something. Each is idempotent: a cause belongs to one incident."""

from __future__ import annotations

from datetime import timedelta

from staycalm.core.actor import SYSTEM
from staycalm.core.events import Recorded
from staycalm.core.placement import Placement
from staycalm.core.priority import parse_priority
from staycalm.core.text import one_line
from staycalm.domains.alerts.events import AlertRaised, AlertResolved
from staycalm.domains.alerts.public import find_standing
from staycalm.domains.deployments.events import DeploymentRolledBack, RollbackFailed
from staycalm.domains.incidents.causes.queries import NewCause, find_known, open_alert_causes
from staycalm.domains.incidents.causes.service import Declared, end_cause, end_impact, join_or_open
from staycalm.domains.incidents.decisions import headline, impact_began_at, least_urgent, pages, rollback_priority
from staycalm.domains.incidents.queries import find_open_for, get_incident
from staycalm.domains.incidents.service import add_note, take
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.events import PageAcknowledged
from staycalm.kit.database import Tx

VERIFY = "verify it, then mark the incident as mitigated or resolved"


def declare_for_rollback(tx: Tx, recorded: Recorded[DeploymentRolledBack], *, settings: IncidentsSettings) -> None:
    """An automatic rollback has an incident; one by hand joins the open incident of its placement, if any."""
    event = recorded.event
    placement = _placement(event.service, event.environment)
    nearby = find_open_for(tx, placement) if placement is not None else None
    priority = rollback_priority(stable_is_healthy=event.stable_is_healthy, override=settings.rollback_priority)
    if not event.is_automatic:
        if nearby is None:
            return
        priority = nearby.priority
    took_s = event.rollback_took_s or 0.0
    declared = join_or_open(
        tx,
        SYSTEM,
        _rollback_cause(recorded, f"{event.service} rolled back: {headline(event.reason)}"),
        priority=priority,
        service=event.service,
        environment=event.environment,
        impact_started_at=impact_began_at(
            recorded.at, detected_after_s=event.detected_after_s, rollback_took_s=event.rollback_took_s
        ),
        detected_at=recorded.at - timedelta(seconds=took_s),
        rollback_window_s=settings.rollback_window_s,
    )
    incident = declared.incident
    if event.stable_is_healthy and incident.is_open:
        note = f"Stable serves all traffic of {placement} and is healthy: {VERIFY}."
        if add_note(tx, SYSTEM, incident.id, note, key=f"rollback/{recorded.seq}"):
            end_impact(tx, incident, recorded.at)
    if declared.is_new and not pages(incident.priority):
        _tell(tx, declared)


def declare_for_failed_rollback(
    tx: Tx, recorded: Recorded[RollbackFailed], *, settings: IncidentsSettings
) -> None:
    """A rollback that cannot be done is an incident of P1: users stay with what was to be taken back."""
    event = recorded.event
    if not event.is_final:
        return
    join_or_open(
        tx,
        SYSTEM,
        NewCause(
            f"rollback-failed/{event.subject}",
            "rollback-failed",
            event.subject,
            f"{event.service}: the rollback failed: {headline(event.reason)}",
            recorded.at,
            can_come_back=True,
        ),
        priority="P1",
        service=event.service,
        environment=event.environment,
        detected_at=recorded.at,
        rollback_window_s=settings.rollback_window_s,
    )


def declare_for_alert(tx: Tx, recorded: Recorded[AlertRaised], *, settings: IncidentsSettings) -> None:
    """An alert that asks for an incident has one; one that pages nobody joins the open incident of its placement.

    An alert whose group is paged by itself stays out, so that one sign does not page twice. So does one that is
    over or muted by now: another server may have handled its end before.
    """
    event = recorded.event
    standing = find_standing(tx, event.subject, event.rule, event.alert_id)
    if standing is None:
        return
    priority = parse_priority(event.priority)
    if event.escalates != "incident":
        placement = _placement(event.service, event.environment)
        nearby = find_open_for(tx, placement) if placement is not None else None
        if event.escalates != "none" or nearby is None:
            return
        priority = least_urgent(priority, nearby.priority)
    summary = one_line(event.summary or event.rule)
    join_or_open(
        tx,
        SYSTEM,
        NewCause(f"alert/{standing}", "alert", event.subject, summary, recorded.at, can_come_back=True),
        priority=priority,
        service=event.service,
        environment=event.environment,
        detected_at=recorded.at,
        rollback_window_s=settings.rollback_window_s,
    )


def note_resolved_alert(tx: Tx, recorded: Recorded[AlertResolved]) -> None:
    """The alert's part of the incident has ended; when no alert of it fires any more, a note suggests the end."""
    cause = f"alert/{recorded.event.alert_id}"
    known = find_known(tx, cause)
    if known is None or not end_cause(tx, cause, recorded.at):
        return
    if known.near.is_open and open_alert_causes(tx, known.near.incident) == 0:
        note = f"No alert of this incident fires any more: {VERIFY}."
        add_note(tx, SYSTEM, known.near.incident, note, key=f"quiet/{recorded.seq}")


def take_for_page(tx: Tx, recorded: Recorded[PageAcknowledged]) -> None:
    """Whoever acknowledged the page of an incident has the incident."""
    event = recorded.event
    if not event.subject.startswith("INC-"):
        return
    incident = get_incident(tx, event.subject)
    if incident.is_open:
        take(tx, recorded.actor, incident, by=event.person)


def _rollback_cause(recorded: Recorded[DeploymentRolledBack], summary: str) -> NewCause:
    subject = recorded.event.subject
    # A deployment can be rolled back again after it was promoted again: the log's place tells them apart.
    return NewCause(f"rollback/{subject}/{recorded.seq}", "rollback", subject, one_line(summary), recorded.at)


def _tell(tx: Tx, declared: Declared) -> None:
    """Who is on call hears of an incident that pages nobody (SOP §3.2 "Alert on-call engineer")."""
    incident = declared.incident
    oncall.notify(
        tx,
        subject=incident.id,
        title=incident.title,
        key=f"{incident.id} declared",
        priority=incident.priority,
        service=incident.service,
        environment=incident.environment,
        url_path=incident.url_path,
    )


def _placement(service: str | None, environment: str | None) -> Placement | None:
    return Placement(service, environment) if service and environment else None
