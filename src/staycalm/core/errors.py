"""The errors a person can meet. Each says what happened and what to do next (RFC 9457 at the edge)."""

from __future__ import annotations

from typing import Any, ClassVar


class StayCalmError(Exception):
    """A refusal a person can act on.

    `code` is stable and machine-readable, `message` one sentence for a human,
    `next_step` what to do now, `details` extra JSON-able members. Never a secret.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, code: str, message: str, *, next_step: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.details = details


class Invalid(StayCalmError):
    """The input is malformed or out of range; nothing was changed."""

    status = 422
    title = "Invalid input"


class Unauthenticated(StayCalmError):
    """Nobody is signed in, or the token is not valid any more."""

    status = 401
    title = "Sign in first"


class Forbidden(StayCalmError):
    """The access matrix does not allow this to the actor."""

    status = 403
    title = "Not allowed"


class NotFound(StayCalmError):
    """There is no such thing, or it is not visible to the actor."""

    status = 404
    title = "Not found"


class Conflict(StayCalmError):
    """The thing is not in a state that allows this, or somebody else was first."""

    status = 409
    title = "Conflict"


class Unavailable(StayCalmError):
    """Something this depends on does not answer; the same call may succeed later."""

    status = 503
    title = "Unavailable"


class PortError(Exception):
    """An outside system failed: no effect is known, or the next reconcile will see it. Holds no secret."""

    retryable: bool = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable


class InvalidSpec(PortError):
    """The specification, or the material, cannot be used as it is."""
