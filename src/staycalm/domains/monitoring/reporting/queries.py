"""Reading health reports."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.monitoring.reporting.decisions import HealthReport
from staycalm.domains.monitoring.reporting.model import checks, reports
from staycalm.kit.database import ReadTx
from staycalm.kit.shapes import prepare
from staycalm.ports.probes import Finding

prepare(Finding)

CHECKS_LIMIT = 5001


def report_of(row: sa.Row[Any]) -> HealthReport:
    """Return the report a row holds."""
    findings = msgspec.convert(row.findings or [], tuple[Finding, ...])
    return HealthReport(
        row.id, row.state, row.is_on_demand, row.asked_by, row.asked_at, row.finished_at, row.ok, findings
    )


def find_report(tx: ReadTx, id: str) -> HealthReport | None:
    """Return the report, or None."""
    row = tx.one_or_none(sa.select(reports).where(reports.c.id == id))
    return None if row is None else report_of(row)


def get_report(tx: ReadTx, id: str) -> HealthReport:
    """Return the report; raises NotFound."""
    found = find_report(tx, id)
    if found is None:
        raise NotFound("no-report", f"there is no health report {id[:60]}")
    return found


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


def find_open(tx: ReadTx, *, is_on_demand: bool) -> HealthReport | None:
    """Return a report that has not begun yet, or None."""
    statement = (
        sa.select(reports)
        .where(
            reports.c.finished_at.is_(None),
            reports.c.is_on_demand.is_(is_on_demand),
            reports.c.state == "waiting",
        )
        .limit(1)
    )
    row = tx.one_or_none(statement)
    return None if row is None else report_of(row)


def is_scheduled(tx: ReadTx) -> bool:
    """Return True when a report that nobody asked for waits or runs."""
    statement = (
        sa.select(reports.c.id).where(reports.c.finished_at.is_(None), reports.c.is_on_demand.is_(False)).limit(1)
    )
    return tx.scalar(statement) is not None


def checks_of(tx: ReadTx, report_id: str) -> list[sa.Row[Any]]:
    """Return the report's checks, that of StayCalm itself first."""
    statement = (
        sa.select(checks)
        .where(checks.c.report_id == report_id)
        .order_by(checks.c.service, checks.c.environment)
        .limit(CHECKS_LIMIT)
    )
    return list(tx.rows(statement))


def has_open_check(tx: ReadTx, report_id: str) -> bool:
    """Return True while a check of the report is not made."""
    statement = (
        sa.select(checks.c.service).where(checks.c.report_id == report_id, _is_open(checks.c.findings)).limit(1)
    )
    return tx.scalar(statement) is not None


def _is_open(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return column.is_(sa.null())
