"""Making health reports: every part is a check of its own, so that one slow placement holds up no other."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.reporting import service
from staycalm.domains.monitoring.reporting.decisions import (
    edge_findings,
    engine_finding,
    instances_finding,
    look_finding,
    trouble_finding,
)
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.decisions import integrity_probe, probe_for, probes_of
from staycalm.domains.monitoring.watching.queries import Watch
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect
from staycalm.ports.errors import PortError
from staycalm.ports.probes import Finding, Probe

Findings = tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class CheckSelf(Effect):
    """Look at what StayCalm itself stands on. `lag_s`: how late this very check was begun."""

    report_id: str
    lag_s: float


@dataclass(frozen=True, kw_only=True)
class CheckPlacement(Effect):
    """Look at everything of one placement."""

    report_id: str
    config: PlacementConfig
    running: tuple[RunningRevision, ...]


Check = CheckSelf | CheckPlacement


def plan_check(tx: Tx, watch: Watch, *, outside: Outside, settings: MonitoringSettings) -> Check | None:
    """Return the check to make; a placement where nothing is deployed has nothing to look at."""
    if not watch.placement.service:
        return CheckSelf(key=watch.key, report_id=watch.name, lag_s=(tx.now - watch.due_at).total_seconds())
    place = watch.placement
    config = catalog.find_placement(tx, place)
    running = outside.deployed(tx, place)
    if config is None or not running:
        nothing = Finding("placement", "skipped", "nothing is deployed here", place.service, place.environment)
        service.record_check(tx, watch.name, place, (nothing,), settings=settings)
        return None
    return CheckPlacement(key=watch.key, report_id=watch.name, config=config, running=running)


def settle_check(tx: Tx, check: Check, found: Findings | PortError, *, settings: MonitoringSettings) -> None:
    """What was found is in the report."""
    place: Placement | None = check.config.placement if isinstance(check, CheckPlacement) else None
    if isinstance(found, PortError):
        found = (
            trouble_finding("check", found, place.service if place else "", place.environment if place else ""),
        )
    service.record_check(tx, check.report_id, place, found, settings=settings)


async def make_check(outside: Outside, check: Check) -> Findings:
    """Return what was found; a part that does not answer is a finding, not a failure of the check."""
    if isinstance(check, CheckSelf):
        found = [engine_finding(check.lag_s)]
        for host in outside.hosts:
            found.extend(await host.findings())
        return tuple(found)
    return (
        *await _look_at_instances(outside, check.config, check.running),
        *await _look_at_edges(outside, check.config),
        *await _look_at_probes(outside, check.config),
    )


async def _look_at_instances(
    outside: Outside, config: PlacementConfig, running: tuple[RunningRevision, ...]
) -> list[Finding]:
    found = []
    for each in running:
        name = "instances" if each.is_stable else "candidate's instances"
        try:
            seen = await outside.target(config.target).status(each.spec)
        except PortError as error:
            found.append(trouble_finding(name, error, config.service, config.environment))
            continue
        spec = each.spec
        found.append(
            instances_finding(name, seen, spec.instances, spec.digest, config.service, config.environment)
        )
    return found


async def _look_at_edges(outside: Outside, config: PlacementConfig) -> list[Finding]:
    if config.router == "none":
        return []
    try:
        seen = await outside.router(config.router).observe(config.placement)
    except PortError as error:
        return [trouble_finding("proxy", error, config.service, config.environment)]
    return edge_findings(seen, config.service, config.environment)


async def _look_at_probes(outside: Outside, config: PlacementConfig) -> list[Finding]:
    looks: list[tuple[str, Probe]] = [(f"probe {p.name}", probe_for(p)) for p in probes_of(config)]
    integrity = integrity_probe(config)
    if integrity is not None:
        looks.append(("data integrity", integrity))
    return [
        look_finding(name, await outside.prober.look(probe), config.service, config.environment)
        for name, probe in looks
    ]
