"""Exit codes, for scripts. `sc help exit-codes` prints this table."""

from __future__ import annotations

OK = 0
REFUSED = 1
USAGE = 2
UNREACHABLE = 3
NOT_FOUND = 4
NOT_ALLOWED = 5
CONFLICT = 6
NOBODY_PAGED = 7
UNHEALTHY = 8
ROLLED_BACK = 9
INTERRUPTED = 130

MEANINGS = {
    OK: "done",
    REFUSED: "refused, or something failed; the message says what to do",
    USAGE: "the command line is wrong",
    UNREACHABLE: "no server is known, or it does not answer",
    NOT_FOUND: "there is no such thing",
    NOT_ALLOWED: "not signed in, or not allowed",
    CONFLICT: "not possible in the present state, or somebody was first",
    NOBODY_PAGED: "somebody had to be paged, and NOBODY was",
    UNHEALTHY: "not well: a check or smoke test failed, or something P0 or P1 is open",
    ROLLED_BACK: "the deployment that was followed did not complete: rolled back or aborted",
    INTERRUPTED: "interrupted",
}


def of_status(status: int) -> int:
    """Return the exit code for a refusal with this HTTP status."""
    return {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 409: CONFLICT, 503: UNREACHABLE}.get(
        status, REFUSED
    )
