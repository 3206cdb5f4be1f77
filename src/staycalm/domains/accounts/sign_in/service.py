"""Writing sessions; of every credential, that it was used, and that it is gone some time after its end."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import NotFound
from staycalm.domains.accounts.events import SessionEnded, SignedIn, person_subject
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.secrets import digest, label
from staycalm.domains.accounts.sign_in.decisions import TOUCH_EVERY_S
from staycalm.domains.accounts.sign_in.model import sessions, tokens, tries
from staycalm.domains.accounts.sign_in.queries import find_session
from staycalm.domains.accounts.sign_in.tries import let_in
from staycalm.domains.accounts.sign_in.values import Credentials, NewSecret
from staycalm.kit.database import Tx


def start_session(tx: Tx, checked: Credentials, *, address: str, user_agent: str, absolute_s: float) -> NewSecret:
    """The person whose password was checked has a session. Raises Unauthenticated when it changed meanwhile."""
    person = let_in(tx, checked, address)
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
