"""Writing sessions, tokens and log-in tries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.actor import ANONYMOUS, SYSTEM, Actor
from staycalm.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from staycalm.domains.accounts.decisions import ROLES, STANDING_ROLES, check_role
from staycalm.domains.accounts.events import (
    SessionEnded,
    SignedIn,
    SignInFailed,
    TokenCreated,
    TokenRevoked,
    person_subject,
)
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.queries import get_person
from staycalm.domains.accounts.secrets import digest, label
from staycalm.domains.accounts.sign_in.decisions import (
    ANYWHERE,
    FROM_ADDRESS,
    FROM_HERE,
    LONGEST_WAIT_S,
    TOUCH_EVERY_S,
    Pace,
    Tries,
    neighbourhood,
    take_turn,
)
from staycalm.domains.accounts.sign_in.model import sessions, tokens, tries
from staycalm.domains.accounts.sign_in.queries import (
    LOCAL,
    find_credentials,
    find_session,
    find_token,
    identify_token,
)
from staycalm.domains.accounts.sign_in.values import Credentials, NewSecret
from staycalm.kit.database import Tx


def await_turn(tx: Tx, handle: str, address: str) -> float:
    """Return how many seconds this try has to wait before its password is looked at; it is counted now.

    Raises Unavailable, counting nothing, when the queue of tries from this address is longer than a minute.
    """
    waits: list[float] = []
    taken: list[tuple[str, Tries]] = []
    for key, pace in _keys(handle, address):
        wait_s, remembered = take_turn(_locked_tries(tx, key), tx.now, pace)
        waits.append(wait_s)
        taken.append((key, remembered))
    if max(waits) > LONGEST_WAIT_S:
        raise Unavailable(
            "too-many-tries",
            "too many log-ins from this address are waiting to be checked",
            next_step=f"Try again in {max(waits) - LONGEST_WAIT_S:.0f} s.",
            retry_after_s=max(waits) - LONGEST_WAIT_S,
        )
    for key, now in taken:
        tx.upsert(
            tries, {"key": key, "tried": now.count, "last_at": now.last_at, "next_at": now.next_at}, on=["key"]
        )
    return max(waits)


def record_failure(tx: Tx, handle: str, address: str, reason: str) -> None:
    """The log tells of the failed log-in; what was typed as a handle is only told when such a person exists."""
    known = find_credentials(tx, handle) is not None
    subject = person_subject(handle if known else "unknown")
    tx.emit(ANONYMOUS, SignInFailed(subject=subject, reason=reason, address=address))


def start_session(tx: Tx, checked: Credentials, *, address: str, user_agent: str, absolute_s: float) -> NewSecret:
    """The person whose password was checked has a session. Raises Unauthenticated when it changed meanwhile."""
    person = _still(tx, checked, address)
    secret = label("ses", tx.ids.token())
    session_id, expires_at = tx.ids.uuid(), tx.now + timedelta(seconds=absolute_s)
    tx.execute(
        sessions.insert().values(
            id=session_id,
            secret_hash=digest(secret),
            handle=checked.handle,
            address=address[:64],
            user_agent=user_agent[:200],
            created_at=tx.now,
            last_seen_at=tx.now,
            expires_at=expires_at,
            ended_at=None,
        )
    )
    subject = person_subject(checked.handle)
    tx.emit(person, SignedIn(subject=subject, method="password", credential_id=session_id, address=address))
    return NewSecret(session_id, secret, expires_at)


def start_token(tx: Tx, checked: Credentials, *, name: str, address: str, valid_s: float) -> NewSecret:
    """The person whose password was checked has an API token with all their roles: what `sc login` keeps."""
    person = _still(tx, checked, address)
    roles = sorted({*STANDING_ROLES, "on-call"})
    created = _insert_token(
        tx, person, kind="person", owner=checked.handle, name=name, roles=roles, valid_s=valid_s
    )
    subject = person_subject(checked.handle)
    tx.emit(person, SignedIn(subject=subject, method="token", credential_id=created.id, address=address))
    return created


def touch(tx: Tx, identity: Identity) -> None:
    """The credential's last use is now, at most once a minute."""
    before = tx.now - timedelta(seconds=TOUCH_EVERY_S)
    if identity.method == "session":
        tx.execute(
            sessions.update()
            .where(sessions.c.id == identity.credential_id, sessions.c.last_seen_at <= before)
            .values(last_seen_at=tx.now)
        )
    elif identity.method == "token":
        stale = sa.or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= before)
        tx.execute(tokens.update().where(tokens.c.id == identity.credential_id, stale).values(last_used_at=tx.now))


