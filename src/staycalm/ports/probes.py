"""Looking at one thing from outside: is it up, how long did it take to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Probe:
    """One look. `target` is a URL for http, host:port for tcp, ignored for command."""

    kind: Literal["http", "tcp", "command"]
    target: str = ""
    command: tuple[str, ...] = ()
    timeout_s: float = 5.0
    expect_status: int | None = None
    host_header: str | None = None


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
