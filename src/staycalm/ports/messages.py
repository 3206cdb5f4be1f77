"""Reaching people: e-mail, webhooks, pushes. One message, one address, one try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

ChannelKind = Literal["email", "webhook", "ntfy"]


@dataclass(frozen=True, slots=True)
class Message:
    """What to tell. `idempotency_key` is the same on every retry of one notification.

    `action_url` is the page with the one button (acknowledge); `data` is what a machine gets.
    `priority` is P0-P3, or None when nobody has to hurry. `is_duplicate_possible` marks a repeat
    after a crash between sending and recording. `unsubscribe_url` ends messages of this kind: one POST to it,
    without a log-in (RFC 8058); None for everything that somebody has to know.
    """

    subject: str
    text: str
    idempotency_key: str
    html: str | None = None
    priority: str | None = None
    action_url: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    is_duplicate_possible: bool = False
    unsubscribe_url: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outside accepted the message under this reference (an SMTP reply, an HTTP status)."""

    reference: str


class Channel(Protocol):
    """One way to reach somebody."""

    kind: ChannelKind

    def check_address(self, address: str) -> str:
        """Return the address in its normal form; raises InvalidSpec in words for a person."""
        ...

    async def send(self, address: str, message: Message) -> Receipt:
        """The outside accepted the message. Raises PortError; retryable says whether to try again."""
        ...
