"""Who a person is, and who a request comes from, as frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.core.actor import ANONYMOUS, Actor

ManagedBy = Literal["file", "web"]
Method = Literal["session", "token", "none"]


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """A role held until `until` because of `cause`, such as a shift."""

    role: str
    until: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `roles` are the effective ones at the time of the question."""

    handle: str
    name: str
    email: str
    time_zone: str
    is_active: bool
    roles: frozenset[str]
    standing_roles: frozenset[str] = frozenset()
    managed_by: ManagedBy = "web"
    has_password: bool = False
    assumed: tuple[AssumedRole, ...] = ()

    @property
    def actor(self) -> Actor:
        return Actor("person", self.handle, self.name)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from and what it may use now.

    `method` is how it was proven; `credential_id` names the session or token, never its secret.
    A token's roles are the ones it was made with that its owner still holds.
    """

    actor: Actor
    roles: frozenset[str]
    method: Method
    credential_id: str | None = None
    expires_at: datetime | None = None
    is_stale: bool = False
    """Whether the credential's last use is so old that this one should be noted."""
    is_read_only: bool = False
    """Whether the credential may only read, whatever its roles hold."""

    @property
    def is_signed_in(self) -> bool:
        return self.method != "none"


NOBODY = Identity(ANONYMOUS, frozenset(), "none")


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that is still good; `handle` is None for the set-up link."""

    purpose: str
    handle: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the inviting person hands over. `code` is a secret; `path` is the page that takes it."""

    handle: str
    code: str
    expires_at: datetime

    @property
    def path(self) -> str:
        return f"/invitation/{self.code}"
