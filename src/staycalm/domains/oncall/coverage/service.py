"""The check itself: read the coming turns, keep what is wrong, tell it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall.contacts.decisions import usable
from staycalm.domains.oncall.contacts.queries import configured_channels, methods_of
from staycalm.domains.oncall.coverage.decisions import Finding, find_holes
from staycalm.domains.oncall.events import CoverageGapFound, CoverageLonely, CoverageRestored
from staycalm.domains.oncall.schedules import queries
from staycalm.domains.oncall.schedules.decisions import ROLES, Schedule
from staycalm.domains.oncall.schedules.model import schedules
from staycalm.domains.oncall.schedules.wall_clock import first_instant
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import ReadTx, Tx


def find_findings(tx: ReadTx, name: str, *, days: int) -> tuple[Finding, ...]:
    """Return what is wrong with the schedule in the next `days` days; raises NotFound."""
    turns = queries.calendar(tx, name, days=days)
    people = {holder for turn in turns for role in ROLES if (holder := turn.holder(role)) is not None}
    reasons = {person: why_unreachable(tx, person) for person in sorted(people)}
    unreachable = {person: why for person, why in reasons.items() if why is not None}
    return find_holes(turns, unreachable, is_founder=_is_one_person(tx))


def check(tx: Tx, name: str, settings: OncallSettings) -> None:
    """The findings of today are kept and told, and the next check is due in the coming night.

    A notice is told when it is new, everything else every night.
    """
    stored = queries.lock_schedule(tx, name)
    if stored is None:
        return
    found = find_findings(tx, name, days=settings.coverage_days)
    findings = [finding.as_json() for finding in found]
    holes = [each for each in findings if not each["is_notice"]]
    had_holes = any(not each.get("is_notice", False) for each in stored.findings)
    subject = f"schedule/{name}"
    if holes:
        tx.emit(SYSTEM, CoverageGapFound(subject=subject, schedule=name, findings=holes))
    elif had_holes:
        tx.emit(SYSTEM, CoverageRestored(subject=subject, schedule=name))
    if not any(each.get("is_notice", False) for each in stored.findings):
        for each in found:
            if each.is_notice:
                event = CoverageLonely(
                    subject=subject, schedule=name, person=each.person or "", sentence=each.sentence
                )
                tx.emit(SYSTEM, event)
    due_at = next_night(stored.schedule, tx.now, settings.coverage_hour)
    tx.execute(
        schedules.update().where(schedules.c.name == name).values(findings=findings, coverage_due_at=due_at)
    )


def check_soon(tx: Tx) -> None:
    """Every schedule is looked through at once: something changed about who can be reached."""
    tx.execute(schedules.update().where(sa.true()).values(coverage_due_at=tx.now))


def next_night(schedule: Schedule, now: datetime, hour: int) -> datetime:
    """Return the next instant after `now` at which it is `hour` o'clock (0-23) in the schedule's zone."""
    today = now.astimezone(schedule.zone).date()
    tonight = first_instant(datetime.combine(today, time(hour)), schedule.zone)
    if tonight > now:
        return tonight
    return first_instant(datetime.combine(today + timedelta(days=1), time(hour)), schedule.zone)


def _is_one_person(tx: ReadTx) -> bool:
    return sum(person.is_active for person in accounts.list_people(tx)) < 2


def why_unreachable(tx: ReadTx, person: str) -> str | None:
    """Return why no page would reach the person, as the end of a sentence about them; None when one would."""
    known = accounts.find_person(tx, person)
    if known is None or not known.is_active:
        return "has no active account"
    methods = usable(methods_of(tx, person), configured_channels(tx))
    if not methods:
        return "has no contact method that this server can use"
    if all(method.health == "failing" for method in methods):
        return "has no working contact method: the last message through each of them failed"
    return None
