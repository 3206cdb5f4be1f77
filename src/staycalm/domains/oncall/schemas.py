"""Wire types of on-call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.notifications.queries import Delivery
from staycalm.domains.oncall.policies.decisions import Policy
from staycalm.domains.oncall.schedules.decisions import WEEKDAYS, Override
from staycalm.domains.oncall.schedules.queries import OnCallNow, StoredSchedule
from staycalm.domains.oncall.schedules.stints import Stint

RoleName = Literal["primary", "secondary"]
Handle = Annotated[str, Field(min_length=1, max_length=63, examples=["alice"])]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OnCallOut(BaseModel):
    """Who holds the pager until `until` and who takes over then. A primary of null is a gap."""

    schedule: str
    time_zone: str
    primary: str | None
    secondary: str | None
    until: datetime
    next_primary: str | None
    next_secondary: str | None


class OnCallPage(BaseModel):
    items: list[OnCallOut]


class OverrideOut(BaseModel):
    id: str
    role: RoleName
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    added_by: str | None = None


class OverridePage(BaseModel):
    items: list[OverrideOut]


class NewOverride(Body):
    """`person` holds `role` from `starts_at` (default: now) until before `ends_at`; times with their offset."""

    role: RoleName = "primary"
    person: Handle
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    reason: Annotated[str, Field(max_length=500)] = ""


class FindingOut(BaseModel):
    """A hole in the coming month: a gap, an unreachable person, a schedule that hangs on one person.

    `is_notice`: shown, but no alert, because the organisation has one person only.
    """

    kind: Literal["gap", "unreachable", "one-person"]
    sentence: str
    starts_at: datetime
    ends_at: datetime
    person: str | None
    is_notice: bool = False


class ScheduleOut(BaseModel):
    """A rotation. `hand_off` is wall-clock time in `time_zone`, such as `monday 09:00`."""

    name: str
    time_zone: str
    people: list[str]
    secondaries: list[str]
    shift: str
    hand_off: str
    starts_on: str
    managed_by: Literal["file", "web"]
    findings: list[FindingOut]


class TurnOut(BaseModel):
    """`overrides` made it differ from the rotation, which has `instead_of` as primary where they changed that."""

    starts_at: datetime
    ends_at: datetime
    primary: str | None
    secondary: str | None
    overrides: list[OverrideOut] = []
    instead_of: str | None = None


class CalendarOut(BaseModel):
    """The final schedule: turns without overlap or hole, overrides included."""

    schedule: str
    time_zone: str
    turns: list[TurnOut]


class StepOut(BaseModel):
    targets: list[str]
    wait_s: float


class PolicyOut(BaseModel):
    name: str
    rounds: int
    steps: list[StepOut]


class PolicyPage(BaseModel):
    items: list[PolicyOut]


class ContactMethodOut(BaseModel):
    """`after_s`: delay behind the page; null: only when another method failed. Others see no secret path."""

    id: str
    person: str
    kind: Literal["email", "webhook", "ntfy"]
    address: str
    position: int
    after_s: float | None
    health: Literal["untested", "working", "failing"]
    managed_by: Literal["file", "web", "account"]


class ContactMethodPage(BaseModel):
    items: list[ContactMethodOut]


class NewContactMethod(Body):
    kind: Literal["email", "webhook", "ntfy"]
    address: Annotated[str, Field(min_length=1, max_length=500)]
    after_s: Annotated[float, Field(ge=0, le=86400)] | None = 0.0


class TestOut(BaseModel):
    """The test's delivery log stands under this subject: `GET /api/v1/oncall/deliveries?subject=…`."""

    subject: str


class DeliveryOut(BaseModel):
    """One message: who, by what, when, and what came of it."""

    id: str
    kind: Literal["page", "notice", "test"]
    person: str
    channel: str
    address: str
    state: Literal["pending", "sending", "sent", "failed", "cancelled"]
    attempts: int
    is_duplicate_possible: bool
    queued_at: datetime
    ended_at: datetime | None
    last_error: str | None


class DeliveryPage(BaseModel):
    items: list[DeliveryOut]


class EscalationOut(BaseModel):
    """`people` have been paged or told; `due_at` is the next step, or the end of an acknowledgement."""

    id: str
    subject: str
    state: Literal["escalating", "acknowledged", "exhausted", "stopped"]
    priority: str
    title: str
    service: str | None
    environment: str | None
    policy: str
    people: list[str]
    started_at: datetime
    due_at: datetime | None


class EscalationPage(BaseModel):
    items: list[EscalationOut]


def on_call_out(now: OnCallNow) -> OnCallOut:
    return OnCallOut.model_validate(now, from_attributes=True)


def override_out(override: Override) -> OverrideOut:
    return OverrideOut.model_validate(override, from_attributes=True)


def schedule_out(stored: StoredSchedule) -> ScheduleOut:
    schedule, rotation = stored.schedule, stored.schedule.rotation
    day = f"{WEEKDAYS[rotation.weekday]} " if rotation.unit == "week" else ""
    return ScheduleOut.model_validate(
        {
            "name": schedule.name,
            "time_zone": schedule.time_zone,
            "people": list(rotation.people),
            "secondaries": list(schedule.secondaries),
            "shift": f"{rotation.every} {rotation.unit}{'s' if rotation.every > 1 else ''}",
            "hand_off": f"{day}{rotation.at:%H:%M}",
            "starts_on": rotation.starts_on.isoformat(),
            "managed_by": stored.managed_by,
            "findings": list(stored.findings),
        }
    )


def turn_out(stint: Stint) -> TurnOut:
    return TurnOut(
        starts_at=stint.starts_at,
        ends_at=stint.ends_at,
        primary=stint.primary,
        secondary=stint.secondary,
        overrides=[override_out(each) for each in stint.overrides],
        instead_of=stint.instead_of,
    )


def policy_out(policy: Policy) -> PolicyOut:
    steps = [StepOut(targets=[str(target) for target in s.targets], wait_s=s.wait_s) for s in policy.steps]
    return PolicyOut(name=policy.name, rounds=policy.rounds, steps=steps)


def contact_method_out(method: ContactMethod, *, is_own: bool) -> ContactMethodOut:
    """Return the method; its whole address only to the person it belongs to."""
    out = ContactMethodOut.model_validate(method, from_attributes=True)
    return out if is_own else out.model_copy(update={"address": method.shown_address})


def delivery_out(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut.model_validate(delivery, from_attributes=True)


def escalation_out(escalation: Escalation) -> EscalationOut:
    return EscalationOut.model_validate(
        {name: getattr(escalation, name) for name in EscalationOut.model_fields if name != "people"}
        | {"people": list(escalation.people)}
    )
