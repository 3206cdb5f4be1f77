"""How a due watch is looked at, and the chores that need no look."""

from __future__ import annotations

from datetime import datetime

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.conditions.service import retire
from staycalm.domains.monitoring.decisions import expression
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.reporting.service import forget_reports, keep_scheduled
from staycalm.domains.monitoring.sampling.service import forget, roll_hours_up, roll_up
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.uptime.service import count_watched
from staycalm.domains.monitoring.watching import service
from staycalm.domains.monitoring.watching.counting import expressions_for
from staycalm.domains.monitoring.watching.decisions import integrity_probe, probe_for, probes_of
from staycalm.domains.monitoring.watching.effects import Ask, LookAt, LookAtInstances, Looking, ReadTraffic
from staycalm.domains.monitoring.watching.queries import Watch
from staycalm.domains.monitoring.watching.settling import evaluate_everything
from staycalm.kit.database import Tx


def look_for(
    tx: Tx, watch: Watch, config: PlacementConfig, running: tuple[RunningRevision, ...]
) -> Looking | None:
    """Return how to look, or None when nothing is deployed there: what was never started is not down."""
    stable = next((each for each in running if each.is_stable), None)
    if stable is None:
        return None
    key = f"{watch.key}@{watch.due_at.isoformat()}"
    if watch.kind == "probe":
        declared = next((p for p in probes_of(config) if p.name == watch.name), None)
        return None if declared is None else LookAt(key=key, watch=watch, config=config, probe=probe_for(declared))
    if watch.kind == "integrity":
        probe = integrity_probe(config)
        return None if probe is None else LookAt(key=key, watch=watch, config=config, probe=probe)
    if watch.kind == "instances":
        return LookAtInstances(key=key, watch=watch, config=config, spec=stable.spec)
    if watch.kind == "traffic":
        return ReadTraffic(key=key, watch=watch, config=config)
    if watch.kind == "counters" and config.metric_queries is not None:
        queries = config.metric_queries
        asked = expressions_for(queries, watch.placement, running)
        return Ask(key=key, watch=watch, config=config, source=queries.source, expressions=asked, at=tx.now)
    return _question(tx, key, watch, config) if watch.kind == "query" else None


def _question(tx: Tx, key: str, watch: Watch, config: PlacementConfig) -> Looking | None:
    rule = next((r for r in conditions.all_rules(tx) if r.name == watch.name and r.signal == "query"), None)
    if rule is None:
        return None
    asked = {"value": expression(rule, watch.placement)}
    return Ask(key=key, watch=watch, config=config, source=rule.source, expressions=asked, at=tx.now)


def synchronise(tx: Tx, watch: Watch | None, *, settings: MonitoringSettings) -> None:
    """What is watched, what has a condition, and whether reports are made, follow the catalog and the rules."""
    rules = conditions.all_rules(tx)
    placements: tuple[Placement, ...] = service.sync(tx, rules, settings=settings)
    retire(tx, placements, rules)
    keep_scheduled(tx, has_placements=bool(placements))
    service.unsettle(tx)
    if watch is not None:
        service.moved_on(tx, watch)


def prune(tx: Tx, watch: Watch, *, settings: MonitoringSettings) -> None:
    """Measurements and reports past their time are gone, a bounded number at once."""
    if forget(tx, settings=settings) or forget_reports(tx, keep_s=settings.keep_reports_s):
        service.put_off(tx, watch, 1.0)
    else:
        service.moved_on(tx, watch)


def roll_minutes_up(tx: Tx, watch: Watch, config: PlacementConfig, *, settings: MonitoringSettings) -> None:
    """Every whole minute and hour has its row, the day its uptime, and every rule has been evaluated."""
    body = dict(watch.body or {})
    until = roll_up(tx, watch.placement, since=_instant(watch.cursor), keep_samples_s=settings.keep_samples_s)
    hours = roll_hours_up(tx, watch.placement, since=_instant(body.get("hours")), until=until)
    count_watched(tx, watch.placement, since=_instant(body.get("watched")))
    evaluate_everything(tx, config, settings=settings)
    body = {"hours": hours.isoformat(), "watched": tx.now.isoformat()}
    if (tx.now - until).total_seconds() >= 120 or (until - hours).total_seconds() >= 3600:
        service.put_off(tx, watch, 0.0, cursor=until.isoformat(), body=body)
    else:
        service.moved_on(tx, watch, cursor=until.isoformat(), body=body)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
