"""Writing people, their roles, and the one-time links that let them in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.core.placement import check_name
from staycalm.core.text import has_control
from staycalm.core.zones import find_zone
from staycalm.domains.accounts.decisions import STANDING_ROLES, check_role
from staycalm.domains.accounts.events import (
    InvitationAccepted,
    InvitationIssued,
    PasswordChanged,
    PersonChanged,
    PersonDeactivated,
    PersonInvited,
    PersonReactivated,
    RoleAssumed,
    SetUpCompleted,
    person_subject,
)
from staycalm.domains.accounts.model import links, people, role_assumptions
from staycalm.domains.accounts.people import Invitation, Link, ManagedBy
from staycalm.domains.accounts.queries import find_link, find_person, get_person, has_anybody
from staycalm.domains.accounts.secrets import digest, label
from staycalm.domains.accounts.sign_in.service import end_all_sessions
from staycalm.kit.database import Tx

RESERVED_HANDLES = frozenset({"local", "staycalm", "system", "anonymous", "unknown", "ci"})
LONGEST_NAME = 200
INVITATION_S = 7 * 86400.0


def invite(
    tx: Tx,
    actor: Actor,
    *,
    handle: str,
    name: str,
    email: str,
    roles: Iterable[str],
    time_zone: str = "UTC",
    managed_by: ManagedBy = "web",
    valid_s: float = INVITATION_S,
) -> Invitation | None:
    """The person has an account and an invitation link; one who was deactivated has it back.

    None when the returning person already has a password. Raises Conflict when the handle or the
    e-mail address is taken, Invalid for a bad handle or role.
    """
    _check_handle(handle)
    standing = _check_standing(roles)
    existing = find_person(tx, handle)
    if existing is not None and existing.is_active:
        raise _handle_taken(handle)
    values = {
        "name": _check_person_name(name), "email": email.strip(), "email_key": _email_key(tx, handle, email),
        "time_zone": _check_time_zone(time_zone), "roles": standing, "managed_by": managed_by, "is_active": True,
    }  # fmt: skip
    if existing is None:
        row = {"handle": handle, "created_at": tx.now, "password_hash": None, **values}
        if not tx.insert_or_ignore(people, row, on=["handle"]):
            raise _handle_taken(handle)
        tx.emit(actor, PersonInvited(subject=person_subject(handle), roles=standing, managed_by=managed_by))
    else:
        tx.execute(people.update().where(people.c.handle == handle).values(**values))
        tx.emit(actor, PersonReactivated(subject=person_subject(handle), roles=standing))
        if existing.has_password:
            return None
    return renew_invitation(tx, actor, handle, valid_s=valid_s)


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
    _check_handle(handle)
    _use_link(tx, code, "set-up")
    tx.execute(
        people.insert().values(
            handle=handle,
            name=_check_person_name(name),
            email=email.strip(),
            email_key=_email_key(tx, handle, email),
            time_zone=_check_time_zone(time_zone),
            roles=["admin"],
            managed_by="web",
            is_active=True,
            password_hash=password_hash,
            created_at=tx.now,
        )
    )
    tx.emit(Actor("person", handle, name.strip()), SetUpCompleted(subject=person_subject(handle)))


def change_person(
    tx: Tx,
    actor: Actor,
    handle: str,
    *,
    name: str,
    email: str,
    roles: Iterable[str],
    time_zone: str,
    managed_by: ManagedBy = "web",
) -> None:
    """The person has these values. Raises NotFound, or Conflict when the other side manages the person."""
    person = get_person(tx, handle)
    refuse_other_manager(person.managed_by, managed_by, f"{handle} ")
    standing = _check_standing(roles)
    new = {
        "name": _check_person_name(name),
        "email": email.strip(),
        "time_zone": _check_time_zone(time_zone),
        "roles": standing,
    }
    old = {"name": person.name, "email": person.email, "time_zone": person.time_zone,
           "roles": sorted(person.standing_roles)}  # fmt: skip
    if actor == person.actor and "admin" in person.standing_roles and "admin" not in standing:
        raise Conflict(
            "own-account", "you cannot take the role admin from yourself", next_step="Ask another admin to do it."
        )
    changed = [key for key in new if new[key] != old[key]]
    if changed:
        key = _email_key(tx, handle, email)
        tx.execute(people.update().where(people.c.handle == handle).values(email_key=key, **new))
        tx.emit(actor, PersonChanged(subject=person_subject(handle), changed=changed, roles=standing))


def deactivate(tx: Tx, actor: Actor, handle: str, *, managed_by: ManagedBy = "web") -> None:
    """The person cannot sign in, has no session, and their tokens answer 401. Twice is once."""
    person = get_person(tx, handle)
    refuse_other_manager(person.managed_by, managed_by, f"{handle} ")
    if not person.is_active:
        return
    if actor.kind == "person" and actor.id == handle:
        raise Conflict("own-account", "you cannot deactivate yourself", next_step="Ask another admin to do it.")
    tx.execute(people.update().where(people.c.handle == handle).values(is_active=False))
    tx.execute(links.update().where(links.c.handle == handle, links.c.used_at.is_(None)).values(used_at=tx.now))
    end_all_sessions(tx, actor, handle, reason="account deactivated")
    tx.emit(actor, PersonDeactivated(subject=person_subject(handle)))


def reactivate(tx: Tx, actor: Actor, handle: str, *, valid_s: float = INVITATION_S) -> Invitation | None:
    """The person has the account back as it was; None when they still have a password. Twice is once.

    Raises NotFound.
    """
    person = get_person(tx, handle)
    if person.is_active:
        return None
    return invite(
        tx, actor, handle=handle, name=person.name, email=person.email, roles=person.standing_roles,
        time_zone=person.time_zone, valid_s=valid_s,
    )  # fmt: skip


def set_time_zone(tx: Tx, actor: Actor, handle: str, time_zone: str) -> None:
    """The person's times are told in this zone. Raises Invalid, or Conflict when the file manages the person."""
    person = get_person(tx, handle)
    change_person(
        tx, actor, handle, name=person.name, email=person.email, roles=person.standing_roles, time_zone=time_zone
    )


