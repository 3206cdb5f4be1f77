"""Writing people, their passwords and their roles. How they are let in is in `links`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict
from staycalm.domains.accounts.decisions import check_role
from staycalm.domains.accounts.details import (
    check_email,
    check_handle,
    check_person_name,
    check_standing,
    check_time_zone,
    checked_details,
)
from staycalm.domains.accounts.events import (
    PasswordChanged,
    PersonChanged,
    PersonDeactivated,
    PersonInvited,
    PersonReactivated,
    RoleAssumed,
    person_subject,
)
from staycalm.domains.accounts.links import INVITATION_S, end_links, renew_invitation
from staycalm.domains.accounts.model import people, role_assumptions
from staycalm.domains.accounts.people import Invitation, ManagedBy
from staycalm.domains.accounts.queries import find_person, get_person
from staycalm.domains.accounts.sign_in.service import end_all_sessions
from staycalm.kit.database import Tx


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
    check_handle(handle)
    standing = check_standing(roles)
    existing = find_person(tx, handle)
    if existing is not None and existing.is_active:
        raise _handle_taken(handle)
    values = {
        **checked_details(tx, handle, name=name, email=email, time_zone=time_zone),
        "roles": standing,
        "managed_by": managed_by,
        "is_active": True,
    }
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
    standing = check_standing(roles)
    new = {
        "name": check_person_name(name),
        "email": email.strip(),
        "time_zone": check_time_zone(time_zone),
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
        key = check_email(tx, handle, email)
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
    end_links(tx, handle)
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


def _handle_taken(handle: str) -> Conflict:
    return Conflict("handle-taken", f"there is a person {handle} already", next_step="Choose another handle.")
