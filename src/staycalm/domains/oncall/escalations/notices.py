"""Messages that nobody has to acknowledge."""

from __future__ import annotations

from staycalm.core.priority import Priority
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.messages import Content
from staycalm.domains.oncall.policies.queries import policies_for
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import Tx


def notify(
    tx: Tx,
    *,
    subject: str,
    title: str,
    key: str,
    person: str | None = None,
    policy: str | None = None,
    text: str = "",
    priority: Priority | None = None,
    service: str | None = None,
    environment: str | None = None,
    url_path: str = "/",
) -> tuple[str, ...]:
    """Return who is being told: `person`, or whom the first reachable step of a policy stands for now.

    Without either, the service's policy, then the organisation's default. `key` names the state of the
    subject: the same person is told once per subject and key. Empty when nobody can be reached.
    """
    roster = Roster(tx)
    people = (person,) if person is not None else _first_people(tx, roster, policy, service)
    content = Content(
        subject=subject,
        title=title,
        priority=priority,
        service=service,
        environment=environment,
        url_path=url_path,
        text=text,
    )
    told = []
    for each in people:
        methods = roster.methods_of(each)
        if notifications.queue(
            tx, kind="notice", person=each, content=content, step="notice", state=key, methods=methods
        ):
            told.append(each)
    return tuple(told)


def _first_people(tx: Tx, roster: Roster, policy: str | None, service: str | None) -> tuple[str, ...]:
    steps = (step for each in policies_for(tx, policy, service) for step in each.steps)
    return next((people for step in steps if (people := roster.reachable(step.targets))), ())
