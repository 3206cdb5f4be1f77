"""REST routes of monitoring."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from staycalm.core.actor import Actor
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid, NotFound, Unavailable
from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.conditions.queries import Standing
from staycalm.domains.monitoring.reporting import queries as reporting
from staycalm.domains.monitoring.reporting import service as reports
from staycalm.domains.monitoring.reporting.decisions import HealthReport
from staycalm.domains.monitoring.rules import DEFAULT_RULES, Rule
from staycalm.domains.monitoring.sampling import queries as sampling
from staycalm.domains.monitoring.schemas import (
    HealthReportOut,
    PlacementSignals,
    RuleList,
    SignalsList,
    look_out,
    report_out,
    rule_out,
    short_signals_out,
    signals_out,
)
from staycalm.domains.monitoring.watching.queries import watches_of
from staycalm.domains.monitoring.watching.settling import outcomes
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1", tags=["monitoring"])

Reader = Annotated[Actor, allow("metrics", "read")]
LOOKS_PER_S = 5
MOST_PLACEMENTS = 40


@router.get("/monitoring/signals")
async def get_signals(
    db: Db,
    who: Reader,
    service: str,
    environment: str,
    window: Annotated[str, Query(max_length=20, description="Such as 15m, 6h or 7d; at most 30d.")] = "15m",
) -> PlacementSignals:
    """Return the golden signals of a placement: the last minute, also by slot, and points over the window."""
    window_s = parse_duration(window)
    if not 10 <= window_s <= sampling.LONGEST_WINDOW_S:
        raise Invalid("bad-window", f"a window of {window} is out of range", next_step="Use 10s to 30d.")
    return await db.read(_signals, Placement(service, environment), window_s)


def _signals(tx: ReadTx, placement: Placement, window_s: float) -> PlacementSignals:
    catalog.get_placement(tx, placement)
    minute = sampling.window(tx, placement, sampling.DEFAULT_WINDOW_S)
    now = minute.signals(now=tx.now, window_s=sampling.DEFAULT_WINDOW_S)
    slots = {
        slot: sampling.window(tx, placement, sampling.DEFAULT_WINDOW_S, slot=slot)
        for slot in sorted({counts.slot for counts in minute.counts})
    }
    return PlacementSignals(
        service=placement.service,
        environment=placement.environment,
        now=signals_out(now) if minute.counts or minute.usage else None,
        slots={
            slot: signals_out(each.signals(now=tx.now, window_s=sampling.DEFAULT_WINDOW_S))
            for slot, each in slots.items()
        },
        points=[signals_out(point) for point in sampling.points(tx, placement, window_s)],
        looks=[look_out(watch) for watch in watches_of(tx, placement, "probe", "instances", "integrity")],
    )


@router.get("/monitoring/signals/everywhere")
async def list_signals(
    db: Db,
    who: Reader,
    window: Annotated[str, Query(max_length=20, description="Such as 5m; at most 15m.")] = "5m",
) -> SignalsList:
    """Return the golden signals of the first forty placements: the last minute, and points over the window."""
    window_s = parse_duration(window)
    if not 10 <= window_s <= sampling.FINE_WINDOW_S:
        raise Invalid("bad-window", f"a window of {window} is out of range", next_step="Use 10s to 15m.")
    return await db.read(_everywhere, window_s)


def _everywhere(tx: ReadTx, window_s: float) -> SignalsList:
    found = []
    for placement in [config.placement for config in catalog.list_placements(tx)][:MOST_PLACEMENTS]:
        minute = sampling.window(tx, placement, sampling.DEFAULT_WINDOW_S)
        is_known = bool(minute.counts or minute.usage)
        now = minute.signals(now=tx.now, window_s=sampling.DEFAULT_WINDOW_S) if is_known else None
        points = sampling.points(tx, placement, window_s) if is_known else []
        found.append(short_signals_out(placement, now, points))
    return SignalsList(items=found)


@router.get("/monitoring/rules")
async def list_rules(db: Db, who: Reader) -> RuleList:
    """Return every rule in force, and where it stands on every placement it was evaluated on."""
    return await db.read(_rules)


def _rules(tx: ReadTx) -> RuleList:
    shipped = {rule.name for rule in DEFAULT_RULES}
    rules = conditions.all_rules(tx)
    standings = [_measured_now(tx, each, rules) for each in _by_placement(conditions.list_standings(tx))]
    items = [
        rule_out(
            rule, [s for each in standings for s in each if s.rule == rule.name], is_shipped=rule.name in shipped
        )
        for rule in rules
    ]
    return RuleList(items=items)


def _by_placement(standings: tuple[Standing, ...]) -> list[list[Standing]]:
    found: dict[Placement, list[Standing]] = {}
    for each in standings:
        found.setdefault(each.placement, []).append(each)
    return list(found.values())


def _measured_now(tx: ReadTx, standings: list[Standing], rules: tuple[Rule, ...]) -> list[Standing]:
    """Return the standings with what is measured now: a quiet look writes no condition."""
    named = {each.rule for each in standings}
    concerned = [rule for rule in rules if rule.name in named]
    now = {rule.name: outcome for rule, outcome in outcomes(tx, standings[0].placement, concerned)}
    return [
        replace(
            each,
            condition=replace(each.condition, value=now[each.rule].value, detail=now[each.rule].detail),
        )
        if each.rule in now
        else each
        for each in standings
    ]


@router.get("/health-report")
async def get_health_report(db: Db, who: Reader) -> HealthReportOut:
    """Return the last full health report."""
    latest = await db.read(reporting.find_latest)
    if latest is None:
        raise NotFound("no-report", "no health report has been made yet", next_step="sc ops health-check --full")
    return report_out(latest)


@router.post("/health-report")
async def make_health_report(
    db: Db,
    who: Reader,
    response: Response,
    wait: Annotated[float, Query(ge=0, le=60, description="How many seconds to wait for the end.")] = 45.0,
) -> HealthReportOut:
    """Look at everything now and return what was found; 202 and the unfinished report when that takes longer."""
    id = await db.write(reports.ask_for_report, who)
    for _ in range(1 + int(wait * LOOKS_PER_S)):
        report = await db.read(reporting.get_report, id)
        if report.state == "done":
            return report_out(report)
        await asyncio.sleep(1 / LOOKS_PER_S)
    return _unfinished(report, response)


def _unfinished(report: HealthReport, response: Response) -> HealthReportOut:
    if report.state == "waiting":
        raise Unavailable(
            "engine-silent",
            "nothing that is due is being done: the engine of the server does not run",
            next_step="Look at the server's log.",
        )
    response.status_code = 202
    return report_out(report)


@router.get("/health-report/{id}")
async def get_health_report_by_id(db: Db, who: Reader, id: str) -> HealthReportOut:
    """Return one health report."""
    return report_out(await db.read(reporting.get_report, id))
