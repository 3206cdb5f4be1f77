"""What happened to alerts. The subject is the group, ALG-n; one event per group and rule, not per alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class AlertRaised(Event):
    """A rule began to fire in the group, or with a higher priority than before, and nothing mutes it.

    `escalates`: "incident" (incidents opens one and pages), "group" (the group itself is paged), "none".
    """

    name: ClassVar[str] = "alerts.raised"

    alert_id: str
    rule: str
    priority: str
    summary: str
    escalates: str
    source: str = ""
    runbook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class AlertAcknowledged(Event):
    """`by` has it: `alerts` alerts of the group are acknowledged now.

    `priority`: the most urgent that was told of the group until then; a page that rose above it needs its own.
    """

    name: ClassVar[str] = "alerts.acknowledged"

    by: str
    alerts: int
    priority: str = ""


@dataclass(frozen=True, kw_only=True)
class AlertHandedBack(Event):
    """`by` has it no more: `alerts` alerts of the group that were acknowledged fire again."""

    name: ClassVar[str] = "alerts.handed_back"

    by: str
    alerts: int


@dataclass(frozen=True, kw_only=True)
class AlertSuppressed(Event):
    """A rule fires in the group, and `by` (a silence SIL-n or maintenance MNT-n) mutes it."""

    name: ClassVar[str] = "alerts.suppressed"

    alert_id: str
    rule: str
    priority: str
    summary: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AlertResolved(Event):
    """No alert of the rule is open in the group any more; `is_group_resolved`: no alert at all is."""

    name: ClassVar[str] = "alerts.resolved"

    alert_id: str
    rule: str
    reason: str
    is_group_resolved: bool


@dataclass(frozen=True, kw_only=True)
class SilenceCreated(Event):
    """Alerts that match do not page until `until` (ISO 8601). The subject is the silence, SIL-n."""

    name: ClassVar[str] = "alerts.silence_created"

    matchers: list[str]
    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class SilenceChanged(Event):
    """A silence ends at another time, or has another reason."""

    name: ClassVar[str] = "alerts.silence_changed"

    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class SilenceEnded(Event):
    """Somebody ended a silence before its time."""

    name: ClassVar[str] = "alerts.silence_ended"

    reason: str


@dataclass(frozen=True, kw_only=True)
class MaintenanceStarted(Event):
    """Alerts of the scope (`service`, `environment`, both or neither) do not page until `until` (ISO 8601)."""

    name: ClassVar[str] = "alerts.maintenance_started"

    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class MaintenanceEnded(Event):
    """Somebody ended a maintenance before its time."""

    name: ClassVar[str] = "alerts.maintenance_ended"

    reason: str


ALL: tuple[type[Event], ...] = (
    AlertRaised, AlertAcknowledged, AlertHandedBack, AlertSuppressed, AlertResolved,
    SilenceCreated, SilenceChanged, SilenceEnded, MaintenanceStarted, MaintenanceEnded,
)  # fmt: skip
