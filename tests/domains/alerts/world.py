"""Alerts on a virtual clock, with every subscription of the domain and nothing outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Event
from staycalm.core.self_events import DeliveryDied
from staycalm.domains.alerts import subscribers as on_alerts
from staycalm.domains.alerts.events import AlertResolved
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.alerts.public import Alert, list_open, raise_alert, resolve_alert
from staycalm.domains.alerts.reconcile import bulk_reconciler, reconciler
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.domains.deployments.events import DeploymentHeld, DeploymentResumed, RollbackFailed
from staycalm.domains.monitoring.events import ConditionCleared, ConditionFiring, HealthReported
from staycalm.domains.oncall.events import (
    CoverageGapFound,
    CoverageRestored,
    EscalationExhausted,
    NobodyPaged,
    PageAcknowledged,
)
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database
from staycalm.kit.database.tables import events
from staycalm.kit.subscriptions import Subscription, Subscriptions
from tests.conftest import VirtualClock, drive

ALICE = Actor("person", "alice", "Alice")
BOB = Actor("person", "bob", "Bob")


class World:
    """Alerts, driven by hand. `told` are the names of the alert events so far."""

    def __init__(self, database: Database, clock: VirtualClock, settings: AlertsSettings | None = None) -> None:
        self.database, self.clock = database, clock
        self.settings = settings or AlertsSettings()
        self.broken = False
        with_settings = {"settings": self.settings}
        listed = [
            ("firing", ConditionFiring, partial(on_alerts.raise_for_condition, **with_settings)),
            ("cleared", ConditionCleared, on_alerts.resolve_for_condition),
            ("held", DeploymentHeld, partial(on_alerts.raise_for_held_deployment, **with_settings)),
            ("resumed", DeploymentResumed, on_alerts.resolve_for_deployment),
            ("failed", RollbackFailed, partial(on_alerts.raise_for_failed_rollback, **with_settings)),
            ("exhausted", EscalationExhausted, on_alerts.raise_for_exhausted_escalation),
            ("nobody", NobodyPaged, on_alerts.raise_for_nobody_paged),
            ("answered", PageAcknowledged, on_alerts.resolve_unanswered),
            ("over", AlertResolved, on_alerts.resolve_unanswered_group),
            ("acknowledged", PageAcknowledged, on_alerts.acknowledge_for_page),
            ("gap", CoverageGapFound, on_alerts.raise_for_coverage_gap),
            ("restored", CoverageRestored, on_alerts.resolve_for_coverage),
            ("report", HealthReported, on_alerts.follow_health_report),
            ("dead", DeliveryDied, partial(on_alerts.raise_for_dead_letter, **with_settings)),
        ]
        subscriptions = Subscriptions([Subscription(name, event, handler) for name, event, handler in listed])
        database.subscriptions = subscriptions
        self.engine = Engine(
            database,
            subscriptions,
            [reconciler(), bulk_reconciler()],
            holder="test",
            uses_leases=False,
            spawn=drive,
        )
        drive(self.engine.back_fill())

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.write(use_case, *args, **named))

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.read(query, *args, **named))

    def settle(self) -> None:
        """Everything that is due now is done."""
        while drive(self.engine.turn()) == 0.0:
            pass

    def pass_time(self, **parts: float) -> None:
        """Time passes, and everything that becomes due on the way happens at its time."""
        end = self.clock.now() + timedelta(**parts)
        self.settle()
        while (due := drive(self.engine.next_due())) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self.settle()
        self.clock.move_to(end)

    def tell(self, event: Event, actor: Actor = SYSTEM) -> None:
        """The event is in the log and everybody has reacted."""
        self.write(lambda tx: tx.emit(actor, event))
        self.settle()

    def raised(self, key: str = "disk", actor: Actor = SYSTEM, **more: Any) -> Alert:
        """An alert of the shop in production is raised."""
        values: dict[str, Any] = {
            "dedup_key": key, "service": "shop", "environment": "production", "priority": "P1",
            "summary": "the disk is full", "rule": key, "settings": self.settings,
        }  # fmt: skip
        alert: Alert = self.write(raise_alert, actor, **values | more)
        return alert

    def resolved(self, key: str = "disk", service: str = "shop") -> Alert | None:
        found: Alert | None = self.write(resolve_alert, SYSTEM, dedup_key=key, service=service)
        return found

    def silence(self, *matchers: str, hours: float = 1) -> str:
        until = self.clock.now() + timedelta(hours=hours)
        made = self.write(
            muting.create_silence, ALICE, matchers=matchers, reason="we know", until=until, settings=self.settings
        )
        self.settle()
        return str(made.id)

    def maintain(self, service: str | None = None, environment: str | None = None, *, hours: float = 1) -> str:
        until = self.clock.now() + timedelta(hours=hours)
        made = self.write(
            muting.start_maintenance, ALICE, service=service, environment=environment, reason="new disks",
            until=until, settings=self.settings,
        )  # fmt: skip
        self.settle()
        return str(made.id)

    def open(self) -> list[Alert]:
        return list(self.read(list_open, limit=500))

    def only(self) -> Alert:
        (alert,) = self.read(lambda tx: tx.rows(sa.select(alerts.c.id)))
        from staycalm.domains.alerts.queries import get_alert

        found: Alert = self.read(get_alert, alert.id)
        return found

    def told(self, prefix: str = "alerts.") -> list[str]:
        """Return the names of the events told, without their prefix."""
        rows = self.read(lambda tx: tx.rows(sa.select(events.c.name).order_by(events.c.seq)))
        return [row.name.removeprefix(prefix) for row in rows if row.name.startswith(prefix)]

    def bodies(self, name: str) -> list[dict[str, Any]]:
        """Return what the events of one name say, with subject and actor."""
        rows = self.read(lambda tx: tx.rows(sa.select(events).where(events.c.name == name).order_by(events.c.seq)))
        return [{**row.body, "subject": row.subject, "actor": row.actor_id} for row in rows]

    def now(self) -> datetime:
        return self.clock.now()
