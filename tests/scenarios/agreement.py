"""The rows and the log say the same: every state has the event that led to it, every event its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from staycalm.core.events import LogEntry
from staycalm.domains.alerts.decisions import SETTLED, SUPPRESSED

Rows = Sequence[Any]
Log = Sequence[LogEntry]

# The last of these names decides. Preparing and smoke testing begin without an event.
DEPLOYMENT_OF = {
    "deployments.requested": {"pending", "preparing"},
    "deployments.candidate_ready": {"preparing", "smoke-testing", "shifting"},
    "deployments.smoke_tests_passed": {"smoke-testing", "shifting"},
    "deployments.weight_shifted": {"shifting", "verifying"},
    "deployments.completed": {"completed"},
    "deployments.rolled_back": {"rolled-back"},
    "deployments.aborted": {"aborted"},
    "deployments.rollback_started": {"rolling-back"},
    "deployments.rollback_failed": {"completed"},
}
INCIDENT_OF = {
    "incidents.declared": "triage",
    "incidents.acknowledged": "investigating",
    "incidents.mitigated": "mitigated",
    "incidents.investigation_resumed": "investigating",
    "incidents.resolved": "resolved",
    "incidents.reopened": "triage",
    "incidents.closed": "closed",
}
ESCALATION_OF = {
    "oncall.escalation_started": "escalating",
    "oncall.paged_again": "escalating",
    "oncall.page_acknowledged": "acknowledged",
    "oncall.escalation_exhausted": "exhausted",
    "oncall.escalation_stopped": "stopped",
}
OF_ESCALATION = (*ESCALATION_OF, "oncall.step_reached", "oncall.step_skipped")
CAUSES = ("incidents.declared", "incidents.cause_attached")


def check_deployments(rows: Rows, log: Log) -> Iterator[str]:
    """Each deployment is where its last event has brought it, with the weight that was told last."""
    last: dict[str, LogEntry] = {}
    weights: dict[str, float] = {}
    for e in log:
        if e.name in DEPLOYMENT_OF and not (e.name.endswith("rollback_failed") and not e.body["is_final"]):
            last[e.subject] = e
        if e.name == "deployments.weight_shifted":
            weights[e.subject] = e.body["weight"]
    for row in rows:
        told = last.pop(row.id, None)
        # Taking the traffic away is all that an abort does before it is told.
        is_aborting = row.state == "rolling-back" and row.ending == "aborted"
        if told is None or (row.state not in DEPLOYMENT_OF[told.name] and not is_aborting):
            yield f"{row.id} is {row.state}; the log says {told and told.name}"
        wanted = {"completed": 100.0, "rolled-back": 0.0, "aborted": 0.0}.get(row.state)
        if row.state in ("shifting", "verifying"):
            wanted = weights.get(row.id, 0.0)
        if wanted is not None and (row.weight or 0.0) != wanted:
            yield f"{row.id} is {row.state} with {row.weight} %; the log says {wanted:g} %"
    yield from (f"the log tells of {id}, which is not there" for id in last)


def check_alerts(groups: Rows, alerts: Rows, log: Log) -> Iterator[str]:
    """A group has told of exactly the rules of its open alerts, and is open as long as it has one."""
    told: dict[str, dict[str, str]] = {}
    acknowledged = set()
    for e in log:
        of_group = told.setdefault(e.subject, {}) if e.name.startswith("alerts.") else {}
        if e.name == "alerts.raised":
            of_group[e.body["rule"]] = e.body["priority"]
        elif e.name == "alerts.suppressed":
            of_group[e.body["rule"]] = SUPPRESSED
        elif e.name == "alerts.resolved" and of_group.pop(e.body["rule"], None) is None:
            yield f"{e.subject}: {e.body['rule']} was resolved, and the log never said that it was raised"
        elif e.name == "alerts.acknowledged":
            acknowledged.add(e.subject)
    open_rules: dict[str, set[str]] = {}
    for row in alerts:
        if row.state != "resolved":
            open_rules.setdefault(row.group_id, set()).add(row.rule)
        if row.state == "firing" and told.get(row.group_id, {}).get(row.rule) == SUPPRESSED:
            yield f"{row.group_id}: {row.rule} fires; the log says that it is muted"
        if row.state == "acknowledged" and row.group_id not in acknowledged:
            yield f"{row.group_id}: {row.rule} is acknowledged; the log does not say so"
    for row in groups:
        said, are_open = told.get(row.id, {}), open_rules.pop(row.id, set())
        if set(said) != are_open:
            yield f"{row.id}: alerts of {sorted(are_open)} are open; the log says {sorted(said)}"
        if (row.open_key is not None) != bool(are_open):
            yield f"{row.id} is {'open' if row.open_key else 'resolved'} with {len(are_open)} open rules"
        # What has to be told anew, because its incident has ended, is written without an event.
        known = {rule: priority for rule, priority in row.announced.items() if priority != SETTLED}
        if any(said.get(rule) != priority for rule, priority in known.items()):
            yield f"{row.id} was told as {row.announced}; the log says {said}"
    yield from (f"the alerts of {id} have no group" for id in open_rules)


def check_incidents(rows: Rows, causes: Rows, log: Log) -> Iterator[str]:
    """Each incident has the state, the priority and the causes that the log says, and no cause has two."""
    states: dict[str, str] = {}
    priorities: dict[str, str] = {}
    owners: dict[str, str] = {}
    declared: Counter[str] = Counter()
    for e in log:
        if e.name in INCIDENT_OF:
            states[e.subject] = INCIDENT_OF[e.name]
        if e.name in ("incidents.declared", "incidents.priority_changed"):
            priorities[e.subject] = e.body["priority"]
        if e.name in CAUSES:
            owners[e.body["cause"]] = e.subject
        declared.update([e.body["cause"]] if e.name == "incidents.declared" else [])
    yield from (f"{cause} declared {many} incidents" for cause, many in declared.items() if many > 1)
    for row in rows:
        said = (states.pop(row.id, None), priorities.get(row.id))
        if said != (row.state, row.priority):
            yield f"{row.id} is {(row.state, row.priority)}; the log says {said}"
    yield from (f"the log tells of {id}, which is not there" for id in states)
    for row in causes:
        if owners.pop(row.cause, None) != row.incident:
            yield f"{row.cause} belongs to {row.incident}; the log does not say so"
    yield from (f"{cause} belongs to {id}, says the log; it is not there" for cause, id in owners.items())


def check_escalations(rows: Rows, by_escalation: dict[str, list[LogEntry]]) -> Iterator[str]:
    """Each escalation is in the state its last event says, and the next step of a running one has its time."""
    known = {row.id for row in rows}
    yield from (f"the log tells of escalation {id}, which is not there" for id in by_escalation if id not in known)
    for row in rows:
        told = [e for e in by_escalation.get(row.id, []) if e.name in ESCALATION_OF]
        if not told or ESCALATION_OF[told[-1].name] != row.state:
            yield f"the escalation of {row.subject} is {row.state}; the log says {told[-1:]}"
        if row.state == "escalating" and row.due_at is None:
            yield f"the escalation of {row.subject} has stopped silently"
