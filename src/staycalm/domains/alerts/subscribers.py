"""What becomes an alert, and what ends one, when others tell of something. Keys make every handler idempotent."""

from __future__ import annotations

from collections.abc import Mapping

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import StayCalmError
from staycalm.core.events import Event, Recorded
from staycalm.core.priority import Priority, parse_priority
from staycalm.core.self_events import ClockStepped, DeliveryDied, EngineJoined, EngineWentSilent
from staycalm.domains.alerts.decisions import OWN_SERVICE, Escalates
from staycalm.domains.alerts.events import AlertResolved
from staycalm.domains.alerts.service import RULE_SOURCE, acknowledge, raise_alert, resolve_alert
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.domains.alerts.working_hours import is_working_time
from staycalm.domains.catalog import public as catalog
from staycalm.domains.deployments.events import DeploymentHeld, DriftFound, RollbackFailed
from staycalm.domains.monitoring import public as monitoring
from staycalm.domains.monitoring.events import ConditionCleared, ConditionFiring, HealthReported
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.events import (
    CoverageGapFound,
    CoverageRestored,
    EscalationExhausted,
    NobodyPaged,
    PageAcknowledged,
    ShiftStarted,
    ShiftUncovered,
)
from staycalm.kit.database import Tx


def raise_for_condition(tx: Tx, recorded: Recorded[ConditionFiring], *, settings: AlertsSettings) -> None:
    """A firing rule is an alert with the rule's priority; one that is over by now is an alert that ended.

    Another server may have handled its end before: then nobody else ends the alert.
    """
    event = recorded.event
    raise_alert(
        tx,
        SYSTEM,
        dedup_key=event.subject,
        service=event.service,
        environment=event.environment,
        priority=parse_priority(event.priority),
        summary=event.summary,
        rule=event.rule,
        source=RULE_SOURCE,
        labels=event.labels,
        details={"value": event.value, "threshold": event.threshold},
        settings=settings,
    )
    if not monitoring.is_firing(tx, event.rule, event.service or "", event.environment or "", is_locked=True):
        resolve_alert(tx, SYSTEM, dedup_key=event.subject, service=event.service, reason="it is over")


def resolve_for_condition(tx: Tx, recorded: Recorded[ConditionCleared]) -> None:
    """A rule that does not fire any more has no open alert.

    Firing is delivered before clearing: of a backlog that tells of both twice, the first end comes last.
    """
    event = recorded.event
    if monitoring.is_firing(tx, event.rule, event.service or "", event.environment or ""):
        return
    resolve_alert(tx, SYSTEM, dedup_key=event.subject, service=event.service, reason=event.reason)


def raise_for_held_deployment(tx: Tx, recorded: Recorded[DeploymentHeld], *, settings: AlertsSettings) -> None:
    """Somebody decides about a held deployment: told at once, paged in working hours, at any hour when urgent."""
    event = recorded.event
    place = f"{event.service} in {event.environment}"
    alert = raise_alert(
        tx,
        SYSTEM,
        dedup_key=f"deployment/{event.subject}",
        service=event.service,
        environment=event.environment,
        priority="P1" if event.is_urgent else "P2",
        summary=f"{event.subject} of {place} is held at {event.weight:g} %: {event.reason}",
        rule="deployment-held",
        source="deployments",
        details=event.evidence,
        settings=settings,
    )
    if event.is_urgent or alert.state != "firing":
        return
    if is_working_time(tx.now, catalog.get_organisation(tx).time_zone):
        oncall.start_escalation(
            tx, SYSTEM, subject=alert.group_id, policy=None, service=event.service, environment=event.environment,
            priority="P1", title=alert.summary, url_path=f"/deployments/{event.subject}",
        )  # fmt: skip
    else:
        oncall.notify(
            tx, subject=alert.group_id, title=alert.summary, key=alert.id, priority="P2", service=event.service,
            environment=event.environment, url_path=f"/deployments/{event.subject}",
        )  # fmt: skip


def raise_for_failed_rollback(tx: Tx, recorded: Recorded[RollbackFailed], *, settings: AlertsSettings) -> None:
    """A rollback that nobody tries any more needs a person now."""
    event = recorded.event
    if event.is_final:
        raise_alert(
            tx,
            SYSTEM,
            dedup_key=f"deployment/{event.subject}/rollback",
            service=event.service,
            environment=event.environment,
            priority="P0",
            summary=f"the rollback of {event.subject} of {event.service} failed: {event.reason}",
            rule="rollback-failed",
            source="deployments",
            settings=settings,
        )


