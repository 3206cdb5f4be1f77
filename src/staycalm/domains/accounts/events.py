"""What happened to people, their log-ins and their roles. The subject is `person/HANDLE`. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


def person_subject(handle: str) -> str:
    """Return the subject of events about a person."""
    return f"person/{handle}"


@dataclass(frozen=True, kw_only=True)
class PersonInvited(Event):
    name: ClassVar[str] = "accounts.person_invited"
    roles: list[str]
    managed_by: str


@dataclass(frozen=True, kw_only=True)
class InvitationIssued(Event):
    """There is a new link; older ones of this person are dead."""

    name: ClassVar[str] = "accounts.invitation_issued"
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class InvitationAccepted(Event):
    name: ClassVar[str] = "accounts.invitation_accepted"


@dataclass(frozen=True, kw_only=True)
class SetUpCompleted(Event):
    """The first admin exists."""

    name: ClassVar[str] = "accounts.set_up_completed"


@dataclass(frozen=True, kw_only=True)
class PersonChanged(Event):
    """`changed` names the fields, `roles` are the standing ones afterwards."""

    name: ClassVar[str] = "accounts.person_changed"
    changed: list[str]
    roles: list[str]


@dataclass(frozen=True, kw_only=True)
class PersonDeactivated(Event):
    name: ClassVar[str] = "accounts.person_deactivated"


@dataclass(frozen=True, kw_only=True)
class PersonReactivated(Event):
    name: ClassVar[str] = "accounts.person_reactivated"
    roles: list[str]


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Event):
    name: ClassVar[str] = "accounts.password_changed"


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    name: ClassVar[str] = "accounts.signed_in"
    method: str
    credential_id: str
    address: str


@dataclass(frozen=True, kw_only=True)
class SignInFailed(Event):
    """The subject is `person/unknown` when there is no such person: what was typed may be a password."""

    name: ClassVar[str] = "accounts.sign_in_failed"
    reason: str
    address: str


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    name: ClassVar[str] = "accounts.session_ended"
    session_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    name: ClassVar[str] = "accounts.token_created"
    token_id: str
    token_name: str
    kind: str
    roles: list[str]
    expires_at: str | None
    is_read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    name: ClassVar[str] = "accounts.token_revoked"
    token_id: str
    token_name: str


@dataclass(frozen=True, kw_only=True)
class RoleAssumed(Event):
    """The person holds `role` until `until` (ISO 8601, UTC), because of `cause`; a past `until` ends it."""

    name: ClassVar[str] = "accounts.role_assumed"
    role: str
    until: str
    cause: str
