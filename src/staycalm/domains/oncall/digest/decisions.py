"""What a digest says and when the next one is due. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from staycalm.core.errors import Invalid
from staycalm.core.events import LogEntry
from staycalm.domains.oncall.notifications.messages import Content, one_line
from staycalm.domains.oncall.schedules.wall_clock import first_instant

NAMES = (
    "incidents.declared", "incidents.resolved", "incidents.reopened", "deployments.completed",
    "deployments.rolled_back", "deployments.aborted", "alerts.raised", "oncall.coverage_gap_found",
    "oncall.coverage_restored",
)  # fmt: skip
MOST_LINES = 20
Lines = tuple[tuple[str, str], ...]
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")


def check_time(at: str) -> str:
    """Return the time of day; raises Invalid unless it is HH:MM."""
    if not _TIME.match(at):
        raise Invalid("bad-time", f"{at[:20]!r} is not a time of day", next_step="Write it like 08:00.")
    return at


def next_at(at: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the first instant after `now` at which the zone's wall clock reads `at`."""
    hour, minute = (int(part) for part in at.split(":"))
    today = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
    found = (first_instant(today + timedelta(days=days), zone) for days in (0, 1, 2))
    return next(each for each in found if each > now)


def digest(
    entries: Sequence[LogEntry], *, person: str, since: datetime, now: datetime, zone: ZoneInfo
) -> Content | None:
    """Return what happened since the last digest, what waits first; None when nothing did."""
    incidents, waiting = _incidents(entries)
    holes = _holes(entries)
    named: list[tuple[str, Lines]] = [
        ("Incidents", incidents),
        ("Deployments", _deployments(entries)),
        ("Alerts", _alerts(entries)),
        ("On-call", tuple((f"{name} has holes in the coming weeks", "/oncall") for name in holes)),
    ]
    groups = tuple((heading, lines[:MOST_LINES]) for heading, lines in named if lines)
    if not groups:
        return None
    return Content(
        subject=f"digest/{person}/{now.astimezone(zone).date().isoformat()}",
        title=f"{_counted(entries)} since {since.astimezone(zone):%A %H:%M}",
        lead=_lead(waiting, holes),
        groups=groups,
    )


def _line(text: str, path: str) -> tuple[str, str]:
    return one_line(text, 300), path


def _lead(waiting: Sequence[str], holes: Sequence[str]) -> str:
    if waiting:
        verb = "is" if len(waiting) == 1 else "are"
        return f"{', '.join(waiting[:5])} {verb} still open."
    if holes:
        return f"Close the holes in the on-call schedule {', '.join(holes[:3])}."
    return "Nothing waits for you."


def _incidents(entries: Sequence[LogEntry]) -> tuple[Lines, tuple[str, ...]]:
    """Return a line per incident that began, went on or ended, and those that are open."""
    titles: dict[str, str] = {}
    state: dict[str, str] = {}
    for entry in entries:
        if entry.name.startswith("incidents."):
            state[entry.subject] = "over" if entry.name == "incidents.resolved" else "open"
            if entry.name == "incidents.declared":
                titles[entry.subject] = f"{entry.body.get('priority')} {entry.body.get('title')}"
    lines = tuple(
        (
            one_line(f"{subject} ({state[subject]}): {titles.get(subject, 'began before')}", 300),
            f"/incidents/{subject}",
        )
        for subject in state
    )
    return lines, tuple(subject for subject in state if state[subject] == "open")


def _deployments(entries: Sequence[LogEntry]) -> Lines:
    """Return every rollback, then how many deployments each service completed."""
    back = [
        (
            one_line(f"{e.subject} of {e.service} rolled back: {e.body.get('reason')}", 300),
            f"/deployments/{e.subject}",
        )
        for e in entries
        if e.name == "deployments.rolled_back"
    ]
    done = Counter(str(e.service) for e in entries if e.name == "deployments.completed")
    stopped = Counter(str(e.service) for e in entries if e.name == "deployments.aborted")
    counted = [_line(f"{service}: {many} completed", "/deployments") for service, many in sorted(done.items())]
    counted += [_line(f"{name}: {many} aborted", "/deployments") for name, many in sorted(stopped.items())]
    return (*back, *counted)


def _alerts(entries: Sequence[LogEntry]) -> Lines:
    raised = Counter(str(e.body.get("priority")) for e in entries if e.name == "alerts.raised")
    if not raised:
        return ()
    parts = ", ".join(f"{many} {priority}" for priority, many in sorted(raised.items()))
    return ((f"{raised.total()} raised: {parts}", "/alerts"),)


def _holes(entries: Sequence[LogEntry]) -> tuple[str, ...]:
    """Return the schedules that have holes as far as the log was read, by the last word on each."""
    found: dict[str, bool] = {}
    for entry in entries:
        if entry.name.startswith("oncall.coverage"):
            found[str(entry.body.get("schedule"))] = entry.name == "oncall.coverage_gap_found"
    return tuple(name for name, has_holes in sorted(found.items()) if has_holes)


def _counted(entries: Sequence[LogEntry]) -> str:
    kinds = (
        ("incident", "incidents.declared"), ("rollback", "deployments.rolled_back"),
        ("deployment", "deployments.completed"), ("alert", "alerts.raised"),
    )  # fmt: skip
    many = Counter(entry.name for entry in entries)
    told = [f"{many[name]} {word}{'' if many[name] == 1 else 's'}" for word, name in kinds if many[name]]
    return ", ".join(told) or "News"
