"""A channel that keeps what it was given. Strict about what the port promises; fails when told to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from staycalm.ports.errors import InvalidSpec, PortError, Unconfirmed
from staycalm.ports.messages import ChannelKind, Message, Receipt


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message the outside accepted."""

    address: str
    message: Message


class Lost(BaseException):
    """The process went away right after the outside had accepted the message."""


class FakeChannel:
    """Accepts everything it is given, in order, until told otherwise.

    Refused as programming errors: another address under a known key, an unmarked repeat of a message
    that had arrived, a line break in the subject, a page without an address.
    """

    def __init__(self, kind: ChannelKind) -> None:
        self.kind: ChannelKind = kind
        self.arrived: list[Arrived] = []
        self.tries: Counter[str] = Counter()
        self._failures: list[tuple[str | None, PortError | Lost, int]] = []
        self._unanswered: list[tuple[str | None, int]] = []
        self._address_of: dict[str, str] = {}

    def check_address(self, address: str) -> str:
        """Return the address; raises InvalidSpec for an empty one."""
        if not address.strip():
            raise InvalidSpec("the address is empty")
        return address.strip()

    def fail(self, error: PortError, *, times: int = 1, address: str | None = None) -> None:
        """The next `times` tries (to `address`, or to anybody) raise `error`."""
        self._failures.append((address, error, times))

    def recover(self) -> None:
        """No try fails any more."""
        self._failures.clear()

    def lose_process_after_next(self) -> None:
        """The next message arrives, and nobody lives to record it."""
        self._failures.append((None, Lost(), 1))

    def lose(self, *, times: int = 1, address: str | None = None) -> None:
        """The next `times` messages (to `address`, or to anybody) arrive, but their answers do not."""
        self._unanswered.append((address, times))

    async def send(self, address: str, message: Message) -> Receipt:
        """Return a receipt, or raise what was asked for."""
        self._check(address, message)
        self.tries[address] += 1
        error = self._next_failure(address)
        if isinstance(error, PortError):
            raise error
        self.arrived.append(Arrived(address, message))
        if error is not None:
            raise error
        if self._is_answer_lost(address):
            raise Unconfirmed("the answer was lost")
        return Receipt(f"250 accepted {len(self.arrived)}")

    def to(self, address: str) -> list[Message]:
        """Return what arrived at one address."""
        return [each.message for each in self.arrived if each.address == address]

    def _check(self, address: str, message: Message) -> None:
        assert address == self.check_address(address), "the address is not in its normal form"
        assert "\n" not in message.subject and "\r" not in message.subject
        assert message.text.strip() and message.idempotency_key
        known = self._address_of.setdefault(message.idempotency_key, address)
        assert known == address, f"key {message.idempotency_key} was sent to {known} and now to {address}"
        has_arrived = any(a.message.idempotency_key == message.idempotency_key for a in self.arrived)
        assert not has_arrived or message.is_duplicate_possible, "a repeat is not marked as one"

    def _next_failure(self, address: str) -> PortError | Lost | None:
        for place, (wanted, error, times) in enumerate(self._failures):
            if wanted in (None, address):
                if times == 1:
                    del self._failures[place]
                else:
                    self._failures[place] = (wanted, error, times - 1)
                return error
        return None

    def _is_answer_lost(self, address: str) -> bool:
        for place, (wanted, times) in enumerate(self._unanswered):
            if wanted in (None, address):
                self._unanswered[place : place + 1] = [(wanted, times - 1)] if times > 1 else []
                return True
        return False
