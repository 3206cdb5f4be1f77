"""Whoever was asked learns that it is over, so that nobody gets up for nothing."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.messages import Content
from staycalm.domains.oncall.notifications.model import notifications as sent
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import Tx

REACHED = ("sending", "sent")
MOST_PEOPLE = 500


def tell_over(tx: Tx, escalation: Escalation, *, ended_by: str, reason: str) -> tuple[str, ...]:
    """Return who is being told: everybody whom a page or notice reached, except the person who ended it."""
    asked = (
        sa.select(sent.c.person)
        .where(sent.c.escalation == escalation.id, sent.c.state.in_(REACHED))
        .distinct()
        .order_by(sent.c.person)
        .limit(MOST_PEOPLE)
    )
    people = [row.person for row in tx.rows(asked) if row.person != ended_by]
    content = Content(
        subject=escalation.subject,
        title=escalation.title,
        priority=escalation.priority,
        service=escalation.service,
        environment=escalation.environment,
        url_path=escalation.url_path,
        lead=reason,
    )
    roster = Roster(tx)
    return tuple(
        person
        for person in people
        if notifications.queue(
            tx, kind="over", person=person, content=content, step="over", state=f"{escalation.id} over",
            methods=roster.methods_of(person)[:1],
        )
    )  # fmt: skip
