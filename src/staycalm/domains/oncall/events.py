"""What happened on call. The subject is what the escalation is about (INC-3, ALG-9), or `schedule/NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class EscalationStarted(Event):
    """The steps of `policy` are frozen and the first one is due."""

    name: ClassVar[str] = "oncall.escalation_started"
    escalation: str
    policy: str
    priority: str
    title: str


@dataclass(frozen=True, kw_only=True)
class NobodyPaged(Event):
    """No policy reaches anybody now: a person has to be called by other means."""

    name: ClassVar[str] = "oncall.nobody_paged"
    priority: str
    title: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepReached(Event):
    """`people` are being paged (`urgency` page) or told (notify). Steps count from 1, the notice is 0."""

    name: ClassVar[str] = "oncall.step_reached"
    escalation: str
    step: int
    round: int
    urgency: str
    targets: list[str]
    people: list[str]
    wait_s: float


@dataclass(frozen=True, kw_only=True)
class StepSkipped(Event):
    """The step had nobody to reach, so it did not wait."""

    name: ClassVar[str] = "oncall.step_skipped"
    escalation: str
    step: int
    round: int
    targets: list[str]
    reason: str


@dataclass(frozen=True, kw_only=True)
class NotificationSent(Event):
    """The outside accepted the message for `person`; `attempt` counts from 1."""

    name: ClassVar[str] = "oncall.notification_sent"
    notification: str
    kind: str
    person: str
    channel: str
    attempt: int
    is_duplicate_possible: bool = False


@dataclass(frozen=True, kw_only=True)
class NotificationFailed(Event):
    """One try failed. `is_final`: given up, a page perhaps only in favour of the person's next contact method;
    `is_unreached`: none of these is left.
    """

    name: ClassVar[str] = "oncall.notification_failed"
    notification: str
    kind: str
    person: str
    channel: str
    attempt: int
    reason: str
    is_final: bool
    is_unreached: bool = False
    escalation: str | None = None
    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class PageAcknowledged(Event):
    """`person` has it. `via`: link, web, api or chat. `priority`: what it was paged with until then."""

    name: ClassVar[str] = "oncall.page_acknowledged"
    escalation: str
    person: str
    via: str
    priority: str = ""


@dataclass(frozen=True, kw_only=True)
class PagedAgain(Event):
    """The steps run from the first page on again: the priority rose or the acknowledgement timed out."""

    name: ClassVar[str] = "oncall.paged_again"
    escalation: str
    priority: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EscalationExhausted(Event):
    """Every step of every round was used and nobody has it."""

    name: ClassVar[str] = "oncall.escalation_exhausted"
    escalation: str
    priority: str
    title: str
    reason: str
    people: list[str]


@dataclass(frozen=True, kw_only=True)
class EscalationStopped(Event):
    """Nobody has to answer any more."""

    name: ClassVar[str] = "oncall.escalation_stopped"
    escalation: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ShiftStarted(Event):
    """`person` holds `role` of the schedule until `until` (ISO 8601, UTC); `previous` held it before."""

    name: ClassVar[str] = "oncall.shift_started"
    schedule: str
    person: str
    role: str
    until: str
    previous: str | None = None


@dataclass(frozen=True, kw_only=True)
class ShiftUncovered(Event):
    """From now until `until` nobody is primary on call; `previous` was before."""

    name: ClassVar[str] = "oncall.shift_uncovered"
    schedule: str
    until: str
    previous: str | None = None


@dataclass(frozen=True, kw_only=True)
class OverrideAdded(Event):
    """`person` stands in for `role` from `starts_at` until before `ends_at` (ISO 8601, UTC)."""

    name: ClassVar[str] = "oncall.override_added"
    schedule: str
    override: str
    role: str
    person: str
    starts_at: str
    ends_at: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class OverrideRemoved(Event):
    """The rotation counts again in this interval."""

    name: ClassVar[str] = "oncall.override_removed"
    schedule: str
    override: str
    role: str
    person: str


@dataclass(frozen=True, kw_only=True)
class ScheduleChanged(Event):
    """The schedule was added, changed or removed (`change`)."""

    name: ClassVar[str] = "oncall.schedule_changed"
    schedule: str
    change: str


@dataclass(frozen=True, kw_only=True)
class PolicyChanged(Event):
    """The escalation policy was added, changed or removed (`change`); running escalations keep theirs."""

    name: ClassVar[str] = "oncall.policy_changed"
    policy: str
    change: str


@dataclass(frozen=True, kw_only=True)
class ContactMethodChanged(Event):
    """A way to reach `person` was added or removed (`change`). The address stays out of the log."""

    name: ClassVar[str] = "oncall.contact_method_changed"
    person: str
    channel: str
    change: str


@dataclass(frozen=True, kw_only=True)
class CoverageGapFound(Event):
    """In the next days `schedule` has holes. `findings`: [{kind, sentence, starts_at, ends_at, person}, …].

    Emitted by every nightly check while there are holes, and when a change has made one.
    """

    name: ClassVar[str] = "oncall.coverage_gap_found"
    schedule: str
    findings: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class CoverageRestored(Event):
    """What the check before had found is mended."""

    name: ClassVar[str] = "oncall.coverage_restored"
    schedule: str


@dataclass(frozen=True, kw_only=True)
class CoverageLonely(Event):
    """`person` alone is on call and there is nobody else yet: told once, an alert from the second person on."""

    name: ClassVar[str] = "oncall.coverage_lonely"
    schedule: str
    person: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class CalendarFeedAdded(Event):
    """`person` made a calendar address, for `schedule` or (None) for their own shifts. The address stays out."""

    name: ClassVar[str] = "oncall.calendar_feed_added"
    feed: str
    person: str
    schedule: str | None


@dataclass(frozen=True, kw_only=True)
class CalendarFeedRevoked(Event):
    """The calendar address works no more."""

    name: ClassVar[str] = "oncall.calendar_feed_revoked"
    feed: str
    person: str
    schedule: str | None
