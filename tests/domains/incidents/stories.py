"""A night as the event log tells it, with the real events of the domains that take part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Event, LogEntry
from staycalm.domains.deployments import events as deployments
from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents.report.facts import About
from staycalm.domains.oncall import events as oncall

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BOB = Actor("person", "bob", "Bob")
EVIDENCE = {
    "reasons": ["error rate of the candidate is 5.2 %, stable's 0.1 %"],
    "candidate_requests": 812,
    "stable_requests": 7201,
}


@dataclass
class Log:
    """An event log in memory, at minutes and seconds after 09:00 UTC."""

    entries: list[LogEntry] = field(default_factory=list)

    def add(self, at: float, event: Event, actor: Actor = SYSTEM) -> None:
        self.entries.append(
            LogEntry(
                len(self.entries) + 1,
                START + timedelta(seconds=at),
                actor,
                event.name,
                event.version,
                event.subject,
                event.service,
                event.environment,
                event.body(),
            )
        )


def rolled_back(**changed: Any) -> deployments.DeploymentRolledBack:
    values: dict[str, Any] = {
        "subject": "DEP-3",
        "service": "shop",
        "environment": "production",
        "reason": "error rate rose by 5.1 points",
        "is_automatic": True,
        "stable_is_healthy": True,
        "evidence": EVIDENCE,
        "failed_requests": 42,
        "detected_after_s": 41.0,
        "rollback_took_s": 0.8,
        "candidate_digest": "sha256:" + "ab" * 32,
        "release": "REL-3",
    }
    return deployments.DeploymentRolledBack(**{**values, **changed})


def a_bad_release() -> Log:
    """The demo's third act: rollback at 09:01, alice does not answer, bob takes it at 09:07, resolved 09:31."""
    log = Log()
    page: dict[str, Any] = {"subject": "INC-1", "escalation": "e1"}
    log.add(
        0,
        deployments.WeightShifted(
            subject="DEP-3", weight=10.0, previous_weight=0.0, step=0, generation=7, took_s=0.2
        ),
    )
    log.add(
        59,
        deployments.RollbackStarted(
            subject="DEP-3", reason="error rate rose by 5.1 points", is_automatic=True, weight=10.0
        ),
    )
    log.add(60, rolled_back())
    log.add(
        60,
        incidents.IncidentDeclared(
            subject="INC-1",
            priority="P0",
            title="shop rolled back",
            cause="rollback/DEP-3",
            cause_kind="rollback",
            cause_subject="DEP-3",
        ),
    )
    log.add(60, oncall.EscalationStarted(**page, policy="shop", priority="P0", title="shop rolled back"))
    log.add(
        60,
        oncall.StepReached(
            **page, step=1, round=0, urgency="page", targets=["primary"], people=["alice"], wait_s=300.0
        ),
    )
    log.add(
        61,
        oncall.NotificationSent(
            subject="INC-1", notification="n1", kind="page", person="alice", channel="email", attempt=1
        ),
    )
    log.add(
        360,
        oncall.StepReached(
            **page, step=2, round=0, urgency="page", targets=["secondary"], people=["bob"], wait_s=300.0
        ),
    )
    log.add(
        361,
        oncall.NotificationSent(
            subject="INC-1", notification="n2", kind="page", person="bob", channel="email", attempt=1
        ),
    )
    log.add(420, oncall.PageAcknowledged(**page, person="bob", via="link"), BOB)
    log.add(421, incidents.IncidentAcknowledged(subject="INC-1", by="bob"), BOB)
    log.add(600, incidents.IncidentMitigated(subject="INC-1", how="stable serves everything"), BOB)
    log.add(1860, incidents.IncidentResolved(subject="INC-1", summary="v3 is out"), BOB)
    log.add(1860, oncall.EscalationStopped(**page, reason="INC-1 is resolved"), BOB)
    log.add(90000, deployments.CandidateRemoved(subject="DEP-3", revision="shop-production-3", why="expired"))
    return log


def about(**changed: Any) -> About:
    values: dict[str, Any] = {
        "id": "INC-1",
        "title": "shop rolled back",
        "priority": "P0",
        "state": "resolved",
        "service": "shop",
        "environment": "production",
        "declared_by": "system:staycalm",
        "declared_at": START + timedelta(seconds=60),
        "impact_started_at": START + timedelta(seconds=18.2),
        "detected_at": START + timedelta(seconds=59.2),
        "impact_ended_at": START + timedelta(seconds=60),
        "resolved_at": START + timedelta(seconds=1860),
    }
    return About(**{**values, **changed})
