"""The one-time links that let people in: invitations, and the set-up of the first admin."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, NotFound
from staycalm.domains.accounts.details import check_handle, checked_details
from staycalm.domains.accounts.events import InvitationAccepted, InvitationIssued, SetUpCompleted, person_subject
from staycalm.domains.accounts.model import links, people
from staycalm.domains.accounts.people import Invitation, Link
from staycalm.domains.accounts.queries import find_link, get_person, has_anybody
from staycalm.domains.accounts.secrets import digest, label
from staycalm.domains.accounts.sign_in.service import end_all_sessions
from staycalm.kit.database import Tx

INVITATION_S = 7 * 86400.0


def renew_invitation(tx: Tx, actor: Actor, handle: str, *, valid_s: float = INVITATION_S) -> Invitation:
    """A new link is good and every older one of this person is not. Raises NotFound, Conflict when inactive."""
    if not get_person(tx, handle).is_active:
        raise Conflict("person-inactive", f"{handle} is deactivated", next_step="Invite the person again.")
    code, expires_at = _make_link(tx, "invitation", handle, valid_s)
    tx.emit(actor, InvitationIssued(subject=person_subject(handle), expires_at=expires_at.isoformat()))
    return Invitation(handle, code, expires_at)


def accept_invitation(tx: Tx, code: str, password_hash: str) -> str:
    """The invited person has this password and the link is used up; returns the handle. Raises NotFound."""
    handle = _use_link(tx, code, "invitation").handle or ""
    person = get_person(tx, handle)
    if not person.is_active:
        raise _dead_link()
    tx.execute(people.update().where(people.c.handle == handle).values(password_hash=password_hash))
    end_all_sessions(tx, person.actor, handle, reason="password set by invitation")
    tx.emit(person.actor, InvitationAccepted(subject=person_subject(handle)))
    return handle


def make_set_up_link(tx: Tx, *, valid_s: float) -> str | None:
    """Return the code of a new set-up link, older ones dead; None once anybody has an account."""
    if has_anybody(tx):
        return None
    return _make_link(tx, "set-up", None, valid_s)[0]


def complete_set_up(
    tx: Tx, code: str, *, handle: str, name: str, email: str, time_zone: str, password_hash: str
) -> None:
    """The first admin exists and the set-up link is used up. Raises NotFound, or Conflict when late."""
    if has_anybody(tx):
        raise Conflict(
            "already-set-up", "there is an account already", next_step="Ask an admin for an invitation."
        )
    check_handle(handle)
    _use_link(tx, code, "set-up")
    details = checked_details(tx, handle, name=name, email=email, time_zone=time_zone)
    tx.execute(
        people.insert().values(
            handle=handle, roles=["admin"], managed_by="web", is_active=True, password_hash=password_hash,
            created_at=tx.now, **details,
        )
    )  # fmt: skip
    tx.emit(Actor("person", handle, name.strip()), SetUpCompleted(subject=person_subject(handle)))


def end_links(tx: Tx, handle: str | None, purpose: str | None = None) -> None:
    """No link of this person (None: of nobody yet) lets anybody in any more; of one purpose, or of any."""
    wanted = sa.true() if purpose is None else links.c.purpose == purpose
    theirs = links.update().where(wanted, links.c.handle == handle, links.c.used_at.is_(None))
    tx.execute(theirs.values(used_at=tx.now))


def _make_link(tx: Tx, purpose: str, handle: str | None, valid_s: float) -> tuple[str, datetime]:
    end_links(tx, handle, purpose)
    code = label("set" if purpose == "set-up" else "inv", tx.ids.token())
    expires_at = tx.now + timedelta(seconds=valid_s)
    tx.execute(
        links.insert().values(
            code_hash=digest(code), purpose=purpose, handle=handle, created_at=tx.now, expires_at=expires_at
        )
    )
    return code, expires_at


def _use_link(tx: Tx, code: str, purpose: str) -> Link:
    link = find_link(tx, code, purpose)
    used = links.update().where(links.c.code_hash == digest(code), links.c.used_at.is_(None))
    if link is None or tx.guarded_update(used.values(used_at=tx.now)) == 0:
        raise _dead_link()
    return link


def _dead_link() -> NotFound:
    return NotFound("dead-link", "this link is used up or too old", next_step="Ask an admin for a new one.")
