"""Reading health reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.monitoring.reporting.decisions import HealthReport
from staycalm.domains.monitoring.reporting.model import checks, reports
from staycalm.kit.database import ReadTx
from staycalm.ports.probes import Finding


def report_of(row: sa.Row[Any]) -> HealthReport:
    """Return the report a row holds."""
    findings = msgspec.convert(row.findings or [], tuple[Finding, ...])
    return HealthReport(
        row.id, row.state, row.is_on_demand, row.asked_by, row.asked_at, row.finished_at, row.ok, findings
    )


def get_report(tx: ReadTx, id: str) -> HealthReport:
    """Return the report; raises NotFound."""
    row = tx.one_or_none(sa.select(reports).where(reports.c.id == id))
    if row is None:
        raise NotFound("no-report", f"there is no health report {id[:60]}")
    return report_of(row)


def find_latest(tx: ReadTx) -> HealthReport | None:
    """Return the report that ended last, None before the first."""
    statement = (
        sa.select(reports)
        .where(reports.c.finished_at.isnot(None))
        .order_by(reports.c.finished_at.desc(), reports.c.id.desc())
        .limit(1)
    )
    row = tx.one_or_none(statement)
    return None if row is None else report_of(row)


def due_reports(tx: ReadTx, limit: int) -> list[str]:
    """Return reports to begin, or to end at their deadline."""
    statement = sa.select(reports.c.id).where(reports.c.due_at <= tx.now).order_by(reports.c.due_at).limit(limit)
    return [row.id for row in tx.rows(statement)]


def next_report(tx: ReadTx) -> datetime | None:
    """Return when a report begins or reaches its deadline next."""
    statement = sa.select(reports.c.due_at).where(reports.c.due_at.isnot(None)).order_by(reports.c.due_at).limit(1)
    due: datetime | None = tx.scalar(statement)
    return due


def due_checks(tx: ReadTx, limit: int, *, needs_edge: bool) -> list[str]:
    """Return checks to make."""
    statement = (
        sa.select(checks.c.id)
        .where(checks.c.needs_edge.is_(needs_edge), checks.c.due_at <= tx.now)
        .order_by(checks.c.due_at)
        .limit(limit)
    )
    return [row.id for row in tx.rows(statement)]


def next_check(tx: ReadTx, *, needs_edge: bool) -> datetime | None:
    """Return when a check has to be made next."""
    statement = (
        sa.select(checks.c.due_at)
        .where(checks.c.needs_edge.is_(needs_edge), checks.c.due_at.isnot(None))
        .order_by(checks.c.due_at)
        .limit(1)
    )
    due: datetime | None = tx.scalar(statement)
    return due


def find_check(tx: ReadTx, id: str) -> sa.Row[Any] | None:
    """Return the row of an open check, or None."""
    return tx.one_or_none(sa.select(checks).where(checks.c.id == id, checks.c.due_at.isnot(None)))


def checks_of(tx: ReadTx, report_id: str) -> list[sa.Row[Any]]:
    """Return the report's checks in their order."""
    statement = sa.select(checks).where(checks.c.report_id == report_id).order_by(checks.c.id).limit(5001)
    return list(tx.rows(statement))
