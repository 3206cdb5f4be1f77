"""How an outside system fails. Adapters raise these and nothing else."""

from __future__ import annotations

from staycalm.core.errors import InvalidSpec as InvalidSpec
from staycalm.core.errors import PortError as PortError


class Rejected(PortError):
    """The outside refused the new state; the old one is still in force."""


class Unconfirmed(PortError):
    """Written, but not seen in force everywhere before the deadline."""

    retryable = True


class Fenced(PortError):
    """A higher generation or fence is already in force: somebody else is the writer now."""


class OutsideUnavailable(PortError):
    """The outside system does not answer."""

    retryable = True


class Unsupported(PortError):
    """This adapter cannot do that; the message names what can."""


class DigestMismatch(PortError):
    """The bytes are not the bytes that were registered."""


class NotReady(PortError):
    """The revision did not become healthy in time; carries the last lines it logged."""

    def __init__(self, message: str, log_lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log_lines = log_lines
