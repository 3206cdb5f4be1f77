"""Writing API tokens: a person's, a machine's, and the one of the data directory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Forbidden, Invalid, NotFound
from staycalm.domains.accounts.decisions import ROLES, STANDING_ROLES, check_role
from staycalm.domains.accounts.events import SignedIn, TokenCreated, TokenRevoked, person_subject
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.secrets import digest, label
from staycalm.domains.accounts.sign_in.model import tokens
from staycalm.domains.accounts.sign_in.queries import LOCAL, find_token, identify_token
from staycalm.domains.accounts.sign_in.tries import let_in
from staycalm.domains.accounts.sign_in.values import Credentials, NewSecret
from staycalm.kit.database import Tx


def start_token(tx: Tx, checked: Credentials, *, name: str, address: str, valid_s: float) -> NewSecret:
    """The person whose password was checked has an API token with all their roles: what `sc login` keeps."""
    person = let_in(tx, checked, address)
    roles = sorted({*STANDING_ROLES, "on-call"})
    created = _insert_token(
        tx, person, kind="person", owner=checked.handle, name=name, roles=roles, valid_s=valid_s
    )
    subject = person_subject(checked.handle)
    tx.emit(person, SignedIn(subject=subject, method="token", credential_id=created.id, address=address))
    return created


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