def end_session(tx: Tx, actor: Actor, session_id: str, *, may_end_any: bool = False) -> None:
    """The session holds no more. Raises NotFound, also for somebody else's unless `may_end_any`."""
    session = find_session(tx, session_id)
    if session is None or (session.handle != actor.id and not may_end_any):
        raise NotFound("no-session", "there is no such session", next_step="Yours are under /settings/sessions.")
    tx.execute(sessions.update().where(sessions.c.id == session_id).values(ended_at=tx.now))
    reason = "signed out" if session.handle == actor.id else f"ended by {actor}"
    tx.emit(actor, SessionEnded(subject=person_subject(session.handle), session_id=session_id, reason=reason))


def end_all_sessions(tx: Tx, actor: Actor, handle: str, *, reason: str, but: str | None = None) -> None:
    """No session of the person holds any more, except `but`."""
    open_ones = sessions.select().where(
        sessions.c.handle == handle, sessions.c.ended_at.is_(None), sessions.c.expires_at > tx.now
    )
    for row in tx.rows(open_ones.limit(10_000)):
        if row.id != but:
            tx.execute(sessions.update().where(sessions.c.id == row.id).values(ended_at=tx.now))
            tx.emit(actor, SessionEnded(subject=person_subject(handle), session_id=row.id, reason=reason))


def create_token(
    tx: Tx,
    identity: Identity,
    *,
    name: str,
    roles: Iterable[str] | None,
    valid_s: float,
    longest_s: float,
    is_read_only: bool = False,
) -> NewSecret:
    """The person behind `identity` has a further API token, with at most the rights it is asked for with.

    `roles` None takes all of them. Raises Invalid for a bad role or length, Forbidden for a role that
    `identity` does not hold, or when a token asks for one that outlives it. On-call may be asked for by
    everybody: it counts only during a shift.
    """
    if identity.actor.kind != "person" or identity.actor.id == LOCAL.id:
        raise Forbidden(
            "no-person",
            "only a person can have a personal token",
            next_step="Sign in first: sc login; or make a machine's token: sc token create --machine.",
        )
    grantable = {*identity.roles, "on-call"}
    wanted = grantable if roles is None else {check_role(role) for role in roles}
    if not wanted <= grantable:
        raise Forbidden(
            "role-not-held",
            f"you do not hold {', '.join(sorted(wanted - grantable))}",
            next_step=f"Ask for some of: {', '.join(sorted(grantable))}.",
        )
    _check_length(valid_s, longest_s)
    ends = tx.now + timedelta(seconds=valid_s)
    if identity.method == "token" and identity.expires_at is not None and ends > identity.expires_at:
        raise Forbidden(
            "outlives-its-maker",
            "a token cannot make one that outlives it",
            next_step="Sign in with the password.",
        )
    person = identity.actor
    return _insert_token(
        tx, person, kind="person", owner=person.id, name=name, roles=sorted(wanted), valid_s=valid_s,
        is_read_only=is_read_only,
    )  # fmt: skip


def create_service_token(
    tx: Tx, actor: Actor, *, name: str, valid_s: float, longest_s: float, is_read_only: bool = False
) -> NewSecret:
    """A machine named `name` may act with the role ci until the token ends, or only read what ci may.

    Asks for people:write at the edge.
    """
    _check_length(valid_s, longest_s)
    return _insert_token(
        tx, actor, kind="service", owner=actor.id, name=name, roles=["ci"], valid_s=valid_s,
        is_read_only=is_read_only,
    )  # fmt: skip


def revoke_token(tx: Tx, actor: Actor, token_id: str, *, may_revoke_any: bool = False) -> None:
    """The token answers 401 from now on; twice is once. Raises NotFound, also for somebody else's."""
    token = find_token(tx, token_id)
    if token is None or (token.owner != actor.id and not may_revoke_any):
        raise NotFound("no-token", "there is no such token", next_step="Yours are listed under /settings/tokens.")
    revoked = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    if tx.guarded_update(revoked.values(revoked_at=tx.now)):
        tx.emit(actor, TokenRevoked(subject=_token_subject(token.kind, token.owner, token.name), token_id=token_id,
                                    token_name=token.name))  # fmt: skip


