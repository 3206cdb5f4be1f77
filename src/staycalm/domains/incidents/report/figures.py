"""What can be measured about an incident, from its rows and the event log. Pure: None is "unknown", never 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.core.events import LogEntry

# The SOP's success metrics and on-call expectations, in seconds.
DETECT_TARGET_S = 300.0
ROLLBACK_TARGET_S = 5.0
ACKNOWLEDGE_TARGET_S = 900.0
RECOVER_TARGET_S = 3600.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """The rollback that belongs to the incident, as its event tells it."""

    deployment: str
    at: datetime
    reason: str
    is_automatic: bool
    stable_is_healthy: bool
    evidence: dict[str, Any]
    failed_requests: int | None
    detected_after_s: float | None
    took_s: float | None
    release: str | None
    stable_release: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One step of the escalation: who was paged (or told, `is_page` False) and when, and what came of it."""

    at: datetime
    step: int
    people: tuple[str, ...]
    is_page: bool
    delivered_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds. `detect`: impact began -> known (MTTD). `page`: known -> first page delivered to somebody.

    `acknowledge`: first page (where the notice was enough, the notice) -> somebody has it (MTTA). `recover`:
    impact began, or the trouble became known where that is not known -> users served again (MTTR). `mitigate`:
    known -> users served again.
    `duration` is that of the impact itself.
    """

    detect_s: float | None = None
    page_s: float | None = None
    acknowledge_s: float | None = None
    recover_s: float | None = None
    duration_s: float | None = None
    failed_requests: int | None = None
    rollback_s: float | None = None
    mitigate_s: float | None = None


def said(seconds: float | None) -> str:
    """Return the duration in words, or "unknown"."""
    return "unknown" if seconds is None else format_duration(max(0.0, seconds))


def find_rollback(entries: Sequence[LogEntry]) -> Rollback | None:
    """Return the last rollback in the log, or None."""
    for entry in reversed(entries):
        if entry.name == "deployments.rolled_back":
            body = entry.body
            return Rollback(
                deployment=entry.subject,
                at=entry.at,
                reason=str(body.get("reason") or ""),
                is_automatic=bool(body.get("is_automatic")),
                stable_is_healthy=bool(body.get("stable_is_healthy")),
                evidence=dict(body.get("evidence") or {}),
                failed_requests=body.get("failed_requests"),
                detected_after_s=body.get("detected_after_s"),
                took_s=body.get("rollback_took_s"),
                release=body.get("release"),
                stable_release=body.get("stable_release"),
            )
    return None


def find_pages(entries: Sequence[LogEntry], incident: str) -> tuple[Page, ...]:
    """Return every step that reached somebody, oldest first.

    A delivery counts for the last step that named the person; an acknowledgement for the last step before it.
    """
    found: list[Page] = []
    for entry in entries:
        if entry.subject != incident:
            continue
        body = entry.body
        if entry.name == "oncall.step_reached":
            people = tuple(str(person) for person in body.get("people") or ())
            found.append(Page(entry.at, int(body.get("step") or 0), people, body.get("urgency") == "page"))
        elif entry.name == "oncall.notification_sent":
            _note_delivery(found, str(body.get("person")), entry.at)
        elif entry.name == "oncall.page_acknowledged" and found and found[-1].acknowledged_at is None:
            found[-1] = _with(found[-1], acknowledged_by=str(body.get("person")), acknowledged_at=entry.at)
    return tuple(found)


def _note_delivery(found: list[Page], person: str, at: datetime) -> None:
    for number in range(len(found) - 1, -1, -1):
        if person in found[number].people:
            if found[number].delivered_at is None:
                found[number] = _with(found[number], delivered_at=at)
            return


def _with(page: Page, **changed: Any) -> Page:
    values = {name: getattr(page, name) for name in Page.__slots__}
    return Page(**{**values, **changed})


def measure(
    *,
    declared_at: datetime,
    impact_started_at: datetime | None,
    detected_at: datetime | None,
    acknowledged_at: datetime | None,
    impact_ended_at: datetime | None,
    pages: Sequence[Page],
    rollback: Rollback | None,
) -> Figures:
    """Return the figures; `impact_ended_at` is None while users still suffer."""
    known_at = detected_at or declared_at
    paging = [page for page in pages if page.is_page] or list(pages)
    asked = paging[0].at if paging else None
    delivered = min((page.delivered_at for page in paging if page.delivered_at is not None), default=None)
    return Figures(
        detect_s=_between(impact_started_at, detected_at),
        page_s=_between(known_at, delivered),
        acknowledge_s=_between(asked, acknowledged_at),
        recover_s=_between(impact_started_at or known_at, impact_ended_at),
        duration_s=_between(impact_started_at, impact_ended_at),
        failed_requests=rollback.failed_requests if rollback is not None else None,
        rollback_s=rollback.took_s if rollback is not None else None,
        mitigate_s=_between(known_at, impact_ended_at),
    )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, (end - start).total_seconds())
