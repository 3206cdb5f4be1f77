"""Looking at one thing from outside: is it up, how long did it take to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Probe:
    """One look. `target` is a URL for http, host:port for tcp, a database URL for sql, ignored for command.

    `command` starts with a name from the server's own settings. An sql probe is well when `sql` returns no
    row; secrets in its URL are `${env:…}` or `${file:…}` references.
    """

    kind: Literal["http", "tcp", "command", "sql"]
    target: str = ""
    command: tuple[str, ...] = ()
    timeout_s: float = 5.0
    expect_status: int | None = None
    host_header: str | None = None
    expect_body: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    checks_certificate: bool = True
    sql: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was seen. `detail` is one sentence for a person and holds no secret."""

    ok: bool
    took_s: float
    detail: str


class Prober(Protocol):
    """Runs probes; the result of a probe that cannot run is not ok, with the reason."""

    async def look(self, probe: Probe) -> ProbeResult:
        """Return what was seen within the time-out; never raises."""
        ...


FindingStatus = Literal["ok", "failed", "unknown", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a health report. Unknown is not well; skipped means that there is nothing to look at."""

    name: str
    status: FindingStatus
    detail: str
    service: str | None = None
    environment: str | None = None


class HostHealth(Protocol):
    """Looks at what StayCalm itself stands on: its database, its disk."""

    async def findings(self) -> tuple[Finding, ...]:
        """Return what was found within a few seconds; never raises."""
        ...