def resolve_for_deployment(tx: Tx, recorded: Recorded[Event]) -> None:
    """A deployment that goes on or has ended waits for nobody."""
    event = recorded.event
    for key in (f"deployment/{event.subject}", f"deployment/{event.subject}/rollback"):
        resolve_alert(tx, SYSTEM, dedup_key=key, service=event.service, reason=f"{event.subject} moved on")


def follow_drift(tx: Tx, recorded: Recorded[DriftFound]) -> None:
    """Drift that could not be mended is a ticket, until it is."""
    event = recorded.event
    key = f"drift/{event.subject}"
    if event.mended:
        resolve_alert(tx, SYSTEM, dedup_key=key, service=event.service, reason="it is as decided again")
        return
    summary = f"what runs of {event.service} in {event.environment} is not what was decided: {event.problem}"
    _raise_ticket(tx, event, key, "drift", summary)


def raise_for_exhausted_escalation(tx: Tx, recorded: Recorded[EscalationExhausted]) -> None:
    """Nobody answered: the alert says so, and the organisation's default policy is told. It pages nobody again."""
    event = recorded.event
    asked = ", ".join(event.people) or "nobody"
    summary = f"nobody answered for {event.subject} ({event.title}); asked: {asked}"
    _raise_unanswered(tx, event, "nobody-answered", summary, event.priority)
    oncall.notify(
        tx,
        subject=event.subject,
        title=summary,
        key=f"exhausted/{event.escalation}",
        url_path=_path(event.subject),
    )


def raise_for_nobody_paged(tx: Tx, recorded: Recorded[NobodyPaged]) -> None:
    """Nobody could be paged: somebody who looks at the alerts has to call by other means."""
    event = recorded.event
    summary = f"nobody could be paged for {event.subject} ({event.title}): {event.reason}"
    _raise_unanswered(tx, event, "nobody-paged", summary, event.priority)


def resolve_unanswered(tx: Tx, recorded: Recorded[Event]) -> None:
    """Somebody has the subject (an incident, an alert group), or nobody has to any more."""
    _end_unanswered(tx, recorded.event.subject)


def resolve_unanswered_group(tx: Tx, recorded: Recorded[AlertResolved]) -> None:
    """Nobody has to answer for a group in which nothing fires any more."""
    if recorded.event.is_group_resolved:
        _end_unanswered(tx, recorded.event.subject)


def _end_unanswered(tx: Tx, subject: str) -> None:
    for rule in ("nobody-answered", "nobody-paged"):
        resolve_alert(tx, SYSTEM, dedup_key=f"{rule}/{subject}", service=OWN_SERVICE, reason="answered, or over")


def acknowledge_for_page(tx: Tx, recorded: Recorded[PageAcknowledged]) -> None:
    """Whoever acknowledged the page of an alert group has its alerts, but for those more urgent than it was."""
    event = recorded.event
    if not event.subject.startswith("ALG-"):
        return
    actor = recorded.actor if recorded.actor.kind == "person" else Actor("person", event.person)
    try:
        acknowledge(tx, actor, event.subject, paged_with=event.priority)
    except StayCalmError as refusal:
        # A resolve beats an older acknowledge: nothing is left to do.
        if refusal.code != "alert-resolved":
            raise


def raise_for_coverage_gap(tx: Tx, recorded: Recorded[CoverageGapFound]) -> None:
    """Holes in a schedule are a ticket, found in daylight."""
    event = recorded.event
    first = str(event.findings[0].get("sentence", "")) if event.findings else ""
    more = f" (and {len(event.findings) - 1} more)" if len(event.findings) > 1 else ""
    summary = f"schedule {event.schedule} has holes: {first}{more}"
    _raise_ticket(tx, event, f"coverage/{event.schedule}", "on-call-coverage", summary)


def resolve_for_coverage(tx: Tx, recorded: Recorded[CoverageRestored]) -> None:
    """A schedule without holes has no alert."""
    key = f"coverage/{recorded.event.schedule}"
    resolve_alert(tx, SYSTEM, dedup_key=key, service=OWN_SERVICE, reason="the schedule is covered")


def raise_for_uncovered_shift(tx: Tx, recorded: Recorded[ShiftUncovered]) -> None:
    """Nobody is on call just now."""
    event = recorded.event
    summary = f"nobody is primary on call in {event.schedule} until {event.until}"
    _raise_ticket(tx, event, f"uncovered/{event.schedule}", "on-call-uncovered", summary)


