"""Acknowledging from the link in a message: looking changes nothing, one press acknowledges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.domains.accounts.public import Person, find_person
from staycalm.domains.oncall.escalations import queries, service
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.notifications.queries import Link, find_link
from staycalm.domains.oncall.notifications.service import use_link
from staycalm.kit.database import ReadTx, Tx

State = Literal["ready", "yours", "taken", "ended", "used", "expired", "unknown"]
PURPOSE = "acknowledge"


@dataclass(frozen=True, slots=True)
class AckView:
    """What the page behind a link shows.

    ready: the button. yours, taken: `holder` has it since `since`. ended: nobody has to answer any more.
    used, expired: a newer message has a good link. unknown: not one of ours, or the recipient has left.
    """

    state: State
    person: str = ""
    escalation: Escalation | None = None
    holder: str = ""
    since: datetime | None = None


def look(tx: ReadTx, token: str) -> AckView:
    """Return what the link can do now. Changes nothing: mail scanners open links."""
    link = find_link(tx, token)
    person = find_person(tx, link.person) if link is not None and link.purpose == PURPOSE else None
    if link is None or person is None or not person.is_active:
        return AckView("unknown")
    found = queries.find_escalation(tx, link.escalation)
    if found is None:
        return AckView("unknown")
    return _view(tx, link, person, found)


def take(tx: Tx, token: str) -> AckView:
    """The recipient of the link has acknowledged, when it is good; returns what is so afterwards."""
    before = look(tx, token)
    if before.state != "ready" or before.escalation is None or not use_link(tx, token):
        return before
    person = find_person(tx, before.person)
    if person is None:
        return AckView("unknown")
    service.acknowledge(tx, person.actor, before.escalation.subject, via="link")
    return look(tx, token)


def _view(tx: ReadTx, link: Link, person: Person, found: Escalation) -> AckView:
    if found.state == "stopped":
        return AckView("ended", person.handle, found)
    if found.state == "acknowledged":
        holder, since = queries.holder_of(tx, found)
        return AckView("yours" if holder == person.handle else "taken", person.handle, found, holder, since)
    if link.used_at is not None:
        return AckView("used", person.handle, found)
    return AckView("ready" if link.expires_at > tx.now else "expired", person.handle, found)
