"""What on-call does when others tell of something. Each is idempotent: the open escalation is unique."""

from __future__ import annotations

from staycalm.core.actor import SYSTEM
from staycalm.core.events import LogEntry, Recorded
from staycalm.core.priority import parse_priority
from staycalm.core.self_events import ClockStepped
from staycalm.domains.accounts.events import PersonDeactivated, PersonReactivated
from staycalm.domains.alerts.events import AlertAcknowledged, AlertHandedBack, AlertRaised, AlertResolved
from staycalm.domains.oncall.coverage import service as coverage
from staycalm.domains.oncall.escalations import closing
from staycalm.domains.oncall.escalations import queries as escalation_queries
from staycalm.domains.oncall.escalations import service as escalations
from staycalm.domains.oncall.events import ContactMethodChanged, EscalationStopped, NotificationFailed
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.policies.queries import timing_by_priority
from staycalm.domains.oncall.questions import FindStanding
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import Tx


def page_for_alert_group(tx: Tx, recorded: Recorded[AlertRaised], *, find_standing: FindStanding) -> None:
    """An alert group that escalates by itself is being paged, at its highest priority.

    Another server may have handled the end of the alert, or an answer to it, before.
    """
    event = recorded.event
    priority = parse_priority(event.priority)
    if event.escalates != "group" or priority not in timing_by_priority(tx):
        return
    if find_standing(tx, event.subject, event.rule, event.alert_id) is None:
        return
    if escalation_queries.find_open(tx, event.subject) is not None:
        escalations.raise_priority(tx, SYSTEM, event.subject, priority)
    else:
        escalations.start_escalation(
            tx,
            SYSTEM,
            subject=event.subject,
            policy=None,
            service=event.service,
            environment=event.environment,
            priority=priority,
            title=event.summary,
            url_path=f"/alerts/{event.subject}",
        )
    _follow_acknowledgements(tx, event.subject, recorded.seq)


def acknowledge_for_alert_group(tx: Tx, recorded: Recorded[AlertAcknowledged]) -> None:
    """Whoever acknowledged the alerts of a group has its page too, unless it rose or was handed back since."""
    _follow_acknowledgements(tx, recorded.event.subject, recorded.seq - 1)


def _follow_acknowledgements(tx: Tx, subject: str, seq: int) -> None:
    """Whoever was first to acknowledge what is paged now, after the event `seq`, has the page."""
    page = escalation_queries.find_open(tx, subject)
    if page is None or page.state == "acknowledged":
        return
    answer: LogEntry | None = None
    for told in escalation_queries.told_after(tx, subject, seq, [AlertAcknowledged.name, AlertHandedBack.name]):
        if told.name == AlertHandedBack.name:
            answer = None
        elif answer is None and told.body.get("priority", "") <= page.priority:
            answer = told
    if answer is not None:
        escalations.acknowledge(tx, answer.actor, subject, via="alert", person=answer.body["by"])


def stop_for_alert_group(tx: Tx, recorded: Recorded[AlertResolved]) -> None:
    """Nobody is paged for a group in which nothing fires any more."""
    if recorded.event.is_group_resolved:
        escalations.stop_escalation(tx, SYSTEM, recorded.event.subject, "resolved")


def tell_that_it_is_over(tx: Tx, recorded: Recorded[EscalationStopped]) -> None:
    """Whoever was asked learns that nobody has to answer any more."""
    event, actor = recorded.event, recorded.actor
    found = escalation_queries.find_escalation(tx, event.escalation)
    if found is not None:
        ended_by = actor.id if actor.kind == "person" else ""
        closing.tell_over(tx, found, ended_by=ended_by, reason=event.reason)


def hurry_when_nobody_was_reached(tx: Tx, recorded: Recorded[NotificationFailed]) -> None:
    """A step none of whose messages arrived does not wait for an answer.

    `is_unreached` cannot tell: of two messages that fail at one instant each takes the other to be on its way.
    """
    event = recorded.event
    if event.is_final and event.escalation is not None and event.step is not None:
        escalations.hurry(tx, event.escalation, event.step)


def wait_no_longer(tx: Tx, recorded: Recorded[ClockStepped], *, settings: OncallSettings) -> None:
    """Whoever is asked next is asked in time, by a clock that was set back, too."""
    if recorded.event.step_s < 0:
        escalations.wait_no_longer(tx)
        notifications.wait_no_longer(tx, retry_cap_s=settings.retry_cap_s)


def check_coverage_after_contact_change(tx: Tx, _recorded: Recorded[ContactMethodChanged]) -> None:
    """Holes that a changed contact method makes or mends are found at once."""
    coverage.check_soon(tx)


def check_coverage_after_leaving(tx: Tx, _recorded: Recorded[PersonDeactivated]) -> None:
    """Shifts of somebody who left are found at once."""
    coverage.check_soon(tx)


def check_coverage_after_return(tx: Tx, _recorded: Recorded[PersonReactivated]) -> None:
    """Shifts of somebody who is back count as covered again."""
    coverage.check_soon(tx)
