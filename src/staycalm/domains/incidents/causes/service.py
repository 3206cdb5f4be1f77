"""Declaring: a cause opens an incident or joins one, and who has to know is paged in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.placement import Placement
from staycalm.core.priority import Priority
from staycalm.core.text import one_line
from staycalm.domains.catalog.public import get_environment, get_service
from staycalm.domains.incidents.causes.queries import NewCause, find_known, find_nearby
from staycalm.domains.incidents.decisions import Decision, attach_or_open, pages
from staycalm.domains.incidents.events import CauseAttached, IncidentDeclared
from staycalm.domains.incidents.model import incident_causes, incidents
from staycalm.domains.incidents.queries import Incident, get_incident
from staycalm.domains.incidents.service import about, page, reopen_quietly, set_priority
from staycalm.domains.oncall import public as oncall
from staycalm.kit.database import Tx

TITLE_LIMIT = 200
TRIES = 3


@dataclass(frozen=True, slots=True)
class Declared:
    """The incident the cause belongs to now. `is_new`: it was opened by this cause.

    `paged`: who is paged or told by this cause. `nobody_paged`: the incident is open, asks for a page by its
    priority, and nobody is being paged for it: NOBODY PAGED.
    """

    incident: Incident
    is_new: bool
    paged: tuple[str, ...] = ()
    nobody_paged: bool = False


def declare(
    tx: Tx,
    actor: Actor,
    *,
    title: str,
    priority: Priority,
    service: str | None = None,
    environment: str | None = None,
    cause: str | None = None,
) -> Declared:
    """There is an incident for what a person (or another domain) says, and whoever has to know is paged.

    `cause` is `kind/subject`, such as `break-glass/GRT-4`, and makes a repeated call harmless; without one
    every call is another cause. Raises Invalid for a title without text, NotFound for an unknown service.
    """
    title = one_line(title, TITLE_LIMIT)
    if not title:
        raise Invalid("no-title", "an incident needs a title", next_step="Say in a few words what is wrong.")
    if service is not None:
        get_service(tx, service)
    if environment is not None:
        get_environment(tx, environment)
    key = cause or f"hand/{tx.ids.uuid()}"
    kind, _, subject = key.partition("/")
    new = NewCause(key[:200], kind[:20], None if kind == "hand" else subject[:200] or None, title, tx.now)
    return join_or_open(tx, actor, new, priority=priority, service=service, environment=environment)


def join_or_open(
    tx: Tx,
    actor: Actor,
    cause: NewCause,
    *,
    priority: Priority,
    service: str | None,
    environment: str | None,
    impact_started_at: datetime | None = None,
    detected_at: datetime | None = None,
    rollback_window_s: float = 0.0,
) -> Declared:
    """The cause belongs to exactly one incident, however often and by however many this is called at once.

    Two openers at one instant: the unique `open_placement` lets one insert, the other looks again and joins.
    Two that tell of one cause: the other one looks again and finds it known.
    """
    placement = Placement(service, environment) if service and environment else None
    for _ in range(TRIES):
        known = find_known(tx, cause.key)
        decision = attach_or_open(
            priority,
            known=known,
            nearby=find_nearby(tx, placement, rolled_back_since=tx.now - timedelta(seconds=rollback_window_s))
            if placement is not None
            else None,
            now=tx.now,
            rollback_window_s=rollback_window_s,
            told_at=cause.happened_at if cause.can_come_back else None,
        )
        if decision.action == "ignore":
            assert decision.incident is not None
            return _declared(tx, get_incident(tx, decision.incident), is_new=False)
        if decision.action == "attach":
            assert decision.incident is not None
            if known is not None:
                _tell_again(tx, cause, decision.incident, priority)
            elif not _claim(tx, cause, decision.incident, priority):
                continue
            return _join(tx, actor, cause, decision, priority)
        opened = _open(tx, actor, cause, priority, placement, service, environment, impact_started_at, detected_at)
        if opened is not None:
            return _declared(tx, opened, is_new=True, paged=page(tx, actor, opened))
    raise Conflict("busy", "the incidents of this placement are changing", next_step="Try again.")


def _open(
    tx: Tx,
    actor: Actor,
    cause: NewCause,
    priority: Priority,
    placement: Placement | None,
    service: str | None,
    environment: str | None,
    impact_started_at: datetime | None,
    detected_at: datetime | None,
) -> Incident | None:
    """Return the new incident, or None when another one was opened on the placement at this instant."""
    number = tx.next_number("INC")
    incident = Incident(
        id=f"INC-{number}",
        number=number,
        title=one_line(cause.summary, TITLE_LIMIT),
        priority=priority,
        state="triage",
        service=service,
        environment=environment,
        declared_by=str(actor),
        declared_at=tx.now,
        impact_started_at=impact_started_at,
        detected_at=detected_at,
        impact_ended_at=None,
        resolved_at=None,
    )
    values = {name: getattr(incident, name) for name in Incident.__slots__}
    values["open_placement"] = str(placement) if placement is not None else None
    if not tx.insert_or_ignore(incidents, values, on=["open_placement"]):
        return None
    if not _claim(tx, cause, incident.id, priority):
        raise _taken(cause)
    event = IncidentDeclared(
        **about(incident),
        priority=priority,
        title=incident.title,
        cause=cause.key,
        cause_kind=cause.kind,
        cause_subject=cause.subject,
        impact_started_at=impact_started_at.isoformat() if impact_started_at else None,
        detected_at=detected_at.isoformat() if detected_at else None,
    )
    tx.emit(actor, event)
    return incident


def _join(tx: Tx, actor: Actor, cause: NewCause, decision: Decision, priority: Priority) -> Declared:
    assert decision.incident is not None
    incident = get_incident(tx, decision.incident)
    event = CauseAttached(
        **about(incident),
        cause=cause.key,
        cause_kind=cause.kind,
        cause_subject=cause.subject,
        priority=priority,
        summary=one_line(cause.summary, TITLE_LIMIT),
    )
    tx.emit(actor, event)
    reason = one_line(cause.summary, TITLE_LIMIT)
    if decision.does_reopen:
        incident = reopen_quietly(tx, actor, incident, reason=reason)
    if decision.priority != incident.priority:
        incident = set_priority(tx, actor, incident, decision.priority, reason=reason)
    incident = _suffer_on(tx, incident)
    # Nobody was reached when it was declared: every further sign is another chance.
    is_unheard = incident.state == "triage" and oncall.find_open_escalation(tx, incident.id) is None
    paged = page(tx, actor, incident, sign=reason) if decision.does_page or is_unheard else ()
    return _declared(tx, incident, is_new=False, paged=paged)


def _declared(tx: Tx, incident: Incident, *, is_new: bool, paged: tuple[str, ...] = ()) -> Declared:
    needs_page = incident.is_open and pages(incident.priority)
    nobody_paged = needs_page and oncall.find_open_escalation(tx, incident.id) is None
    return Declared(incident, is_new, paged, nobody_paged)


def _suffer_on(tx: Tx, incident: Incident) -> Incident:
    """A new sign means that the impact's end, if one was noted, was not the end."""
    if incident.impact_ended_at is None:
        return incident
    tx.execute(incidents.update().where(incidents.c.id == incident.id).values(impact_ended_at=None))
    return replace(incident, impact_ended_at=None)


