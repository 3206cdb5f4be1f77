"""Who a person is, and who a request comes from, as frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.core.actor import Actor

ManagedBy = Literal["file", "web"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `roles` are the effective ones at the time of the question."""

    handle: str
    name: str
    email: str
    time_zone: str
    is_active: bool
    roles: frozenset[str]
    managed_by: ManagedBy = "web"
    has_password: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from and what it may use now.

    `method` is how it was proven; `credential_id` names the session or token, never its secret.
    A token's roles are the ones it was made with that its owner still holds.
    """

    actor: Actor
    roles: frozenset[str]
    method: Literal["session", "token", "none"]
    credential_id: str | None = None
    expires_at: datetime | None = None
