"""All writes of the response to an incident: acknowledge, roles, priority, notes, mitigate, resolve, reopen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.machine import move
from staycalm.core.priority import Priority
from staycalm.core.text import encodable, one_line
from staycalm.domains.accounts.public import get_person
from staycalm.domains.alerts.public import forget_told
from staycalm.domains.incidents.decisions import is_above, pages, post_mortem_due_at, post_mortem_kind
from staycalm.domains.incidents.events import (
    IncidentAcknowledged,
    IncidentClosed,
    IncidentMitigated,
    IncidentReopened,
    IncidentResolved,
    InvestigationResumed,
    NoteAdded,
    PostMortemDrafted,
    PriorityChanged,
    RoleAssigned,
)
from staycalm.domains.incidents.machine import INCIDENT, State
from staycalm.domains.incidents.model import incident_notes, incident_roles, incidents, post_mortems
from staycalm.domains.incidents.postmortem.service import remind
from staycalm.domains.incidents.queries import Incident, causes_of, get_incident
from staycalm.domains.incidents.timeline.words import ROLE_NAMES
from staycalm.domains.oncall import public as oncall
from staycalm.kit.database import Tx

NOTE_LIMIT = 10_000
WORDS_LIMIT = 1000


def about(incident: Incident) -> dict[str, Any]:
    """Return the columns of an event about the incident."""
    return {"subject": incident.id, "service": incident.service, "environment": incident.environment}


def page(tx: Tx, actor: Actor, incident: Incident, *, sign: str = "") -> tuple[str, ...]:
    """Return who is being paged or told for the incident, at its present priority; empty: NOBODY PAGED.

    An escalation that is open goes on, from its first page again when the priority rose. `sign` is what a page
    that starts now tells: what is wrong now, where that is not what the incident was opened for.
    """
    if not pages(incident.priority):
        return ()
    escalation = oncall.raise_priority(tx, actor, incident.id, incident.priority)
    if escalation is None:
        escalation = oncall.start_escalation(
            tx,
            actor,
            subject=incident.id,
            policy=None,
            service=incident.service,
            environment=incident.environment,
            priority=incident.priority,
            title=sign or incident.title,
            url_path=incident.url_path,
        )
    return escalation.people if escalation is not None else ()


def acknowledge(tx: Tx, actor: Actor, name: str, *, via: str = "api") -> Incident:
    """The actor has the incident and nobody else is paged for it. Raises Conflict when it has ended."""
    incident = get_incident(tx, name)
    taken = take(tx, actor, incident, by=actor.id)
    escalation = oncall.find_open_escalation(tx, incident.id)
    if escalation is not None and escalation.state != "acknowledged":
        oncall.acknowledge(tx, actor, incident.id, via=via)
    return taken


def take(tx: Tx, actor: Actor, incident: Incident, *, by: str) -> Incident:
    """`by` has it. Whoever comes second changes nothing. Raises Conflict when it has ended."""
    if incident.is_open and incident.state != "triage":
        return incident
    taken = _move(tx, incident, "acknowledge")
    tx.emit(actor, IncidentAcknowledged(**about(incident), by=by))
    return taken


def assign_role(tx: Tx, actor: Actor, name: str, *, role: str, person: str | None) -> Incident:
    """`person` holds the role from now on, None: nobody does. Raises Invalid, NotFound, Conflict."""
    incident = _open(tx, name, "assign a role in")
    if role not in ROLE_NAMES:
        raise Invalid("bad-role", f"{role[:40]!r} is no role", next_step=f"Use one of: {', '.join(ROLE_NAMES)}.")
    if person is not None and not get_person(tx, person).is_active:
        raise Invalid("inactive-person", f"{person} has no active account", next_step="Name somebody else.")
    c = incident_roles.c
    is_held = sa.and_(c.incident == incident.id, c.role == role, c.until.is_(None))
    previous = tx.scalar(sa.select(c.person).where(is_held))
    if previous == person:
        return incident
    tx.execute(incident_roles.update().where(is_held).values(until=tx.now))
    if person is not None:
        values = {"id": tx.ids.uuid(), "incident": incident.id, "role": role, "person": person, "since": tx.now}
        tx.execute(incident_roles.insert().values(values))
    tx.emit(actor, RoleAssigned(**about(incident), role=role, person=person, previous=previous))
    return incident


def change_priority(
    tx: Tx, actor: Actor, name: str, priority: Priority, *, reason: str = ""
) -> tuple[Incident, tuple[str, ...]]:
    """The incident has the priority; a rise to P0 or P1 pages, a fall below stops. Returns who is paged."""
    incident = _open(tx, name, "change the priority of")
    if incident.priority == priority:
        return incident, ()
    changed = set_priority(tx, actor, incident, priority, reason=reason)
    if is_above(priority, incident.priority):
        return changed, page(tx, actor, changed)
    if pages(priority):
        oncall.lower_priority(tx, incident.id, priority)
    else:
        oncall.stop_escalation(tx, actor, incident.id, f"{incident.id} is {priority} now")
    return changed, ()


def set_priority(tx: Tx, actor: Actor, incident: Incident, priority: Priority, *, reason: str) -> Incident:
    """The incident has the priority; nobody is paged by this alone."""
    _update(tx, incident, {"priority": priority})
    event = PriorityChanged(
        **about(incident), priority=priority, previous=incident.priority, reason=one_line(reason, WORDS_LIMIT)
    )
    tx.emit(actor, event)
    return replace(incident, priority=priority)


def add_note(tx: Tx, actor: Actor, name: str, text: str, *, key: str | None = None) -> bool:
    """The note is in the timeline; returns False when one with the same `key` was there. Raises Invalid."""
    incident = get_incident(tx, name)
    text = encodable(text).replace("\x00", "").strip()
    if not text or len(text) > NOTE_LIMIT:
        raise Invalid("bad-note", f"a note has 1 to {NOTE_LIMIT} characters", next_step="Shorten it, or split it.")
    note = tx.ids.uuid()
    values = {
        "id": note,
        "incident": incident.id,
        "key": key or note,
        "at": tx.now,
        "by": str(actor),
        "text": text,
    }
    if not tx.insert_or_ignore(incident_notes, values, on=["incident", "key"]):
        return False
    tx.emit(actor, NoteAdded(**about(incident), note=note, text=text))
    return True


def mitigate(tx: Tx, actor: Actor, name: str, *, how: str = "") -> Incident:
    """Users are served again; it remains to be verified. An end of the impact known before is kept."""
    incident = get_incident(tx, name)
    mitigated = _move(tx, incident, "mitigate", impact_ended_at=incident.impact_ended_at or tx.now)
    tx.emit(actor, IncidentMitigated(**about(incident), how=one_line(how, WORDS_LIMIT)))
    return mitigated


def resume_investigation(tx: Tx, actor: Actor, name: str, *, reason: str = "") -> Incident:
    """The mitigation did not hold: users suffer again, or still."""
    incident = _move(tx, get_incident(tx, name), "investigate", impact_ended_at=None)
    tx.emit(actor, InvestigationResumed(**about(incident), reason=one_line(reason, WORDS_LIMIT)))
    return incident


def resolve(tx: Tx, actor: Actor, name: str, *, summary: str = "", post_mortem_within_s: float) -> Incident:
    """The incident is over: nobody is paged for it any more, and its post-mortem is due."""
    incident = get_incident(tx, name)
    ended_at = incident.impact_ended_at or tx.now
    resolved = _move(tx, incident, "resolve", resolved_at=tx.now, impact_ended_at=ended_at, open_placement=None)
    tx.emit(actor, IncidentResolved(**about(incident), summary=one_line(summary, WORDS_LIMIT)))
    oncall.stop_escalation(tx, actor, incident.id, f"{incident.id} is resolved")
    signs = (each.cause.partition("/")[2] for each in causes_of(tx, incident.id) if each.kind == "alert")
    forget_told(tx, list(signs))
    _draft_post_mortem(tx, resolved, post_mortem_within_s)
    return resolved


def reopen(tx: Tx, actor: Actor, name: str, *, reason: str = "") -> tuple[Incident, tuple[str, ...]]:
    """The same incident goes on; P0 and P1 page as anew, for nobody has it. Returns who is paged."""
    reopened = reopen_quietly(tx, actor, get_incident(tx, name), reason=reason)
    return reopened, page(tx, actor, reopened)


def reopen_quietly(tx: Tx, actor: Actor, incident: Incident, *, reason: str) -> Incident:
    """The same incident goes on; new signs on its placement join it unless another is open there."""
    reopened = _move(tx, incident, "reopen", resolved_at=None, impact_ended_at=None)
    if incident.placement is not None:
        try:
            with tx.savepoint():
                _update(tx, reopened, {"open_placement": str(incident.placement)})
        except sa.exc.IntegrityError:
            pass  # the other open incident keeps the placement's new signs
    tx.emit(actor, IncidentReopened(**about(incident), reason=one_line(reason, WORDS_LIMIT)))
    return reopened


def close(tx: Tx, actor: Actor, name: str) -> Incident:
    """Everything that follows the incident is done."""
    incident = _move(tx, get_incident(tx, name), "close")
    tx.emit(actor, IncidentClosed(**about(incident)))
    return incident


def _draft_post_mortem(tx: Tx, incident: Incident, within_s: float) -> None:
    had_rollback = any(cause.kind == "rollback" for cause in causes_of(tx, incident.id))
    kind = post_mortem_kind(incident.priority, had_rollback=had_rollback)
    if kind is None:
        return
    due_at = post_mortem_due_at(tx.now, within_s=within_s)
    values = {"incident": incident.id, "kind": kind, "drafted_at": tx.now, "due_at": due_at}
    tx.upsert(post_mortems, values, on=["incident"])
    remind(tx, incident.id, due_at)
    tx.emit(SYSTEM, PostMortemDrafted(**about(incident), kind=kind, due_at=due_at.isoformat()))


def _open(tx: Tx, name: str, what: str) -> Incident:
    incident = get_incident(tx, name)
    if not incident.is_open:
        raise Conflict(
            "wrong-state", f"cannot {what} {incident.id}: it is {incident.state}", next_step="Reopen it first."
        )
    return incident


def _move(tx: Tx, incident: Incident, verb: str, **values: Any) -> Incident:
    """Return the incident after `verb`; the row count of the guarded update decides who was first."""
    state = cast(State, move(INCIDENT, incident.state, verb, what=incident.id))
    _update(tx, incident, {"state": state, **values})
    values.pop("open_placement", None)
    return replace(incident, state=state, **values)


def _update(tx: Tx, incident: Incident, values: dict[str, Any]) -> None:
    c = incidents.c
    is_as_seen = sa.and_(c.id == incident.id, c.state == incident.state, c.priority == incident.priority)
    if tx.guarded_update(incidents.update().where(is_as_seen).values(values)) != 1:
        raise Conflict("busy", f"{incident.id} is changing at this instant", next_step="Try again.")
