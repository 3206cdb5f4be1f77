"""Wire types of alerts, silences and maintenances."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid
from staycalm.core.pagination import Page
from staycalm.core.priority import Priority
from staycalm.domains.alerts.muting.decisions import Maintenance, Silence
from staycalm.domains.alerts.rows import Alert, AlertGroup

Text = Annotated[str, StringConstraints(max_length=500)]
Name = Annotated[str, StringConstraints(max_length=63)]


class AlertOut(BaseModel):
    """One firing condition."""

    id: str
    group: str
    state: Literal["firing", "acknowledged", "suppressed", "resolved"]
    priority: Priority
    summary: str
    service: str | None
    environment: str | None
    rule: str
    source: str
    dedup_key: str
    labels: dict[str, str]
    details: dict[str, Any]
    escalates: str
    suppressed_by: str | None
    acknowledged_by: str | None
    version: int = Field(description="Send it with an acknowledge to be refused when the alert has changed.")
    flaps: int = Field(description="How often it fired again shortly after it had ended.")
    opened_at: datetime
    changed_at: datetime
    resolved_at: datetime | None


class AlertPage(BaseModel):
    """A page of alerts."""

    items: list[AlertOut]
    next_cursor: str | None


class GroupOut(BaseModel):
    """Alerts of one placement, handled as one."""

    id: str
    is_open: bool
    priority: Priority
    summary: str
    service: str | None
    environment: str | None
    escalated_to: str | None
    opened_at: datetime
    resolved_at: datetime | None
    alerts: list[AlertOut]


class NewAlert(BaseModel):
    """An alert raised by hand or by a program."""

    model_config = ConfigDict(extra="forbid")

    summary: Text
    priority: str = Field(default="P2", description="P0-P3, SEV1-SEV4, critical, high, medium, low or info.")
    service: Name | None = None
    environment: Name | None = None
    dedup_key: Annotated[str, StringConstraints(max_length=255)] = Field(
        default="", description="The same key of the same service is the same alert; made up when empty."
    )
    rule: Annotated[str, StringConstraints(max_length=200)] = ""
    labels: dict[str, str] = Field(default_factory=dict, max_length=64)
    details: dict[str, Any] = Field(default_factory=dict)


class Acknowledgement(BaseModel):
    """What the person had seen when they took it."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = None


class Resolution(BaseModel):
    """Why it is over."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = ""


class Ending(BaseModel):
    """When something ends: at an instant, or after a duration such as 2h."""

    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime | None = None
    duration: str | None = Field(default=None, max_length=20, description="Such as 30m, 2h or 1d.")

    def end(self, now: datetime) -> datetime:
        """Return the end; raises Invalid unless exactly one of the two is given."""
        found = self.end_or_none(now)
        if found is None:
            raise Invalid("no-end", "an end is needed", next_step="Give until or duration.")
        return found

    def end_or_none(self, now: datetime) -> datetime | None:
        """Return the end, None when neither is given; raises Invalid when both are."""
        if self.until is not None and self.duration is not None:
            raise Invalid("two-ends", "until and duration exclude each other")
        if self.duration is not None:
            return now + timedelta(seconds=parse_duration(self.duration))
        return self.until


class NewSilence(Ending):
    """Alerts that match every matcher page nobody."""

    matchers: list[Annotated[str, StringConstraints(max_length=320)]] = Field(min_length=1, max_length=20)
    reason: Text


class SilenceChange(Ending):
    """Another end, another reason, or both."""

    reason: Text | None = None


class SilenceOut(BaseModel):
    """A silence."""

    id: str
    matchers: list[str]
    reason: str
    owner: str
    starts_at: datetime
    until: datetime


class SilenceList(BaseModel):
    """Silences, the latest end first."""

    items: list[SilenceOut]


class NewMaintenance(Ending):
    """Alerts of the scope page nobody; without service and environment the scope is everything."""

    service: Name | None = None
    environment: Name | None = None
    reason: Text


class MaintenanceOut(BaseModel):
    """A maintenance."""

    id: str
    service: str | None
    environment: str | None
    reason: str
    owner: str
    starts_at: datetime
    until: datetime


class MaintenanceList(BaseModel):
    """Maintenances, the latest end first."""

    items: list[MaintenanceOut]


def alert_out(alert: Alert) -> AlertOut:
    """Return the alert as it goes over the wire."""
    return AlertOut(
        group=alert.group_id,
        dedup_key=alert.key,
        labels=dict(alert.labels),
        details=dict(alert.details),
        **{
            name: getattr(alert, name)
            for name in AlertOut.model_fields
            if name not in ("group", "dedup_key", "labels", "details")
        },
    )


def page_out(page: Page[Alert]) -> AlertPage:
    """Return the page as it goes over the wire."""
    return AlertPage(items=[alert_out(alert) for alert in page.items], next_cursor=page.next_cursor)


def group_out(group: AlertGroup, alerts: tuple[Alert, ...]) -> GroupOut:
    """Return the group and its alerts as they go over the wire."""
    values = {name: getattr(group, name) for name in GroupOut.model_fields if name != "alerts"}
    return GroupOut(alerts=[alert_out(alert) for alert in alerts], **values)


def silence_out(silence: Silence) -> SilenceOut:
    """Return the silence as it goes over the wire."""
    return SilenceOut(
        id=silence.id,
        matchers=[str(matcher) for matcher in silence.matchers],
        reason=silence.reason,
        owner=silence.owner,
        starts_at=silence.starts_at,
        until=silence.until,
    )


def maintenance_out(maintenance: Maintenance) -> MaintenanceOut:
    """Return the maintenance as it goes over the wire."""
    return MaintenanceOut(**{name: getattr(maintenance, name) for name in MaintenanceOut.model_fields})