def end_impact(tx: Tx, incident: Incident, at: datetime) -> None:
    """Users are served again since `at`, as far as is known."""
    tx.execute(incidents.update().where(incidents.c.id == incident.id).values(impact_ended_at=at))


def end_cause(tx: Tx, cause: str, at: datetime) -> bool:
    """The cause is no more; returns False when it had ended before or is none."""
    c = incident_causes.c
    statement = incident_causes.update().where(c.cause == cause, c.ended_at.is_(None))
    return tx.guarded_update(statement.values(ended_at=at)) == 1


def _claim(tx: Tx, cause: NewCause, incident: str, priority: Priority) -> bool:
    """The new cause belongs to the incident; returns False when it belongs to one already."""
    values = {
        "cause": cause.key,
        "incident": incident,
        "kind": cause.kind,
        "subject": cause.subject,
        "priority": priority,
        "summary": cause.summary,
        "happened_at": cause.happened_at,
        "ended_at": None,
    }
    return tx.insert_or_ignore(incident_causes, values, on=["cause"])


def _tell_again(tx: Tx, cause: NewCause, incident: str, priority: Priority) -> None:
    """The incident's cause is told with the new priority, and fires again."""
    c = incident_causes.c
    statement = incident_causes.update().where(c.cause == cause.key, c.incident == incident)
    if tx.guarded_update(statement.values(priority=priority, ended_at=None)) != 1:
        raise _taken(cause)


def _taken(cause: NewCause) -> Conflict:
    return Conflict("busy", f"{cause.key} joined another incident at this instant", next_step="Try again.")
