"""Writes of health reports: asked for, taken apart into checks, put together again, scheduled anew."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.monitoring.events import HealthReported
from staycalm.domains.monitoring.reporting import queries
from staycalm.domains.monitoring.reporting.decisions import HealthReport, failed_names, verdict
from staycalm.domains.monitoring.reporting.model import checks, reports
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching import service as watching
from staycalm.domains.monitoring.watching.decisions import Wanted
from staycalm.kit.database import Tx
from staycalm.kit.shapes import prepare
from staycalm.ports.probes import Finding

prepare(Finding)


def ask_for_report(tx: Tx, actor: Actor) -> str:
    """A full report begins now; returns its id. One that was asked for and has not begun is that one."""
    waiting = queries.find_open(tx, is_on_demand=True)
    return waiting.id if waiting else _add(tx, str(actor), is_on_demand=True, after_s=0.0)


def keep_scheduled(tx: Tx, *, has_placements: bool, after_s: float = 0.0) -> None:
    """A report is scheduled while there is anything to report on; the next one after `after_s` seconds."""
    if has_placements and not queries.is_scheduled(tx):
        _add(tx, str(SYSTEM), is_on_demand=False, after_s=after_s)


def _add(tx: Tx, asked_by: str, *, is_on_demand: bool, after_s: float) -> str:
    id = tx.ids.uuid()
    values = {
        "id": id,
        "state": "waiting",
        "is_on_demand": is_on_demand,
        "asked_by": asked_by,
        "asked_at": tx.now,
    }
    tx.execute(reports.insert().values(values))
    watching.add(tx, _watch_of(id), after_s=after_s)
    return id


def _watch_of(report_id: str) -> Wanted:
    return Wanted("report", None, report_id, 0.0)


def _check_of(report_id: str, placement: Placement | None) -> Wanted:
    return Wanted("check", placement, report_id, 0.0, needs_edge=placement is not None)


def _place(placement: Placement | None) -> dict[str, str]:
    """Return the columns of a placement; that of StayCalm itself is empty."""
    return {
        "service": placement.service if placement else "",
        "environment": placement.environment if placement else "",
    }


def begin_or_end(tx: Tx, id: str, *, settings: MonitoringSettings) -> None:
    """A waiting report is running, with one check per placement and one of ourselves; a late one ends."""
    report = queries.find_report(tx, id)
    if report is None or report.state == "done":
        watching.remove(tx, [_watch_of(id)])
        return
    if report.state == "running":
        finish(tx, id, settings=settings)
        return
    places: list[Placement | None] = [None, *(config.placement for config in catalog.list_placements(tx))]
    tx.execute(checks.insert(), [{"report_id": id, **_place(place)} for place in places])
    for place in places:
        watching.add(tx, _check_of(id, place))
    tx.execute(reports.update().where(reports.c.id == id).values(state="running", started_at=tx.now))
    watching.put_off_key(tx, _watch_of(id).key, settings.report_deadline_s)


def record_check(
    tx: Tx,
    report_id: str,
    placement: Placement | None,
    findings: tuple[Finding, ...],
    *,
    settings: MonitoringSettings,
) -> None:
    """The check is made; the last one ends its report. Two that end together wait for each other's commit."""
    tx.execute(sa.select(reports.c.id).where(reports.c.id == report_id).with_for_update())
    watching.remove(tx, [_check_of(report_id, placement)])
    hit = tx.guarded_update(
        checks.update()
        .where(
            checks.c.report_id == report_id,
            checks.c.service == _place(placement)["service"],
            checks.c.environment == _place(placement)["environment"],
        )
        .values(findings=msgspec.to_builtins(findings))
    )
    if hit and not queries.has_open_check(tx, report_id):
        finish(tx, report_id, settings=settings)


def finish(tx: Tx, id: str, *, settings: MonitoringSettings) -> HealthReport:
    """The report is done with what was found; what did not answer is unknown, and so nothing is well.

    A changed verdict is in the log, and so is every report somebody asked for.
    """
    before = queries.find_latest(tx)
    findings: list[Finding] = []
    missing: list[Placement | None] = []
    for row in queries.checks_of(tx, id):
        place = Placement(row.service, row.environment) if row.service else None
        if row.findings is None:
            missing.append(place)
            findings.append(_unanswered(place))
        else:
            findings.extend(msgspec.convert(row.findings, tuple[Finding, ...]))
    ok = verdict(findings)
    packed = msgspec.to_builtins(tuple(findings))
    running = sa.and_(reports.c.id == id, reports.c.state == "running")
    done = {"state": "done", "ok": ok, "findings": packed, "finished_at": tx.now}
    if tx.guarded_update(reports.update().where(running).values(done)):
        tx.execute(checks.delete().where(checks.c.report_id == id))
        watching.remove(tx, [_watch_of(id), *(_check_of(id, place) for place in missing)])
        _tell(tx, queries.get_report(tx, id), before)
        if not queries.get_report(tx, id).is_on_demand:
            has_placements = bool(catalog.list_placements(tx))
            keep_scheduled(tx, has_placements=has_placements, after_s=settings.report_interval_s)
    return queries.get_report(tx, id)


def _tell(tx: Tx, report: HealthReport, before: HealthReport | None) -> None:
    if report.is_on_demand or before is None or before.ok != report.ok:
        event = HealthReported(
            subject=report.id,
            ok=bool(report.ok),
            failed=failed_names(report.findings),
            is_on_demand=report.is_on_demand,
        )
        tx.emit(SYSTEM, event)


def _unanswered(place: Placement | None) -> Finding:
    if place is None:
        return Finding("StayCalm", "unknown", "the check of StayCalm itself did not end in time")
    why = "the check did not end in time; perhaps no server drives the proxy's machine"
    return Finding("placement", "unknown", why, place.service, place.environment)


def forget_reports(tx: Tx, *, keep_s: float) -> bool:
    """Reports that ended longer ago than `keep_s` seconds are gone; returns True when there may be more."""
    old = (
        sa.select(reports.c.id)
        .where(reports.c.finished_at < tx.now - timedelta(seconds=keep_s))
        .order_by(reports.c.finished_at)
        .limit(500)
    )
    return tx.execute(reports.delete().where(reports.c.id.in_(old))).rowcount == 500
