"""Sessions and tokens as people see them: no secret in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

TokenKind = Literal["person", "service", "local"]


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of a browser."""

    id: str
    handle: str
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """One API token. `expires_at` is None for the local one alone; a read-only one is refused every write."""

    id: str
    kind: TokenKind
    owner: str
    name: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A session or token together with its secret, which is shown this once."""

    id: str
    secret: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log-in is checked against; `password_hash` is None when nobody can sign in with a password."""

    handle: str
    password_hash: str | None
