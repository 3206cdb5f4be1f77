"""What happened to incidents. The subject is INC-n; service and environment are set where they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class IncidentDeclared(Event):
    """There is an incident. `cause_subject` is whose events belong to its timeline (DEP-7, ALG-3), or None.

    Times are ISO 8601 in UTC, None where unknown.
    """

    name: ClassVar[str] = "incidents.declared"

    priority: str
    title: str
    cause: str
    cause_kind: str
    cause_subject: str | None = None
    impact_started_at: str | None = None
    detected_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class CauseAttached(Event):
    """Another sign of the same trouble joined the incident."""

    name: ClassVar[str] = "incidents.cause_attached"

    cause: str
    cause_kind: str
    cause_subject: str | None
    priority: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class IncidentAcknowledged(Event):
    """`by` has it."""

    name: ClassVar[str] = "incidents.acknowledged"

    by: str


@dataclass(frozen=True, kw_only=True)
class PriorityChanged(Event):
    """The incident is `priority` now; it was `previous`."""

    name: ClassVar[str] = "incidents.priority_changed"

    priority: str
    previous: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RoleAssigned(Event):
    """`person` holds `role` from now on (None: nobody does); `previous` held it before."""

    name: ClassVar[str] = "incidents.role_assigned"

    role: str
    person: str | None
    previous: str | None


@dataclass(frozen=True, kw_only=True)
class NoteAdded(Event):
    """Somebody, or StayCalm, wrote something down."""

    name: ClassVar[str] = "incidents.note_added"

    note: str
    text: str


@dataclass(frozen=True, kw_only=True)
class IncidentMitigated(Event):
    """Users are served again; it is not verified yet. `how` in words."""

    name: ClassVar[str] = "incidents.mitigated"

    how: str


@dataclass(frozen=True, kw_only=True)
class InvestigationResumed(Event):
    """The mitigation did not hold: the investigation goes on."""

    name: ClassVar[str] = "incidents.investigation_resumed"

    reason: str


@dataclass(frozen=True, kw_only=True)
class IncidentResolved(Event):
    """It is over and verified. `summary` in words."""

    name: ClassVar[str] = "incidents.resolved"

    summary: str


@dataclass(frozen=True, kw_only=True)
class IncidentReopened(Event):
    """It was not over: the same incident goes on."""

    name: ClassVar[str] = "incidents.reopened"

    reason: str


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(Event):
    """Everything that follows an incident is done."""

    name: ClassVar[str] = "incidents.closed"


@dataclass(frozen=True, kw_only=True)
class PostMortemDrafted(Event):
    """A post-mortem (`kind` full) or root-cause analysis (short) is due at `due_at` (ISO 8601, UTC)."""

    name: ClassVar[str] = "incidents.post_mortem_drafted"

    kind: str
    due_at: str


ALL: tuple[type[Event], ...] = (
    IncidentDeclared, CauseAttached, IncidentAcknowledged, PriorityChanged, RoleAssigned, NoteAdded,
    IncidentMitigated, InvestigationResumed, IncidentResolved, IncidentReopened, IncidentClosed, PostMortemDrafted,
)  # fmt: skip
