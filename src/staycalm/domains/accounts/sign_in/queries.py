"""Reading credentials: who a secret belongs to, and what a person has lying around."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.domains.accounts.decisions import narrow
from staycalm.domains.accounts.model import people
from staycalm.domains.accounts.people import Identity, Method
from staycalm.domains.accounts.queries import MOST_PEOPLE, find_person
from staycalm.domains.accounts.secrets import digest
from staycalm.domains.accounts.sign_in.decisions import TOUCH_EVERY_S, holds
from staycalm.domains.accounts.sign_in.model import sessions, tokens
from staycalm.domains.accounts.sign_in.values import Credentials, Session, Token
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import Utc

MOST_LISTED = 500
LOCAL = Actor("person", "local", "whoever runs the server")
# Built once: every request of a program asks it.
_HOLDING_TOKEN = tokens.select().where(
    tokens.c.secret_hash == sa.bindparam("wanted"),
    tokens.c.revoked_at.is_(None),
    sa.or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > sa.bindparam("now", type_=Utc())),
)


def find_credentials(tx: ReadTx, handle: str) -> Credentials | None:
    """Return what a log-in of this handle is checked against; None when no active person has it."""
    row = tx.one_or_none(
        sa.select(people.c.handle, people.c.password_hash).where(people.c.handle == handle, people.c.is_active)
    )
    return None if row is None else Credentials(row.handle, row.password_hash)


def identify_session(tx: ReadTx, secret: str, *, idle_s: float) -> Identity | None:
    """Return who this session cookie belongs to; None when it holds no more."""
    row = tx.one_or_none(sessions.select().where(sessions.c.secret_hash == digest(secret)))
    if row is None or not holds(
        tx.now, expires_at=row.expires_at, last_seen_at=row.last_seen_at, ended_at=row.ended_at, idle_s=idle_s
    ):
        return None
    person = find_person(tx, row.handle)
    if person is None or not person.is_active:
        return None
    is_stale = tx.now - row.last_seen_at >= timedelta(seconds=TOUCH_EVERY_S)
    return Identity(person.actor, person.roles, "session", row.id, row.expires_at, is_stale)


def identify_tokens(tx: ReadTx, secrets: Sequence[str]) -> dict[str, Identity | None]:
    """Return who each of these API tokens belongs to; see `identify_token`."""
    return {secret: identify_token(tx, secret) for secret in secrets}


def identify_token(tx: ReadTx, secret: str) -> Identity | None:
    """Return who this API token belongs to; None when it is revoked, too old, or its owner is gone."""
    row: Any = tx.execute(_HOLDING_TOKEN, {"wanted": digest(secret), "now": tx.now}).first()
    if row is None:
        return None
    is_stale = row.last_used_at is None or tx.now - row.last_used_at >= timedelta(seconds=TOUCH_EVERY_S)
    proven: tuple[Method, str, datetime | None, bool, bool] = (
        "token", row.id, row.expires_at, is_stale, row.is_read_only,
    )  # fmt: skip
    if row.kind == "local":
        return Identity(LOCAL, frozenset(row.roles), *proven)
    if row.kind == "service":
        return Identity(Actor("service", row.name, row.name), frozenset(row.roles), *proven)
    person = find_person(tx, row.owner)
    if person is None or not person.is_active:
        return None
    return Identity(person.actor, narrow(person.roles, row.roles), *proven)


def list_sessions(tx: ReadTx, handle: str, *, idle_s: float) -> tuple[Session, ...]:
    """Return the sessions of one person that still hold, newest first."""
    rows = tx.rows(
        sessions.select()
        .where(
            sessions.c.handle == handle,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > tx.now,
            sessions.c.last_seen_at > tx.now - timedelta(seconds=idle_s),
        )
        .order_by(sessions.c.created_at.desc())
        .limit(MOST_LISTED)
    )
    return tuple(session_of(row) for row in rows)


def list_tokens(tx: ReadTx, owner: str | None) -> tuple[Token, ...]:
    """Return the tokens that still hold, newest first; of one owner, or of everybody."""
    wanted = sa.true() if owner is None else tokens.c.owner == owner
    rows = tx.rows(
        tokens.select()
        .where(
            wanted,
            tokens.c.revoked_at.is_(None),
            sa.or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > tx.now),
        )
        .order_by(tokens.c.created_at.desc())
        .limit(MOST_LISTED)
    )
    return tuple(token_of(row) for row in rows)


def last_seen(tx: ReadTx) -> dict[str, datetime]:
    """Return when each person last used a session or a token of theirs; who never did is left out."""
    by_session = sa.select(sessions.c.handle.label("who"), sa.func.max(sessions.c.last_seen_at).label("at"))
    by_token = sa.select(tokens.c.owner.label("who"), sa.func.max(tokens.c.last_used_at).label("at"))
    is_own = sa.and_(tokens.c.kind == "person", tokens.c.last_used_at.is_not(None))
    found: dict[str, datetime] = {}
    for statement in (by_session.group_by(sessions.c.handle), by_token.where(is_own).group_by(tokens.c.owner)):
        for row in tx.rows(statement.limit(MOST_PEOPLE)):
            found[row.who] = max(found.get(row.who, row.at), row.at)
    return found


def find_token(tx: ReadTx, token_id: str) -> Token | None:
    """Return the token of this id, revoked or not."""
    row = tx.one_or_none(tokens.select().where(tokens.c.id == token_id))
    return None if row is None else token_of(row)


def find_session(tx: ReadTx, session_id: str) -> Session | None:
    """Return the session of this id unless it was ended."""
    row = tx.one_or_none(sessions.select().where(sessions.c.id == session_id, sessions.c.ended_at.is_(None)))
    return None if row is None else session_of(row)


def session_of(row: Any) -> Session:
    """Return the session row as a value."""
    return Session(
        row.id, row.handle, row.address, row.user_agent, row.created_at, row.last_seen_at, row.expires_at
    )


def token_of(row: Any) -> Token:
    """Return the token row as a value."""
    return Token(
        id=row.id,
        kind=row.kind,
        owner=row.owner,
        name=row.name,
        roles=tuple(row.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        is_read_only=row.is_read_only,
    )
