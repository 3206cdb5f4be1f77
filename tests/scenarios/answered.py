"""Whatever is urgent is somebody's, is being asked about, is over, or says aloud that nobody has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from staycalm.core.events import LogEntry

URGENT = ("P0", "P1")
SAID_AS = {"oncall.escalation_exhausted": "nobody-answered", "oncall.nobody_paged": "nobody-paged"}
ANSWERED = (
    "oncall.page_acknowledged",
    "oncall.escalation_stopped",
    "incidents.acknowledged",
    "incidents.resolved",
)


def is_end(e: LogEntry) -> bool:
    """Return whether somebody has the subject of this event from now on, or nobody has to any more."""
    return e.name in ANSWERED or (e.name == "alerts.resolved" and e.body["is_group_resolved"])


def check_silence_is_said(
    log: Sequence[LogEntry], open_keys: AbstractSet[str], waiting: AbstractSet[int]
) -> Iterator[str]:
    """While nobody answers for something, or nobody could be paged, an alert is open that says so.

    `open_keys` are the keys of the open alerts, `waiting` the events that are not delivered yet.
    """
    silent: dict[tuple[str, str], int] = {}
    for e in log:
        if e.name in SAID_AS:
            silent[SAID_AS[e.name], e.subject] = e.seq
        elif is_end(e):
            for rule in SAID_AS.values():
                silent.pop((rule, e.subject), None)
    for (rule, subject), seq in silent.items():
        if seq not in waiting and f"{rule}/{subject}" not in open_keys:
            yield f"{rule}: {subject}, and nothing says so"


def check_incidents_are_asked_about(
    incidents: Sequence[Any], escalations: Sequence[Any], open_keys: AbstractSet[str], waiting: AbstractSet[int]
) -> Iterator[str]:
    """Every urgent incident that nobody has is escalated, or says that nobody could be paged."""
    asked = {row.subject for row in escalations if row.open_subject is not None}
    for row in incidents:
        is_unanswered = row.priority in URGENT and row.state == "triage" and row.id not in asked
        if is_unanswered and not waiting and f"nobody-paged/{row.id}" not in open_keys:
            yield f"{row.id} is {row.priority} and nobody is asked"


def check_groups_are_asked_about(
    log: Sequence[LogEntry], escalations: Sequence[Any], waiting: AbstractSet[int]
) -> Iterator[str]:
    """Every urgent alert that pages by itself is escalated, was answered or is over, or nobody could be paged."""
    asked = {row.subject for row in escalations if row.open_subject is not None}
    unasked: dict[str, LogEntry] = {}
    for e in log:
        if e.name == "alerts.raised" and e.body["escalates"] == "group" and e.body["priority"] in URGENT:
            unasked[e.subject] = e
        elif e.name == "oncall.nobody_paged" or is_end(e):
            unasked.pop(e.subject, None)
    for subject, e in unasked.items():
        if e.seq not in waiting and subject not in asked:
            yield f"{subject} is {e.body['priority']} and nobody is asked ({e.body['rule']})"


def check_causes_have_incidents(
    log: Sequence[LogEntry], known: AbstractSet[str], waiting: AbstractSet[int]
) -> Iterator[str]:
    """Every automatic rollback, and every alert that asks for it, has an incident."""
    for e in log:
        if e.seq not in waiting and _cause_of(e) not in {None, *known}:
            yield f"{e.name} of {e.subject} ({e.body.get('rule') or e.body['reason']}) has no incident"


def _cause_of(e: LogEntry) -> str | None:
    """Return the cause of an incident that this event has to be, None when it need not be one."""
    if e.name == "deployments.rolled_back" and e.body["is_automatic"]:
        return f"rollback/{e.subject}/{e.seq}"
    if e.name == "alerts.raised" and e.body["escalates"] == "incident":
        return f"alert/{e.body['alert_id']}"
    return None
