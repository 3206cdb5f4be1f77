"""The small organisation of on-call, with everything that opens, joins and follows incidents."""

from __future__ import annotations

from functools import partial
from typing import Any

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Event, LogEntry
from staycalm.core.priority import Priority
from staycalm.domains.alerts.events import AlertRaised, AlertResolved
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.deployments.events import DeploymentRolledBack, RollbackFailed
from staycalm.domains.incidents import queries, service, subscribers
from staycalm.domains.incidents.causes.service import Declared, declare
from staycalm.domains.incidents.queries import Incident
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.domains.oncall import subscribers as on_oncall
from staycalm.domains.oncall.events import NotificationFailed, PageAcknowledged
from staycalm.domains.oncall.reconcile import reconcilers
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database, Tx, log
from staycalm.kit.subscriptions import Subscription, Subscriptions
from tests.conftest import VirtualClock, drive
from tests.domains.incidents.stories import rolled_back
from tests.domains.oncall.world import FILE, PUBLIC_URL, World

FILE_WITH_SHOP = FILE + "environments:\n  production: {production: true}\n"
POST_MORTEM_WITHIN_S = 172800.0


def subscriptions(settings: IncidentsSettings) -> Subscriptions:
    rollback = partial(subscribers.declare_for_rollback, settings=settings)
    failed = partial(subscribers.declare_for_failed_rollback, settings=settings)
    alert = partial(subscribers.declare_for_alert, settings=settings)
    return Subscriptions(
        [
            Subscription("oncall.hurry", NotificationFailed, on_oncall.hurry_when_nobody_was_reached),
            Subscription("incidents.rollback", DeploymentRolledBack, rollback),
            Subscription("incidents.failed", RollbackFailed, failed),
            Subscription("incidents.alert", AlertRaised, alert),
            Subscription("incidents.quiet", AlertResolved, subscribers.note_resolved_alert),
            Subscription("incidents.page", PageAcknowledged, subscribers.take_for_page),
        ]
    )


def fires(tx: Tx, event: AlertRaised) -> None:
    """The alert that the event tells of is open, as it is whenever `alerts` tells of one."""
    place = {"service": event.service or "", "environment": event.environment or ""}
    about = {**place, "priority": event.priority, "summary": event.summary, "opened_at": tx.now}
    group = {"id": event.subject, "open_key": event.subject, "announced": {}}
    tx.upsert(alert_groups, {**group, **about}, on=["id"])
    alert = {
        "id": event.alert_id, "group_id": event.subject, "dedup_key": event.alert_id, "key": event.alert_id,
        "rule": event.rule, "source": "api", "labels": {}, "details": {}, "escalates": event.escalates,
        "state": "firing", "version": 1, "flaps": 0, "changed_at": tx.now,
    }  # fmt: skip
    tx.upsert(alerts, {**alert, **about}, on=["id"])


class IncidentWorld(World):
    """`happen(event)` puts an event in the log and lets everybody react."""

    def __init__(
        self, database: Database, clock: VirtualClock, incidents: IncidentsSettings = IncidentsSettings()
    ) -> None:
        super().__init__(database, clock)
        listed = subscriptions(incidents)
        database.subscriptions = listed
        self.engine = Engine(
            database,
            listed,
            reconcilers(self.channels, self.settings, PUBLIC_URL),
            holder="test",
            uses_leases=False,
            spawn=self._spawn,
        )
        drive(self.engine.back_fill())
        self.apply(FILE_WITH_SHOP)
        self.settle()

    def happen(self, *events: Event, actor: Actor = SYSTEM) -> None:
        for event in events:
            self.write(_emit, actor, event)
        self.settle()

    def roll_back(self, **changed: Any) -> None:
        self.happen(rolled_back(**changed))

    def raise_alert(self, priority: Priority = "P0", **changed: Any) -> None:
        values: dict[str, Any] = {
            "subject": "ALG-1",
            "service": "shop",
            "environment": "production",
            "alert_id": "alert-1",
            "rule": "error-rate",
            "priority": priority,
            "summary": "error rate of shop is 7 %",
            "escalates": "incident",
        }
        event = AlertRaised(**{**values, **changed})
        self.write(fires, event)
        self.happen(event)

    def end_alert(self, alert_id: str = "alert-1") -> None:
        self.happen(AlertResolved(
            subject="ALG-1", service="shop", environment="production", alert_id=alert_id, rule="error-rate",
            reason="back to normal", is_group_resolved=False,
        ))  # fmt: skip

    def declare(
        self, actor: Actor, title: str = "Service down", priority: Priority = "P0", **named: Any
    ) -> Declared:
        declared: Declared = self.write(declare, actor, title=title, priority=priority, **named)
        self.settle()
        return declared

    def respond(self, verb: str, actor: Actor, name: str = "INC-1", *args: Any, **named: Any) -> Any:
        """Call a write of `incidents.service` and let everybody react."""
        if verb == "resolve":
            named.setdefault("post_mortem_within_s", POST_MORTEM_WITHIN_S)
        answer = self.write(getattr(service, verb), actor, name, *args, **named)
        self.settle()
        return answer

    def incidents(self) -> list[Incident]:
        """Return every incident, oldest first."""
        return list(reversed(self.read(queries.list_incidents, limit=100).items))

    @property
    def incident(self) -> Incident:
        (only,) = self.incidents()
        return only

    def told(self, *names: str) -> list[LogEntry]:
        """Return the incidents' events of these names, in order."""
        wanted = {f"incidents.{name}" for name in names}
        found = drive(self.database.read(log.after, 0, limit=5000))
        return [each for each in found if each.name in wanted]

    def timeline(self, name: str = "INC-1") -> list[str]:
        return [each.text for each in self.read(queries.timeline, name, limit=500).items]


def _emit(tx: Tx, actor: Actor, event: Event) -> None:
    tx.emit(actor, event)