def ensure_local_token(tx: Tx, existing: str | None, *, place: str) -> str | None:
    """Return a new secret to write into the data directory, or None when `existing` (its content) still holds.

    It acts as `person:local` with every right: who can read the 0600 file can read the database. It has
    no end; a new one revokes the older one of the same `place`.
    """
    if existing is not None and identify_token(tx, existing.strip()) is not None:
        return None
    mine = tokens.update().where(tokens.c.kind == "local", tokens.c.name == place, tokens.c.revoked_at.is_(None))
    tx.execute(mine.values(revoked_at=tx.now))
    return _insert_token(
        tx, SYSTEM, kind="local", owner=LOCAL.id, name=place, roles=["admin"], valid_s=None
    ).secret


def forget_ended(tx: Tx, *, before: datetime, limit: int) -> int:
    """Return how many sessions, tokens and tries of before were deleted, at most `limit` of each."""
    gone = 0
    for table, key, ended in (
        (sessions, sessions.c.id, sa.or_(sessions.c.expires_at < before, sessions.c.ended_at < before)),
        (tokens, tokens.c.id, sa.or_(tokens.c.expires_at < before, tokens.c.revoked_at < before)),
        (tries, tries.c.key, sa.and_(tries.c.last_at < before, tries.c.next_at < before)),
    ):
        old = sa.select(key).where(ended).limit(limit)
        gone += tx.execute(table.delete().where(key.in_(old))).rowcount
    return gone


def _still(tx: Tx, checked: Credentials, address: str) -> Actor:
    if find_credentials(tx, checked.handle) != checked:
        raise Unauthenticated("wrong-credentials", "handle or password is wrong", next_step="Try again.")
    quiet = [key for key, pace in _keys(checked.handle, address) if pace is not FROM_ADDRESS]
    tx.execute(tries.delete().where(tries.c.key.in_(quiet)))
    return get_person(tx, checked.handle).actor


def _locked_tries(tx: Tx, key: str) -> Tries:
    """Return what is remembered under the key; a concurrent try waits until this transaction has ended."""
    tx.insert_or_ignore(tries, {"key": key, "tried": 0, "last_at": tx.now, "next_at": tx.now}, on=["key"])
    row = tx.rows(tries.select().where(tries.c.key == key).with_for_update())[0]
    return Tries(row.tried, row.last_at, row.next_at)


def _keys(handle: str, address: str) -> tuple[tuple[str, Pace], ...]:
    address = neighbourhood(address)
    return (
        (digest(f"here {handle} {address}"), FROM_HERE),
        (digest(f"address {address}"), FROM_ADDRESS),
        (digest(f"anywhere {handle}"), ANYWHERE),
    )


def _check_length(valid_s: float, longest_s: float) -> None:
    if not 60 <= valid_s <= longest_s:
        raise Invalid(
            "bad-expiry", "a token is valid for at least a minute and at most "
            f"{longest_s / 86400:.0f} days", next_step="Ask for a shorter one and renew it.",
        )  # fmt: skip


def _token_subject(kind: str, owner: str, name: str) -> str:
    return f"service-token/{name}" if kind == "service" else person_subject(owner)


def _insert_token(
    tx: Tx,
    actor: Actor,
    *,
    kind: str,
    owner: str,
    name: str,
    roles: list[str],
    valid_s: float | None,
    is_read_only: bool = False,
) -> NewSecret:
    title = name.strip()
    if not 1 <= len(title) <= 100 or not title.isprintable():
        raise Invalid(
            "bad-token-name", "a token needs a name of 1 to 100 characters", next_step="Say what uses it."
        )
    if not set(roles) <= set(ROLES):
        raise Conflict("bad-role", "this role is not in the matrix")
    secret = label("pat", tx.ids.token())
    token_id = tx.ids.uuid()
    expires_at = None if valid_s is None else tx.now + timedelta(seconds=valid_s)
    tx.execute(
        tokens.insert().values(
            id=token_id, secret_hash=digest(secret), kind=kind, owner=owner, name=title, roles=roles,
            is_read_only=is_read_only, created_at=tx.now, expires_at=expires_at, last_used_at=None,
            revoked_at=None,
        )
    )  # fmt: skip
    tx.emit(
        actor,
        TokenCreated(
            subject=_token_subject(kind, owner, title),
            token_id=token_id,
            token_name=title,
            kind=kind,
            roles=roles,
            expires_at=None if expires_at is None else expires_at.isoformat(),
            is_read_only=is_read_only,
        ),
    )
    return NewSecret(token_id, secret, expires_at)
