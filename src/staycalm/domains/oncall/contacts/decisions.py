"""A person's contact methods and which of them count. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from staycalm.core.errors import Invalid
from staycalm.ports.messages import ChannelKind

Health = Literal["untested", "working", "failing"]
ManagedBy = Literal["file", "web", "account"]
KINDS: tuple[ChannelKind, ...] = ("email", "webhook", "ntfy")
MAX_METHODS = 10
MAX_ADDRESS = 500


@dataclass(frozen=True, slots=True)
class ContactMethod:
    """One way to reach a person. `after_s` is the delay behind the page; None: only when another one failed.

    `position` orders a person's methods. `managed_by` "account" is the e-mail address of their account,
    used while nothing else is declared.
    """

    id: str
    person: str
    kind: ChannelKind
    address: str
    position: int = 0
    after_s: float | None = 0.0
    health: Health = "untested"
    managed_by: ManagedBy = "web"

    @property
    def shown_address(self) -> str:
        """The address as a page may show it: the path of a webhook or topic may be a secret."""
        return shown_address(self.kind, self.address)


def account_method(person: str, email: str, health: Health = "untested") -> ContactMethod:
    """Return the method that stands in while a person has declared none."""
    return ContactMethod(f"account:{person}", person, "email", email, health=health, managed_by="account")


def shown_address(kind: str, address: str) -> str:
    """Return the e-mail address, or only the host of anything else."""
    return address if kind == "email" else f"{urlsplit(address).hostname or 'somewhere'} (path hidden)"


def check_address(kind: ChannelKind, address: str) -> str:
    """Return the address without surrounding blanks; raises Invalid when it cannot be one of this kind.

    The channel itself says more when the first message is sent.
    """
    found = address.strip()
    if not found or len(found) > MAX_ADDRESS or not found.isprintable():
        raise Invalid("bad-address", f"a {kind} address has 1 to {MAX_ADDRESS} printable characters")
    if kind == "email":
        local, at, domain = found.rpartition("@")
        if not (local and at and domain) or " " in found:
            raise Invalid(
                "bad-address", f"{found!r} is not an e-mail address", next_step="Write name@example.com."
            )
    elif urlsplit(found).scheme not in ("http", "https") or not urlsplit(found).hostname:
        example = "https://ntfy.sh/your-topic" if kind == "ntfy" else "https://example.com/hook"
        raise Invalid("bad-address", f"a {kind} address is a URL", next_step=f"Write it like {example}.")
    return found


def usable(methods: Iterable[ContactMethod], channels: frozenset[str] | None) -> tuple[ContactMethod, ...]:
    """Return the methods in order whose channel this server has; None means that it has not said yet."""
    return tuple(
        sorted((m for m in methods if channels is None or m.kind in channels), key=lambda m: (m.position, m.id))
    )
