"""Making health reports: every part is a check of its own, so that one slow placement holds up no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.reporting import queries, service
from staycalm.domains.monitoring.reporting.decisions import (
    edge_findings,
    engine_finding,
    instances_finding,
    look_finding,
    trouble_finding,
)
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.decisions import integrity_probe, probe_for, probes_of
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler
from staycalm.ports.errors import PortError
from staycalm.ports.probes import Finding, Probe

Findings = tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class CheckSelf(Effect):
    """Look at what StayCalm itself stands on. `lag_s`: how late this very check was begun."""

    lag_s: float


@dataclass(frozen=True, kw_only=True)
class CheckPlacement(Effect):
    """Look at everything of one placement."""

    config: PlacementConfig
    running: tuple[RunningRevision, ...]


def reconcilers(outside: Outside, settings: MonitoringSettings) -> tuple[AnyReconciler, ...]:
    """Return the reconciler of reports, and those of checks on the proxy's machine and anywhere."""
    return (
        Reconciler[Effect, None](
            name="monitoring.report",
            due=queries.due_reports,
            next_due=queries.next_report,
            plan=partial(_begin_or_end, settings=settings),
            perform=_nothing_outside,
            settle=_nothing_to_settle,
        ),
        _checks(outside, settings, needs_edge=True),
        _checks(outside, settings, needs_edge=False),
    )


def _checks(outside: Outside, settings: MonitoringSettings, *, needs_edge: bool) -> Reconciler[Effect, Findings]:
    perform: Callable[[Effect], Awaitable[Findings]] = partial(make_check, outside)
    return Reconciler(
        name="monitoring.check.edge" if needs_edge else "monitoring.check",
        due=partial(queries.due_checks, needs_edge=needs_edge),
        next_due=partial(queries.next_check, needs_edge=needs_edge),
        plan=partial(_plan_check, outside=outside, settings=settings),
        perform=perform,
        settle=partial(_settle_check, settings=settings),
        needs_edge=needs_edge,
    )


def _begin_or_end(tx: Tx, id: str, *, settings: MonitoringSettings) -> None:
    service.begin_or_end(tx, id, settings=settings)


async def _nothing_outside(effect: Effect) -> NoReturn:
    raise AssertionError(f"a report has no effect of its own, yet there is {effect.key}")


def _nothing_to_settle(tx: Tx, id: str, effect: Effect, outcome: object) -> NoReturn:
    raise AssertionError(f"a report has no effect of its own, yet there is {effect.key}")


def _plan_check(tx: Tx, id: str, *, outside: Outside, settings: MonitoringSettings) -> Effect | None:
    row = queries.find_check(tx, id)
    if row is None:
        return None
    place = service.placement_of(row.service, row.environment)
    if place is None:
        return CheckSelf(key=id, lag_s=(tx.now - row.due_at).total_seconds())
    config = catalog.find_placement(tx, place)
    running = outside.deployed(tx, place)
    if config is None or not running:
        nothing = Finding("placement", "skipped", "nothing is deployed here", place.service, place.environment)
        service.record_check(tx, id, (nothing,), settings=settings)
        return None
    return CheckPlacement(key=id, config=config, running=running)


async def make_check(outside: Outside, effect: Effect) -> Findings:
    """Return what was found; a part that does not answer is a finding, not a failure of the check."""
    if isinstance(effect, CheckSelf):
        found = [engine_finding(effect.lag_s)]
        for host in outside.hosts:
            found.extend(await host.findings())
        return tuple(found)
    assert isinstance(effect, CheckPlacement), f"nobody checks {effect.key}"
    config = effect.config
    return (
        *await _look_at_instances(outside, config, effect.running),
        *await _look_at_edges(outside, config),
        *await _look_at_probes(outside, config),
    )


async def _look_at_instances(
    outside: Outside, config: PlacementConfig, running: tuple[RunningRevision, ...]
) -> list[Finding]:
    found = []
    for each in running:
        try:
            seen = await outside.target(config.target).status(each.spec)
        except PortError as error:
            found.append(trouble_finding("instances", error, config.service, config.environment))
            continue
        finding = instances_finding(
            seen, each.spec.instances, each.spec.digest, config.service, config.environment
        )
        found.append(finding)
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


def _settle_check(
    tx: Tx, id: str, effect: Effect, outcome: Findings | PortError, *, settings: MonitoringSettings
) -> None:
    if isinstance(outcome, PortError):
        place = effect.config.placement if isinstance(effect, CheckPlacement) else None
        outcome = (
            trouble_finding("check", outcome, place.service if place else "", place.environment if place else ""),
        )
    service.record_check(tx, id, outcome, settings=settings)
