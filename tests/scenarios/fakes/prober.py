"""A prober that sees what the test says. Strict about what the port promises; never suspends."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from staycalm.ports.probes import Finding, FindingStatus, Probe, ProbeResult


class FakeProber:
    """Everything is up until told otherwise. A thing is its URL, its host:port, its command's name, or its SQL."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()
        self.probes: list[Probe] = []
        self._down: dict[str, str] = {}
        self._failures: dict[str, tuple[str, int]] = {}

    def break_down(self, thing: str, detail: str = "connection refused") -> None:
        """From now on a look at `thing` fails."""
        self._down[thing] = detail

    def mend(self, thing: str) -> None:
        """From now on a look at `thing` succeeds."""
        self._down.pop(thing, None)

    def fail(self, thing: str, *, times: int = 1, detail: str = "no answer within 5 s") -> None:
        """The next `times` looks at `thing` fail."""
        self._failures[thing] = (detail, times)

    async def look(self, probe: Probe) -> ProbeResult:
        """Return what the test arranged."""
        thing = self._check(probe)
        self.looks[thing] += 1
        self.probes.append(probe)
        detail, times = self._failures.get(thing, ("", 0))
        if times:
            self._failures[thing] = (detail, times - 1)
            return ProbeResult(False, probe.timeout_s, detail)
        if thing in self._down:
            return ProbeResult(False, 0.001, self._down[thing])
        return ProbeResult(True, 0.004, "HTTP 200" if probe.kind == "http" else "ok")

    def _check(self, probe: Probe) -> str:
        assert probe.timeout_s > 0
        if probe.kind == "http":
            assert urlsplit(probe.target).scheme in ("http", "https"), f"{probe.target!r} is not a URL"
            return probe.target
        if probe.kind == "tcp":
            host, colon, port = probe.target.rpartition(":")
            assert colon and host and port.isdigit(), f"{probe.target!r} is not host:port"
            return probe.target
        if probe.kind == "sql":
            assert probe.target and probe.sql
            return probe.sql
        assert probe.command and all(probe.command), "a command has a name"
        return probe.command[0]


class FakeHost:
    """What StayCalm stands on. `say` changes one finding."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}
        self.say("database", "ok", "answers")
        self.say("disk", "ok", "50 % free")

    def say(self, name: str, status: FindingStatus, detail: str = "") -> None:
        """From now on this is what is found."""
        self._found[name] = Finding(name, status, detail)

    async def findings(self) -> tuple[Finding, ...]:
        """Return what the test arranged."""
        return tuple(self._found.values())
