"""What a health report consists of and what its verdict is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.core.durations import format_duration
from staycalm.ports.deploy import RevisionStatus
from staycalm.ports.errors import PortError
from staycalm.ports.probes import Finding, ProbeResult
from staycalm.ports.traffic import EdgeObservation

ReportState = Literal["waiting", "running", "done"]
# A check that starts later than this after it was asked for tells that the engine is overloaded.
LAG_LIMIT_S = 5.0
EVENT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One full look at everything. `ok` and `findings` are there once it is done."""

    id: str
    state: ReportState
    is_on_demand: bool
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    ok: bool | None
    findings: tuple[Finding, ...]


def verdict(findings: Iterable[Finding]) -> bool:
    """Return True when nothing failed and nothing is unknown."""
    return all(finding.status in ("ok", "skipped") for finding in findings)


def failed_names(findings: Sequence[Finding]) -> list[str]:
    """Return what is not well, each with its place, at most 50."""
    names = []
    for finding in findings:
        if finding.status not in ("ok", "skipped"):
            place = f" of {finding.service}@{finding.environment}" if finding.service else ""
            names.append(f"{finding.name}{place}: {finding.detail}")
    return names[:EVENT_LIMIT]


def engine_finding(lag_s: float) -> Finding:
    """Return what the time between asking for a check and starting it tells about the engine."""
    words = f"due work starts after {format_duration(max(0.0, lag_s))}"
    return Finding("engine", "ok" if lag_s <= LAG_LIMIT_S else "failed", words)


def look_finding(name: str, seen: ProbeResult, service: str, environment: str) -> Finding:
    """Return what a probe means."""
    took = format_duration(seen.took_s)
    return Finding(name, "ok" if seen.ok else "failed", f"{seen.detail} ({took})", service, environment)


def instances_finding(
    name: str, seen: RevisionStatus, wanted: int, digest: str, service: str, environment: str
) -> Finding:
    """Return what really runs, compared with what is meant to run, by digest."""
    ready = sum(instance.readiness == "ready" for instance in seen.instances)
    words = f"{ready} of {wanted} ready"
    if seen.digest is not None and seen.digest != digest:
        words += f"; runs {seen.digest[:19]} instead of {digest[:19]}"
        return Finding(name, "failed", words, service, environment)
    if seen.digest is None:
        words += "; what runs cannot be told by digest"
    restarts = sum(instance.restarts for instance in seen.instances)
    if restarts:
        words += f"; {restarts} restarts"
    return Finding(name, "ok" if ready >= wanted else "failed", words, service, environment)


def edge_findings(seen: Sequence[EdgeObservation], service: str, environment: str) -> list[Finding]:
    """Return what every proxy really does for a placement."""
    if not seen:
        return [Finding("proxy", "unknown", "no proxy answers", service, environment)]
    found = []
    for edge in seen:
        age = "" if edge.age_days is None else f" ({edge.age_days} days old)"
        words = f"{edge.version}{age}, up {format_duration(edge.uptime_s)}"
        if edge.generation is not None:
            words += f", generation {edge.generation}"
        if edge.rejections:
            words += f", {edge.rejections} rejected configurations"
        if edge.problem:
            words += f"; {edge.problem}"
        is_well = edge.is_live and edge.problem is None and edge.split is not None
        if edge.is_live and edge.split is None:
            words += "; it does not know the placement"
        found.append(Finding(f"proxy {edge.edge}", "ok" if is_well else "failed", words, service, environment))
    return found


def trouble_finding(name: str, error: PortError, service: str, environment: str) -> Finding:
    """Return what an outside system's failure to answer means: nothing is known, so nothing is well."""
    return Finding(name, "unknown", str(error)[:300], service, environment)