def resolve_for_shift(tx: Tx, recorded: Recorded[ShiftStarted]) -> None:
    """Somebody is on call again."""
    if recorded.event.role == "primary":
        key = f"uncovered/{recorded.event.schedule}"
        resolve_alert(tx, SYSTEM, dedup_key=key, service=OWN_SERVICE, reason=f"{recorded.event.person} is on call")


def follow_health_report(tx: Tx, recorded: Recorded[HealthReported]) -> None:
    """A full health report that is not well is a ticket; what has to page is a rule."""
    event = recorded.event
    if event.ok:
        resolve_alert(tx, SYSTEM, dedup_key="health-report", service=OWN_SERVICE, reason="everything is well")
        return
    first = event.failed[0] if event.failed else "something is not well"
    more = f" (and {len(event.failed) - 1} more)" if len(event.failed) > 1 else ""
    _raise_ticket(tx, event, "health-report", "health-report", f"the health report failed: {first}{more}")


def raise_for_dead_letter(tx: Tx, recorded: Recorded[DeliveryDied], *, settings: AlertsSettings) -> None:
    """A step of the automation did not happen and is not tried again."""
    died = recorded.event
    summary = f"{died.subscriber} failed for good; what it does did not happen"
    details = {"event_seq": died.event_seq, "reason": died.reason}
    _raise_own(tx, f"dead-letter/{died.subscriber}", "dead-letter", "P1", summary, details, settings)


def raise_for_silent_engine(tx: Tx, recorded: Recorded[EngineWentSilent], *, settings: AlertsSettings) -> None:
    """A server process stopped without saying goodbye."""
    silent = recorded.event
    summary = f"the server {silent.subject} went silent"
    details = {"silent_for_s": silent.silent_for_s}
    _raise_own(tx, _of_host(silent.subject), "engine-silent", "P1", summary, details, settings)


def resolve_for_engine(tx: Tx, recorded: Recorded[EngineJoined]) -> None:
    """A server process runs again on the host that had gone silent."""
    joined = recorded.event.subject
    resolve_alert(tx, SYSTEM, dedup_key=_of_host(joined), service=OWN_SERVICE, reason=f"the server {joined} runs")


def _of_host(engine: str) -> str:
    # Its name is host:process:chance; whoever starts after it has another process and another chance.
    return f"engine/{engine.partition(':')[0]}"


def raise_for_stepped_clock(tx: Tx, recorded: Recorded[ClockStepped], *, settings: AlertsSettings) -> None:
    """The wall clock was moved, and time has followed it."""
    summary = f"the clock of {recorded.event.subject} was moved by {recorded.event.step_s:+.1f} s"
    _raise_own(tx, f"clock/{recorded.event.subject}", "clock-stepped", "P2", summary, {}, settings)


def _raise_own(
    tx: Tx,
    key: str,
    rule: str,
    priority: Priority,
    summary: str,
    details: Mapping[str, object],
    settings: AlertsSettings,
) -> None:
    raise_alert(
        tx, SYSTEM, dedup_key=key, service=OWN_SERVICE, priority=priority, summary=summary, rule=rule,
        source=OWN_SERVICE, details=details, settings=settings,
    )  # fmt: skip


def _raise_ticket(tx: Tx, event: Event, key: str, rule: str, summary: str) -> None:
    raise_alert(
        tx, SYSTEM, dedup_key=key, service=event.service or OWN_SERVICE, environment=event.environment,
        priority="P2", summary=summary, rule=rule, source=OWN_SERVICE,
    )  # fmt: skip


def _raise_unanswered(tx: Tx, event: Event, rule: str, summary: str, priority: str) -> None:
    # It must not lead to another escalation: that one would end the same way.
    escalates: Escalates = "none"
    place = f"{event.service}@{event.environment}" if event.service else ""
    # Of StayCalm's own group: in the placement's it would hold the group open that it is about.
    raise_alert(
        tx, SYSTEM, dedup_key=f"{rule}/{event.subject}", service=OWN_SERVICE, priority=parse_priority(priority),
        summary=summary, rule=rule, source="oncall", escalates=escalates,
        labels={"subject": event.subject, "placement": place},
    )  # fmt: skip


def _path(subject: str) -> str:
    return f"/incidents/{subject}" if subject.startswith("INC-") else f"/alerts/{subject}"
