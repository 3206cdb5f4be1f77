"""Trying a revision out before it gets any traffic: HTTP checks and named commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One check. http: GET `url` with `host_header` answers `expect_status` and contains `expect_body`.

    The certificate of an https URL is not checked: the address is our own listener. command: `command` is
    a name in the server's own settings, never a command line; it gets `environment`; exit 0 passes.
    """

    name: str
    kind: Literal["http", "command"]
    url: str = ""
    host_header: str | None = None
    expect_status: int = 200
    expect_body: str | None = None
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """What a check saw. `detail` is one sentence for a person and holds no secret."""

    name: str
    ok: bool
    took_s: float
    detail: str


class SmokeRunner(Protocol):
    """Runs checks; one that cannot run is not ok, with the reason."""

    async def run(self, checks: tuple[SmokeCheck, ...]) -> tuple[SmokeResult, ...]:
        """Return one result per check, in order, each within its time-out; never raises."""
        ...
