"""All writes to a post-mortem: words, its states, amendments, and the reminder that it is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.machine import move
from staycalm.domains.alerts import public as alerts
from staycalm.domains.incidents.postmortem.decisions import Collision, Stored, compare, tidy
from staycalm.domains.incidents.postmortem.events import (
    PostMortemAmended,
    PostMortemMoved,
    PostMortemOverdue,
    PostMortemPublished,
    PostMortemWritten,
)
from staycalm.domains.incidents.postmortem.machine import PAPER, WRITABLE
from staycalm.domains.incidents.postmortem.model import (
    post_mortem_amendments,
    post_mortem_papers,
    post_mortem_reminders,
    post_mortem_texts,
)
from staycalm.domains.incidents.postmortem.queries import Paper, get_paper, texts_at
from staycalm.domains.incidents.postmortem.sections import NEEDED_TO_PUBLISH, SECTIONS, TEXT_LIMIT
from staycalm.domains.incidents.queries import Incident, get_incident
from staycalm.kit.database import Tx

# Alerts about StayCalm's own work: in the placement's group they would hold open what they are not about.
OWN_SERVICE = "staycalm"


class Collided(Conflict):
    """Somebody else wrote the same section meanwhile. Nothing was stored; both texts are in `collisions`."""

    def __init__(self, incident: str, collisions: tuple[Collision, ...]) -> None:
        titles = ", ".join(SECTIONS[each.section].title for each in collisions)
        super().__init__(
            "written-meanwhile",
            f"{collisions[0].by or 'somebody'} wrote {titles} of {incident} meanwhile; nothing was stored",
            next_step="Join both texts and send the new one with the version that is stored now.",
            collisions=[
                {"section": c.section, "stored": c.theirs, "version": c.version, "by": c.by, "sent": c.yours}
                for c in collisions
            ],
        )
        self.collisions = collisions


def write(tx: Tx, actor: Actor, name: str, texts: Mapping[str, str], *, based_on: Mapping[str, int]) -> Paper:
    """The sections hold the texts, with author and time; sections that are not named stay as they are.

    `based_on` is the version of each section that the writer had seen. Raises Collided when somebody wrote
    another text meanwhile (nothing is stored then), Conflict once it is published, Invalid.
    """
    incident = get_incident(tx, name)
    sent = {section: tidy(section, text) for section, text in texts.items()}
    _lock(tx, incident.id)
    paper = get_paper(tx, incident.id)
    stored = {each.section: Stored(each.text, each.version, each.by) for each in paper.texts.values()}
    seen = {section: based_on.get(section, 0) for section in sent}
    changed, collisions = compare(sent, seen, stored, texts_at(tx, incident.id, seen))
    if collisions:
        raise Collided(incident.id, collisions)
    if changed:
        versions = {section: stored.get(section, Stored()).version + 1 for section in changed}
        tx.execute(post_mortem_texts.insert(), [
            {"incident": incident.id, "section": section, "version": versions[section], "text": text,
             "by": str(actor), "at": tx.now}
            for section, text in changed.items()
        ])  # fmt: skip
        _count_up(tx, incident.id)
        tx.emit(actor, PostMortemWritten(
            **_about(incident), sections=list(changed), versions=[versions[each] for each in changed]
        ))  # fmt: skip
    return get_paper(tx, incident.id)


def _lock(tx: Tx, incident: str) -> None:
    """Nobody else writes or publishes it before this transaction ends. Raises Conflict once it is published."""
    new = {"incident": incident, "state": "draft", "version": 0}
    tx.insert_or_ignore(post_mortem_papers, new, on=["incident"])
    c = post_mortem_papers.c
    held = post_mortem_papers.update().where(c.incident == incident, c.state.in_(sorted(WRITABLE)))
    if tx.guarded_update(held.values(version=c.version)) != 1:
        raise Conflict(
            "published", f"the post-mortem of {incident} is published and frozen",
            next_step="Append an amendment.",
        )  # fmt: skip


def _count_up(tx: Tx, incident: str) -> None:
    c = post_mortem_papers.c
    tx.execute(post_mortem_papers.update().where(c.incident == incident).values(version=c.version + 1))


def shift(tx: Tx, actor: Actor, name: str, verb: str) -> Paper:
    """The post-mortem is where `verb` leads: submit, return, publish. Raises Conflict.

    Published, it is frozen; nobody is reminded of it any more. What is published names its root cause, and
    its incident is over.
    """
    incident = get_incident(tx, name)
    paper = get_paper(tx, incident.id)
    state = move(PAPER, paper.state, verb, what=f"the post-mortem of {incident.id}")
    if state != "draft" and not (NEEDED_TO_PUBLISH in paper.texts and paper.texts[NEEDED_TO_PUBLISH].text):
        raise Conflict(
            "no-root-cause", f"the post-mortem of {incident.id} names no root cause yet",
            next_step="Write what actually caused the issue, then try again.",
        )  # fmt: skip
    if state == "published" and incident.is_open:
        raise Conflict(
            "still-open", f"{incident.id} is not over yet: it is {incident.state}", next_step="Resolve it first."
        )
    values: dict[str, Any] = {"state": state, "version": paper.version + 1}
    if state == "published":
        values |= {"published_at": tx.now, "published_by": str(actor)}
    c = post_mortem_papers.c
    is_as_seen = sa.and_(c.incident == incident.id, c.state == paper.state, c.version == paper.version)
    if tx.guarded_update(post_mortem_papers.update().where(is_as_seen).values(values)) != 1:
        raise Conflict(
            "busy", f"the post-mortem of {incident.id} is changing at this instant",
            next_step="Read what changed, then try again.",
        )  # fmt: skip
    if state == "published":
        tx.emit(actor, PostMortemPublished(**_about(incident)))
        settle_reminder(tx, actor, incident.id)
    else:
        tx.emit(actor, PostMortemMoved(**_about(incident), state=state, previous=paper.state))
    return get_paper(tx, incident.id)


def amend(tx: Tx, actor: Actor, name: str, text: str) -> Paper:
    """The text is appended to the published post-mortem, with author and time. Raises Conflict, Invalid."""
    incident = get_incident(tx, name)
    paper = get_paper(tx, incident.id)
    if paper.is_writable:
        raise Conflict(
            "not-published", f"the post-mortem of {incident.id} is {paper.word}, not published",
            next_step="Change its text itself.",
        )  # fmt: skip
    kept = tidy("lessons", text)
    if not kept:
        raise Invalid(
            "bad-amendment", f"an amendment has 1 to {TEXT_LIMIT} characters", next_step="Write what is new."
        )
    id = tx.ids.uuid()
    values = {"id": id, "incident": incident.id, "text": kept, "by": str(actor), "at": tx.now}
    tx.execute(post_mortem_amendments.insert().values(values))
    tx.emit(actor, PostMortemAmended(**_about(incident), amendment=id))
    return get_paper(tx, incident.id)


def remind(tx: Tx, incident: str, due_at: datetime) -> None:
    """Somebody is told when the post-mortem is not published at `due_at`; nothing once it is."""
    settle_reminder(tx, SYSTEM, incident)
    if get_paper(tx, incident).is_writable:
        tx.upsert(post_mortem_reminders, {"incident": incident, "due_at": due_at}, on=["incident"])


def settle_reminder(tx: Tx, actor: Actor, incident: str) -> None:
    """Nobody is told any more that the post-mortem is due."""
    c = post_mortem_reminders.c
    tx.execute(post_mortem_reminders.update().where(c.incident == incident).values(due_at=None))
    alerts.resolve_alert(
        tx, actor, dedup_key=_key(incident), service=OWN_SERVICE, reason=f"the post-mortem of {incident} moved on"
    )


def tell_overdue(tx: Tx, name: str) -> None:
    """An alert of P3 says that the post-mortem is overdue, once; not while its incident is open again."""
    incident = get_incident(tx, name)
    c = post_mortem_reminders.c
    due_at = tx.scalar(sa.select(c.due_at).where(c.incident == incident.id))
    if due_at is None or due_at > tx.now:
        return
    tx.execute(post_mortem_reminders.update().where(c.incident == incident.id).values(due_at=None))
    if incident.is_open or not get_paper(tx, incident.id).is_writable:
        return
    tx.emit(SYSTEM, PostMortemOverdue(**_about(incident), due_at=due_at.isoformat()))
    alerts.raise_alert(
        tx, SYSTEM, dedup_key=_key(incident.id), service=OWN_SERVICE, priority="P3", rule="post-mortem-overdue",
        summary=f"the post-mortem of {incident.id} was due {due_at:%Y-%m-%d %H:%M} UTC and is not published",
        source=OWN_SERVICE, labels={"incident": incident.id}, escalates="none",
    )  # fmt: skip


def _key(incident: str) -> str:
    return f"post-mortem/{incident}"


def _about(incident: Incident) -> dict[str, Any]:
    return {"subject": incident.id, "service": incident.service, "environment": incident.environment}
