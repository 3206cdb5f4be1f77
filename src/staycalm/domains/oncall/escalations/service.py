"""Writes of escalations: start, step, acknowledge, page again, stop. Each is one guarded update of one row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict
from staycalm.core.machine import move
from staycalm.core.priority import Priority, is_at_least
from staycalm.domains.oncall.escalations import announce, queries
from staycalm.domains.oncall.escalations.decisions import (
    Position,
    freeze,
    pages_only,
    step_key,
    steps_as_json,
    take_step,
)
from staycalm.domains.oncall.escalations.machine import ESCALATION
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.events import (
    EscalationStarted,
    EscalationStopped,
    NobodyPaged,
    PageAcknowledged,
    PagedAgain,
)
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.queries import states_of_step
from staycalm.domains.oncall.policies.decisions import Policy, check_pages
from staycalm.domains.oncall.policies.queries import Timing, policies_for, timing_by_priority
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import Tx

TRIES = 5
MOST_OPEN = 1000


def start_escalation(
    tx: Tx,
    actor: Actor,
    *,
    subject: str,
    policy: str | None,
    service: str | None,
    environment: str | None,
    priority: Priority,
    title: str,
    url_path: str,
) -> Escalation | None:
    """The first step is taken and its messages are queued; None: nobody can be paged, and the log says so.

    Tried in order: `policy`, the service's, the organisation's default; the first that reaches somebody
    now is frozen. The open escalation of `subject` is returned unchanged. Raises Invalid for P2 and P3.
    """
    existing = queries.find_open(tx, subject)
    if existing is not None:
        return existing
    timing = timing_by_priority(tx)
    check_pages(priority, timing)
    candidates = policies_for(tx, policy, service)
    roster = Roster(tx)
    chosen = next((each for each in candidates if _reaches_somebody(roster, each)), None)
    if chosen is None:
        reason = "no policy reaches anybody just now" if candidates else "no escalation policy is declared"
        nobody = NobodyPaged(
            subject=subject,
            service=service,
            environment=environment,
            priority=priority,
            title=title,
            reason=reason,
        )
        tx.emit(actor, nobody)
        return None
    values: dict[str, Any] = {
        "id": tx.ids.uuid(),
        "subject": subject,
        "open_subject": subject,
        "service": service,
        "environment": environment,
        "priority": priority,
        "title": title,
        "url_path": url_path,
        **_beginning(chosen, timing[priority]),
        "started_at": tx.now,
        "due_at": tx.now,
    }
    if tx.insert_or_ignore(escalations, values, on=["open_subject"]):
        started = queries.get_open(tx, subject)
        event = EscalationStarted(
            **announce.about(started), escalation=started.id, policy=chosen.name, priority=priority, title=title
        )
        tx.emit(actor, event)
        take_due_step(tx, started)
    return queries.get_open(tx, subject)


def take_due_step(tx: Tx, escalation: Escalation) -> bool:
    """The next step that reaches somebody has its pages queued, or the escalation is exhausted.

    Returns False when somebody else was first. Everything is one transaction: a step is taken whole or
    not at all, and the version lets nobody take it twice.
    """
    roster = Roster(tx)
    taken = take_step(
        escalation.steps,
        escalation.rounds,
        Position(escalation.round, escalation.next_index),
        roster.reachable,
    )
    step = taken.step
    values: dict[str, Any] = {"round": taken.next.round, "next_index": taken.next.index}
    if step is None:
        values |= {"state": move(ESCALATION, escalation.state, "exhaust"), "due_at": None, "current_step": None}
    else:
        values |= {
            "due_at": tx.now + timedelta(seconds=step.wait_s),
            "current_step": step_key(escalation.generation, taken.round, step),
            "people": list(dict.fromkeys((*escalation.people, *taken.people))),
        }
    if not _update(tx, escalation, values):
        return False
    for skipped in taken.skipped:
        announce.tell_skipped(tx, escalation, skipped, taken.round, roster)
    if step is None:
        announce.tell_exhausted(tx, escalation)
    else:
        announce.page(tx, escalation, step, taken, roster)
    return True


def acknowledge(tx: Tx, actor: Actor, subject: str, *, via: str = "api", person: str | None = None) -> Escalation:
    """`person` (default the actor) has it and nobody else is paged; acknowledging again changes nothing.

    Raises NotFound when nobody is being paged for the subject.
    """
    found = queries.get_open(tx, subject)
    if found.state == "acknowledged":
        return found
    found = _change(tx, found, "acknowledge", lambda e: {"due_at": _end_of_acknowledgement(tx, e)})
    notifications.cancel_of_escalation(tx, found.id)
    tx.emit(
        actor,
        PageAcknowledged(
            **announce.about(found),
            escalation=found.id,
            person=person or actor.id,
            via=via,
            priority=found.priority,
        ),
    )
    return queries.get_open(tx, subject)


def stop_escalation(tx: Tx, actor: Actor, subject: str, reason: str) -> bool:
    """Nobody is paged for the subject any more; returns whether there was something to stop."""
    found = queries.find_open(tx, subject)
    if found is None:
        return False
    found = _change(tx, found, "stop", lambda _: {"due_at": None, "open_subject": None})
    notifications.cancel_of_escalation(tx, found.id)
    tx.emit(actor, EscalationStopped(**announce.about(found), escalation=found.id, reason=reason))
    return True


def raise_priority(tx: Tx, actor: Actor, subject: str, priority: Priority) -> Escalation | None:
    """The subject pages again from the first page when `priority` is higher than before; else nothing changes.

    None: no escalation is open, so the caller starts one.
    """
    found = queries.find_open(tx, subject)
    if found is None or found.priority == priority or not is_at_least(priority, found.priority):
        return found
    timing = timing_by_priority(tx)
    if priority not in timing:
        return found
    more = {"priority": priority, "acknowledgement_timeout_s": timing[priority].acknowledgement_timeout_s}
    return _begin_again(tx, actor, found, f"raised from {found.priority} to {priority}", more)


def lower_priority(tx: Tx, subject: str, priority: Priority) -> None:
    """Pages to come say the lower `priority`, and a rise above it pages anew; whose turn it is stays.

    It has no event of its own: that of the subject, whose priority it follows, is written with it.
    """
    found = queries.find_open(tx, subject)
    for _ in range(TRIES):
        if found is None or found.priority == priority or is_at_least(priority, found.priority):
            return
        if _update(tx, found, {"priority": priority}):
            return
        found = queries.find_open(tx, subject)
    raise _busy(subject)


def page_again(tx: Tx, actor: Actor, subject: str, *, reason: str) -> Escalation:
    """The steps run from the first page on again; raises NotFound when no escalation is open."""
    return _begin_again(tx, actor, queries.get_open(tx, subject), reason, {})


def wait_no_longer(tx: Tx) -> None:
    """No step or acknowledgement lasts longer from now than it was given: the clock has been set back."""
    for found in queries.list_open(tx, limit=MOST_OPEN):
        latest = tx.now + timedelta(seconds=_lasts_s(found))
        if found.due_at is not None and found.due_at > latest:
            _update(tx, found, {"due_at": latest})


def hurry(tx: Tx, escalation: str, step: str) -> None:
    """The next step is due now when every message of the present one has failed for good: waiting helps nobody."""
    found = queries.find_escalation(tx, escalation)
    if found is None or found.state != "escalating" or found.current_step != step:
        return
    states = states_of_step(tx, escalation, step)
    if states and all(state in ("failed", "cancelled") for state in states):
        _update(tx, found, {"due_at": tx.now})


def _beginning(policy: Policy, timing: Timing) -> dict[str, Any]:
    """Return the columns that the policy decides: its steps as they are now, at the first of them."""
    return {
        "policy": policy.name,
        "steps": steps_as_json(freeze(policy, timing.page_after_s)),
        "rounds": policy.rounds,
        "acknowledgement_timeout_s": timing.acknowledgement_timeout_s,
        "state": "escalating",
        "generation": 0,
        "round": 0,
        "next_index": 0,
        "people": [],
        "version": 0,
    }


def _begin_again(tx: Tx, actor: Actor, found: Escalation, reason: str, more: dict[str, Any]) -> Escalation:
    found = _change(
        tx,
        found,
        "page_again",
        lambda e: {
            "steps": steps_as_json(pages_only(e.steps)),
            "generation": e.generation + 1,
            "round": 0,
            "next_index": 0,
            "people": [],
            "current_step": None,
            "due_at": tx.now,
            **more,
        },
    )
    notifications.cancel_of_escalation(tx, found.id)
    current = queries.get_open(tx, found.subject)
    tx.emit(
        actor,
        PagedAgain(**announce.about(current), escalation=current.id, priority=current.priority, reason=reason),
    )
    take_due_step(tx, current)
    return queries.get_open(tx, found.subject)


def _reaches_somebody(roster: Roster, policy: Policy) -> bool:
    return any(roster.reachable(step.targets) for step in policy.steps)


def _change(tx: Tx, found: Escalation, verb: str, values: Callable[[Escalation], dict[str, Any]]) -> Escalation:
    """Return the escalation as it was before `verb`; a step taken at the same instant is looked at again."""
    for _ in range(TRIES):
        state = move(ESCALATION, found.state, verb, what=f"the page for {found.subject}")
        if _update(tx, found, {"state": state, **values(found)}):
            return found
        found = queries.get_open(tx, found.subject)
    raise _busy(found.subject)


def _busy(subject: str) -> Conflict:
    return Conflict("busy", f"the page for {subject} is changing", next_step="Try again.")


def _lasts_s(escalation: Escalation) -> float:
    """Return for how many seconds what it waits for just now was given."""
    if escalation.state == "acknowledged":
        return escalation.acknowledgement_timeout_s
    number = (escalation.current_step or "").rpartition(".")[2]
    return next((step.wait_s for step in escalation.steps if str(step.number) == number), 0.0)


def _end_of_acknowledgement(tx: Tx, escalation: Escalation) -> datetime | None:
    timeout_s = escalation.acknowledgement_timeout_s
    return tx.now + timedelta(seconds=timeout_s) if timeout_s > 0 else None


def _update(tx: Tx, escalation: Escalation, values: dict[str, Any]) -> bool:
    statement = escalations.update().where(
        escalations.c.id == escalation.id, escalations.c.version == escalation.version
    )
    return tx.guarded_update(statement.values(version=escalation.version + 1, **values)) == 1
