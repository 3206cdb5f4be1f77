"""Wire types of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from staycalm.domains.accounts.decisions import MATRIX, RESOURCES, Role, decide
from staycalm.domains.accounts.people import Identity, Invitation, Person
from staycalm.domains.accounts.sign_in.values import NewSecret, Session, Token
from staycalm.kit.wire import shown

Handle = Annotated[str, Field(min_length=1, max_length=63, examples=["ada"])]
ValidDays = Annotated[float, Field(gt=0, le=3660)]
StandingRole = Literal["support", "developer", "devops", "admin"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WhoAmI(BaseModel):
    """Who the request comes from. `access` says the highest level per resource that is allowed now."""

    kind: Literal["person", "service", "system", "anonymous"]
    id: str
    name: str
    roles: list[str]
    method: Literal["session", "token", "none"]
    credential_id: str | None
    expires_at: datetime | None
    is_read_only: bool
    access: dict[str, Literal["none", "read", "write"]]


class AssumedRoleOut(BaseModel):
    """A role held until then because of `cause`, such as a shift."""

    role: str
    until: datetime
    cause: str


class PersonOut(BaseModel):
    """Somebody with an account; `roles` are held now, `standing_roles` without an end, `assumed` for a while."""

    handle: str
    name: str
    email: str
    time_zone: str
    is_active: bool
    roles: list[str]
    standing_roles: list[str]
    assumed: list[AssumedRoleOut]
    managed_by: Literal["file", "web"]
    has_password: bool
    last_seen_at: datetime | None


class PeoplePage(BaseModel):
    items: list[PersonOut]


class PersonIn(Body):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    email: Annotated[str, Field(min_length=3, max_length=320)]
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    roles: list[StandingRole] = Field(default_factory=list)


class TimeZoneIn(Body):
    time_zone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"])]


class NewPerson(PersonIn):
    handle: Handle


class InvitationOut(BaseModel):
    """Hand `path` (under this server's address) to the person; it works once. None when none is needed."""

    handle: str
    path: str | None
    expires_at: datetime | None


class LoginIn(Body):
    handle: Handle
    password: Annotated[str, Field(min_length=1, max_length=1000)]
    token_name: Annotated[str, Field(min_length=1, max_length=100)] = "sc login"


class NewTokenOut(BaseModel):
    """`token` is shown this once; only its digest is stored."""

    id: str
    token: str
    expires_at: datetime | None


class NewToken(Body):
    """`roles` None takes everything the owner holds. Read-only is refused every write and may live longer."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    roles: list[Role] | None = None
    valid_days: ValidDays = 30
    read_only: bool = False


class NewServiceToken(Body):
    """A token of the service role `ci`; `name` is the actor in the event log. Read-only is right for scraping."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["github-actions"])]
    valid_days: ValidDays = 90
    read_only: bool = False


class TokenOut(BaseModel):
    id: str
    kind: Literal["person", "service", "local"]
    owner: str
    name: str
    roles: list[str]
    is_read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenPage(BaseModel):
    items: list[TokenOut]


class SessionOut(BaseModel):
    id: str
    handle: str
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_this_one: bool


class SessionPage(BaseModel):
    items: list[SessionOut]


class ExplanationOut(BaseModel):
    """Whether it is allowed now, and the cells of the matrix that decided."""

    is_allowed: bool
    resource: str
    level: str
    role: str | None
    sentence: str


def who_am_i(identity: Identity) -> WhoAmI:
    """Return the identity for the wire."""
    levels: dict[str, Literal["none", "read", "write"]] = {}
    for resource in RESOURCES:
        can_write, can_read = (decide(identity.roles, resource, level) for level in ("write", "read"))
        can_write = can_write and not identity.is_read_only
        levels[resource] = "write" if can_write else "read" if can_read else "none"
    return shown(
        WhoAmI,
        identity,
        kind=identity.actor.kind,
        id=identity.actor.id,
        name=identity.actor.name,
        roles=sorted(identity.roles, key=list(MATRIX).index),
        access=levels,
    )


def person_out(person: Person, last_seen_at: datetime | None) -> PersonOut:
    """Return the person for the wire."""
    return shown(
        PersonOut,
        person,
        roles=sorted(person.roles),
        standing_roles=sorted(person.standing_roles),
        assumed=[shown(AssumedRoleOut, each) for each in person.assumed],
        last_seen_at=last_seen_at,
    )


def invitation_out(handle: str, invitation: Invitation | None) -> InvitationOut:
    """Return the invitation for the wire; None reads as: the person can sign in already."""
    if invitation is None:
        return InvitationOut(handle=handle, path=None, expires_at=None)
    return InvitationOut(handle=handle, path=invitation.path, expires_at=invitation.expires_at)


def new_token_out(created: NewSecret) -> NewTokenOut:
    """Return the new token with its secret."""
    return NewTokenOut(id=created.id, token=created.secret, expires_at=created.expires_at)


def token_out(token: Token) -> TokenOut:
    """Return the token for the wire, without its secret."""
    return shown(TokenOut, token)


def session_out(session: Session, mine: str | None) -> SessionOut:
    """Return the session for the wire; `mine` is the id of the one that asks."""
    return shown(SessionOut, session, is_this_one=session.id == mine)