def set_password(tx: Tx, actor: Actor, handle: str, password_hash: str, *, keep_session: str | None) -> None:
    """The person has a new password, and every session but `keep_session` has ended."""
    tx.execute(people.update().where(people.c.handle == handle).values(password_hash=password_hash))
    end_all_sessions(tx, actor, handle, reason="password changed", but=keep_session)
    tx.emit(actor, PasswordChanged(subject=person_subject(handle)))


def assume_role(tx: Tx, actor: Actor, handle: str, role: str, *, until: datetime, cause: str) -> None:
    """The person holds `role` from now until `until` because of `cause`; the same again changes nothing.

    Another `until` for the same cause moves the end; one that is not after `tx.now` ends it now.
    Raises NotFound for an unknown person, Invalid for an unknown role.
    """
    check_role(role)
    get_person(tx, handle)
    key = sa.and_(
        role_assumptions.c.handle == handle, role_assumptions.c.role == role, role_assumptions.c.cause == cause
    )
    current = tx.scalar(sa.select(role_assumptions.c.until).where(key))
    end = max(until, tx.now)
    if current == end or (current is not None and current <= tx.now and end <= tx.now):
        return
    if current is None:
        if end <= tx.now:
            return
        tx.execute(
            role_assumptions.insert().values(handle=handle, role=role, cause=cause, since=tx.now, until=end)
        )
    else:
        since = {"since": tx.now} if current <= tx.now else {}
        tx.execute(role_assumptions.update().where(key).values(until=end, **since))
    tx.emit(actor, RoleAssumed(subject=person_subject(handle), role=role, until=end.isoformat(), cause=cause))


def refuse_other_manager(managed_by: str, asked_by: str, what: str) -> None:
    """Raise Conflict when `what` is managed by the other of file and web."""
    if managed_by == asked_by:
        return
    raise Conflict(
        f"managed-by-{managed_by}",
        f"{what.strip()} is managed {'in the file' if managed_by == 'file' else 'on the web'}",
        next_step="Change it in staycalm.yaml and run sc apply."
        if managed_by == "file"
        else "Change it on the web, or take it out of the file.",
    )


def _check_handle(handle: str) -> None:
    check_name(handle, "handle")
    if handle in RESERVED_HANDLES:
        raise Invalid("bad-handle", f"the handle {handle} is taken by StayCalm", next_step="Choose another one.")


def _check_person_name(name: str) -> str:
    found = name.strip()
    if not 1 <= len(found) <= LONGEST_NAME or has_control(found):
        raise Invalid(
            "bad-name",
            f"a name has 1 to {LONGEST_NAME} characters in one line",
            next_step="Write it as others know you.",
        )
    return found


def _check_standing(roles: Iterable[str]) -> list[str]:
    wanted = sorted({check_role(role) for role in roles})
    for role in wanted:
        if role not in STANDING_ROLES:
            raise Invalid(
                "bad-role", f"{role} is not a role to hold for ever", next_step=f"Use {', '.join(STANDING_ROLES)}."
            )
    return wanted


def _check_time_zone(name: str) -> str:
    if find_zone(name) is None:
        raise Invalid(
            "bad-time-zone",
            f"there is no time zone {name[:100]!r}",
            next_step="Use an IANA name like Europe/Berlin.",
        )
    return name


def _email_key(tx: Tx, handle: str, email: str) -> str:
    key = email.strip().casefold()
    if "@" not in key.strip("@") or len(key) > 320 or has_control(key):
        raise Invalid(
            "bad-email", f"{email[:100]!r} is not an e-mail address", next_step="Write it like ada@example.org."
        )
    holder = tx.scalar(sa.select(people.c.handle).where(people.c.email_key == key, people.c.handle != handle))
    if holder is not None:
        raise Conflict("email-taken", f"{email} belongs to {holder}", next_step="One person has one account.")
    return key


def _make_link(tx: Tx, purpose: str, handle: str | None, valid_s: float) -> tuple[str, datetime]:
    same = links.c.handle == handle if handle is not None else links.c.handle.is_(None)
    tx.execute(
        links.update().where(links.c.purpose == purpose, same, links.c.used_at.is_(None)).values(used_at=tx.now)
    )
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


def _handle_taken(handle: str) -> Conflict:
    return Conflict("handle-taken", f"there is a person {handle} already", next_step="Choose another handle.")


def _dead_link() -> NotFound:
    return NotFound("dead-link", "this link is used up or too old", next_step="Ask an admin for a new one.")
