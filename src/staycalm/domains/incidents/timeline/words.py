"""One sentence per event. Texts of people and of other systems are kept on one line. Pure.

Keyed by the stable names of events, so that an old log reads the same for ever. A kind of event that is not
here reads as its name; one that is None says nothing that another event does not say better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.core.events import LogEntry
from staycalm.core.text import one_line

Body = Mapping[str, Any]
Sentence = Callable[[LogEntry], str]
LIMIT = 300

ROLE_NAMES = {
    "commander": "Incident Commander",
    "technical-lead": "Technical Lead",
    "communications-lead": "Communications Lead",
    "scribe": "Scribe",
}


def sentence(entry: LogEntry) -> str | None:
    """Return what happened in one line of at most 300 characters, or None when it says nothing new."""
    if entry.name not in _SENTENCES:
        return one_line(entry.name.rpartition(".")[2].replace("_", " ").capitalize(), LIMIT)
    write = _SENTENCES[entry.name]
    return one_line(write(entry), LIMIT) if write is not None else None


def who(entry: LogEntry) -> str:
    """Return the author as a reader knows them."""
    return entry.actor.id if entry.actor.kind == "person" else entry.actor.name or str(entry.actor)


def release_of(body: Body) -> str:
    """Return how to call the release: its name, else the beginning of its digest."""
    digest = body.get("candidate_digest") or body.get("digest") or ""
    short = str(digest).removeprefix("sha256:")[:12]
    return str(body.get("release") or short or "the release")


def people(names: Any) -> str:
    """Return the names in a list for reading."""
    listed = [str(name) for name in names or ()]
    if len(listed) < 3:
        return " and ".join(listed) or "nobody"
    return ", ".join(listed[:-1]) + " and " + listed[-1]


def _percent(value: Any) -> str:
    return f"{value:g} %" if isinstance(value, (int, float)) else "? %"


def _because(text: Any, lead: str = ": ") -> str:
    return f"{lead}{text}" if text else ""


def _took(body: Body) -> str:
    took_s = body.get("rollback_took_s")
    return f" within {format_duration(took_s)}" if isinstance(took_s, (int, float)) else ""


def _rolled_back(entry: LogEntry) -> str:
    failed = entry.body.get("failed_requests")
    cost = f"; {failed} {'request' if failed == 1 else 'requests'} failed" if failed is not None else ""
    return f"{entry.subject} rolled back{_took(entry.body)}: stable serves all traffic{cost}"


def _rollback_started(entry: LogEntry) -> str:
    by = "automatic" if entry.body.get("is_automatic") else f"by {who(entry)}"
    return f"Rollback of {entry.subject} started ({by}){_because(entry.body.get('reason'))}"


def _step_reached(entry: LogEntry) -> str:
    verb = "paged" if entry.body.get("urgency") == "page" else "notified"
    step = f" (step {entry.body['step']})" if entry.body.get("step") else ""
    return f"On-call {verb}: {people(entry.body.get('people'))}{step}"


def _notification_failed(entry: LogEntry) -> str:
    body = entry.body
    end = "given up" if body.get("is_final") else "will be tried again"
    return f"Message to {body.get('person')} by {body.get('channel')} failed, {end}{_because(body.get('reason'))}"


def _notification_sent(entry: LogEntry) -> str:
    body = entry.body
    what = "Page" if body.get("kind") == "page" else "Message"
    repeat = ", perhaps for the second time" if body.get("is_duplicate_possible") else ""
    return f"{what} delivered to {body.get('person')} by {body.get('channel')}{repeat}"


def _declared(entry: LogEntry) -> str:
    body = entry.body
    return f"Incident declared as {body.get('priority')}{_because(body.get('title'))}"


def _role_assigned(entry: LogEntry) -> str:
    role = ROLE_NAMES.get(str(entry.body.get("role")), str(entry.body.get("role")))
    return f"{role}: {entry.body.get('person') or 'nobody'}"


def _priority_changed(entry: LogEntry) -> str:
    body = entry.body
    return f"Priority changed from {body.get('previous')} to {body.get('priority')}{_because(body.get('reason'))}"


def _field(lead: str, name: str) -> Sentence:
    return lambda entry: f"{lead}{_because(entry.body.get(name))}"


_SENTENCES: dict[str, Sentence | None] = {
    "deployments.requested": lambda e: f"{e.subject} requested by {who(e)}: {release_of(e.body)}",
    "deployments.candidate_ready": lambda e: f"Candidate of {e.subject} is up and healthy",
    "deployments.smoke_tests_passed": lambda e: f"Smoke tests of {e.subject} passed",
    "deployments.weight_shifted": lambda e: (
        f"Candidate of {e.subject} at {_percent(e.body.get('weight'))} of traffic"
    ),
    "deployments.held": lambda e: f"{e.subject} held{_because(e.body.get('reason'))}",
    "deployments.paused": lambda e: f"{e.subject} paused by {who(e)}{_because(e.body.get('reason'))}",
    "deployments.resumed": lambda e: f"{e.subject} resumed by {who(e)}",
    "deployments.promoted": lambda e: f"{e.subject} promoted to {_percent(e.body.get('to_weight'))} by {who(e)}",
    "deployments.rollback_started": _rollback_started,
    "deployments.rolled_back": _rolled_back,
    "deployments.rollback_failed": lambda e: f"Rollback of {e.subject} failed{_because(e.body.get('reason'))}",
    "deployments.completed": lambda e: f"{e.subject} completed: {release_of(e.body)} serves all traffic",
    "deployments.aborted": lambda e: f"{e.subject} aborted{_because(e.body.get('reason'))}",
    "deployments.candidate_removed": lambda e: f"Candidate of {e.subject} removed{_because(e.body.get('why'))}",
    "alerts.raised": lambda e: f"Alert triggered ({e.body.get('priority')}){_because(e.body.get('summary'))}",
    "alerts.acknowledged": lambda e: f"Alert acknowledged by {e.body.get('by')}",
    "alerts.handed_back": lambda e: f"Alert handed back by {e.body.get('by')}: it fires again",
    "alerts.suppressed": lambda e: f"Alert muted by {e.body.get('by')}{_because(e.body.get('summary'))}",
    "alerts.resolved": lambda e: f"Alert {e.body.get('rule')} resolved{_because(e.body.get('reason'))}",
    "oncall.escalation_started": lambda e: f"Escalation started (policy {e.body.get('policy')})",
    "oncall.nobody_paged": _field("NOBODY PAGED", "reason"),
    "oncall.step_reached": _step_reached,
    "oncall.step_skipped": lambda e: f"Step {e.body.get('step')} skipped{_because(e.body.get('reason'))}",
    "oncall.notification_sent": _notification_sent,
    "oncall.notification_failed": _notification_failed,
    "oncall.page_acknowledged": lambda e: f"{e.body.get('person')} acknowledged (by {e.body.get('via')})",
    "oncall.paged_again": _field("Paged again from the first step", "reason"),
    "oncall.escalation_exhausted": _field("Nobody is left to page", "reason"),
    "oncall.escalation_stopped": None,
    "incidents.declared": _declared,
    "incidents.cause_attached": lambda e: f"Joined by {e.body.get('cause_kind')}{_because(e.body.get('summary'))}",
    "incidents.acknowledged": lambda e: f"{e.body.get('by')} acknowledged",
    "incidents.priority_changed": _priority_changed,
    "incidents.role_assigned": _role_assigned,
    "incidents.note_added": lambda e: f"{who(e)}: {e.body.get('text')}",
    "incidents.mitigated": _field("Mitigated", "how"),
    "incidents.investigation_resumed": _field("Mitigation did not hold, investigation goes on", "reason"),
    "incidents.resolved": _field("Incident resolved", "summary"),
    "incidents.reopened": _field("Incident reopened", "reason"),
    "incidents.closed": lambda _: "Incident closed",
    "incidents.post_mortem_drafted": None,
    # Writing it is no part of what happened; that it was published is.
    "incidents.post_mortem_written": None,
    "incidents.post_mortem_moved": None,
    "incidents.post_mortem_amended": None,
    "incidents.post_mortem_overdue": lambda _: "Post-mortem overdue",
    "incidents.post_mortem_published": lambda _: "Post-mortem published",
}
