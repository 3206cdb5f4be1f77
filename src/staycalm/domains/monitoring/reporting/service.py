"""Writes of health reports: asked for, taken apart into checks, put together again, scheduled anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
from staycalm.kit.database import Tx
from staycalm.ports.probes import Finding

SELF = ("", "")


def ask_for_report(tx: Tx, actor: Actor) -> str:
    """A full report begins now; returns its id. One that was asked for and has not begun is that one."""
    waiting = tx.scalar(
        sa.select(reports.c.id)
        .where(reports.c.due_at <= tx.now, reports.c.state == "waiting", reports.c.is_on_demand.is_(True))
        .limit(1)
    )
    return str(waiting) if waiting else _add(tx, str(actor), is_on_demand=True, after_s=0.0)


def keep_scheduled(tx: Tx, *, has_placements: bool, after_s: float = 0.0) -> None:
    """A report is scheduled while there is anything to report on; the next one after `after_s` seconds."""
    scheduled = tx.scalar(
        sa.select(reports.c.id).where(reports.c.due_at.isnot(None), reports.c.is_on_demand.is_(False)).limit(1)
    )
    if has_placements and scheduled is None:
        _add(tx, str(SYSTEM), is_on_demand=False, after_s=after_s)


def _add(tx: Tx, asked_by: str, *, is_on_demand: bool, after_s: float) -> str:
    id = tx.ids.uuid()
    values = {
        "id": id,
        "state": "waiting",
        "is_on_demand": is_on_demand,
        "asked_by": asked_by,
        "asked_at": tx.now,
        "due_at": tx.now + timedelta(seconds=after_s),
    }
    tx.execute(reports.insert().values(values))
    return id


def begin_or_end(tx: Tx, id: str, *, settings: MonitoringSettings) -> None:
    """A waiting report is running, with one check per placement and one of ourselves; a late one ends."""
    row = tx.one_or_none(sa.select(reports).where(reports.c.id == id, reports.c.due_at.isnot(None)))
    if row is None:
        return
    if row.state == "running":
        finish(tx, id, settings=settings)
        return
    places = [config.placement for config in catalog.list_placements(tx)]
    rows: list[dict[str, Any]] = [_check(tx, id, 0, *SELF, needs_edge=False)]
    rows += [
        _check(tx, id, n, place.service, place.environment, needs_edge=True)
        for n, place in enumerate(places, start=1)
    ]
    tx.execute(checks.insert(), rows)
    deadline = tx.now + timedelta(seconds=settings.report_deadline_s)
    tx.execute(
        reports.update().where(reports.c.id == id).values(state="running", started_at=tx.now, due_at=deadline)
    )


def _check(
    tx: Tx, report_id: str, nth: int, service: str, environment: str, *, needs_edge: bool
) -> dict[str, Any]:
    return {
        "id": f"{report_id}/{nth:05d}",
        "report_id": report_id,
        "service": service,
        "environment": environment,
        "needs_edge": needs_edge,
        "due_at": tx.now,
    }


def record_check(tx: Tx, id: str, findings: tuple[Finding, ...], *, settings: MonitoringSettings) -> None:
    """The check is made; the last one ends its report."""
    row = queries.find_check(tx, id)
    if row is None:
        return
    packed = msgspec.to_builtins(findings)
    tx.execute(checks.update().where(checks.c.id == id).values(findings=packed, due_at=None))
    is_open = tx.scalar(
        sa.select(checks.c.id).where(checks.c.report_id == row.report_id, checks.c.due_at.isnot(None)).limit(1)
    )
    if is_open is None:
        finish(tx, row.report_id, settings=settings)


def finish(tx: Tx, id: str, *, settings: MonitoringSettings) -> HealthReport:
    """The report is done with what was found; what did not answer is unknown, and so nothing is well.

    A changed verdict is in the log, and so is every report somebody asked for.
    """
    before = queries.find_latest(tx)
    findings: list[Finding] = []
    for row in queries.checks_of(tx, id):
        if row.findings is not None:
            findings.extend(msgspec.convert(row.findings, tuple[Finding, ...]))
        else:
            findings.append(_unanswered(row.service, row.environment))
    ok = verdict(findings)
    values = {
        "state": "done",
        "ok": ok,
        "findings": msgspec.to_builtins(findings),
        "finished_at": tx.now,
        "due_at": None,
    }
    hit = tx.guarded_update(
        reports.update().where(reports.c.id == id, reports.c.state == "running").values(values)
    )
    report = queries.get_report(tx, id)
    if hit:
        tx.execute(checks.delete().where(checks.c.report_id == id))
        if report.is_on_demand or before is None or before.ok != ok:
            event = HealthReported(
                subject=id, ok=ok, failed=failed_names(findings), is_on_demand=report.is_on_demand
            )
            tx.emit(SYSTEM, event)
        if not report.is_on_demand:
            keep_scheduled(
                tx, has_placements=bool(catalog.list_placements(tx)), after_s=settings.report_interval_s
            )
    return report


def _unanswered(service: str, environment: str) -> Finding:
    if not service:
        return Finding("StayCalm", "unknown", "the check of StayCalm itself did not end in time")
    why = "the check did not end in time; perhaps no server drives the proxy's machine"
    return Finding("placement", "unknown", why, service, environment)


def forget_reports(tx: Tx, *, keep_s: float) -> bool:
    """Reports that ended longer ago than `keep_s` seconds are gone; returns True when there may be more."""
    old = (
        sa.select(reports.c.id)
        .where(reports.c.finished_at < tx.now - timedelta(seconds=keep_s))
        .order_by(reports.c.finished_at)
        .limit(500)
    )
    return tx.execute(reports.delete().where(reports.c.id.in_(old))).rowcount == 500


def placement_of(service: str, environment: str) -> Placement | None:
    """Return the placement a check is about, None for the check of StayCalm itself."""
    return Placement(service, environment) if service else None
