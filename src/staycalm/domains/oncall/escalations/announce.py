"""What an escalation says: messages to people, events to the log."""

from __future__ import annotations

from typing import Any

from staycalm.core.actor import SYSTEM
from staycalm.domains.oncall.escalations.before import find_change
from staycalm.domains.oncall.escalations.decisions import FrozenStep, Taken, after, step_key, take_step
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.events import EscalationExhausted, StepReached, StepSkipped
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.messages import Content
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import Tx


def page(tx: Tx, escalation: Escalation, step: FrozenStep, taken: Taken, roster: Roster) -> None:
    """The people of the step have their messages queued, and the log says who is reached."""
    key = step_key(escalation.generation, taken.round, step)
    is_last = taken.round + 1 >= escalation.rounds and taken.next.index >= len(escalation.steps)
    targets = [str(target) for target in step.targets]
    following = take_step(escalation.steps, escalation.rounds, taken.next, roster.reachable)
    change, change_path = find_change(tx, escalation.service, escalation.environment)
    for person in taken.people:
        content = Content(
            subject=escalation.subject,
            title=escalation.title,
            priority=escalation.priority,
            service=escalation.service,
            environment=escalation.environment,
            url_path=escalation.url_path,
            why=f"{_role_of(roster, step, person)} (policy {escalation.policy}, step {step.number or 1})",
            step=step.number,
            act_within_s=step.wait_s,
            is_last=is_last,
            after_you=after(step, following, person) if not is_last else "",
            change=change,
            change_path=change_path,
        )
        notifications.queue(
            tx,
            kind="page" if step.urgency == "page" else "notice",
            person=person,
            content=content,
            step=key,
            state=f"{escalation.id} {escalation.priority}",
            escalation=escalation.id,
            methods=roster.methods_of(person),
        )
    event = StepReached(
        **about(escalation),
        escalation=escalation.id,
        step=step.number,
        round=taken.round,
        urgency=step.urgency,
        targets=targets,
        people=list(taken.people),
        wait_s=step.wait_s,
    )
    tx.emit(SYSTEM, event)


def _role_of(roster: Roster, step: FrozenStep, person: str) -> str:
    target = next((t for t in step.targets if person in roster.people_of(t)), None)
    if target is None or target.kind == "person":
        return "named in the policy"
    return f"{target.role} on call, schedule {target.name}" if target.kind == "schedule" else f"in {target}"


def tell_skipped(tx: Tx, escalation: Escalation, step: FrozenStep, round_: int, roster: Roster) -> None:
    """The log says that the step had nobody, and why."""
    has_anybody = any(roster.people_of(target) for target in step.targets)
    event = StepSkipped(
        **about(escalation),
        escalation=escalation.id,
        step=step.number,
        round=round_,
        targets=[str(target) for target in step.targets],
        reason="nobody there can be reached" if has_anybody else "nobody on call",
    )
    tx.emit(SYSTEM, event)


def tell_exhausted(tx: Tx, escalation: Escalation) -> None:
    """The log says that nobody is left to page."""
    event = EscalationExhausted(
        **about(escalation),
        escalation=escalation.id,
        priority=escalation.priority,
        title=escalation.title,
        reason="nobody answered" if escalation.people else "nobody could be paged",
        people=list(escalation.people),
    )
    tx.emit(SYSTEM, event)


def about(escalation: Escalation) -> dict[str, Any]:
    """Return the indexed fields of every event of this escalation."""
    return {
        "subject": escalation.subject,
        "service": escalation.service,
        "environment": escalation.environment,
    }
