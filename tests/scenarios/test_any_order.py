"""Several servers deliver events of one alert group in any order; what comes of it is the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.events import Recorded, revive
from staycalm.domains.alerts import service as alerts
from staycalm.domains.alerts.muting.service import create_silence
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.domains.incidents import queries as incidents
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.kit.database import Database, Tx, log
from staycalm.kit.database.tables import deliveries, events
from staycalm.kit.subscriptions import Subscriptions
from tests import databases
from tests.conftest import VirtualClock
from tests.domains.oncall.world import ALICE, BOB, World

TO_GROUP = AlertsSettings(escalate_p0_to="group", escalate_p1_to="group")
TO_INCIDENT = AlertsSettings()


class Servers(World):
    """The whole automation, whose deliveries the test hands out itself."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        super().__init__(database, clock)
        self.apply()
        self.listening = Subscriptions(wiring.subscriptions(Settings()))
        database.subscriptions = self.listening

    def raise_alert(self, priority: str, settings: AlertsSettings = TO_GROUP, key: str = "disk") -> Any:
        return self.write(
            alerts.raise_alert, SYSTEM, dedup_key=key, service="shop", environment="production", rule=key,
            priority=priority, summary=f"{key} is full", settings=settings,
        )  # fmt: skip

    def resolve_alert(self, key: str = "disk") -> None:
        self.write(alerts.resolve_alert, SYSTEM, dedup_key=key, service="shop")

    def deliver(self, chance: random.Random) -> None:
        """Everything is heard: in order by each listener, and in no order of the listeners."""
        while heads := self.read(lambda tx: tx.rows(HEADS)):
            self.write(self._hear, chance.choice(heads))

    def _hear(self, tx: Tx, head: Any) -> None:
        listener = self.listening.by_name[head.subscriber]
        place = {"subject": head.subject, "service": head.service, "environment": head.environment}
        event = revive(listener.event, dict(head.body), **place)
        actor = Actor(head.actor_kind, head.actor_id, head.actor_name)
        listener.handler(tx, Recorded(head.seq, head.at, actor, event))
        tx.execute(deliveries.update().where(deliveries.c.id == head.id).values(state="done", due_at=None))

    def waiting(self) -> int:
        statement = sa.select(sa.func.count()).where(notifications.c.due_at.isnot(None), notifications.c.is_wanted)
        return int(self.read(lambda tx: tx.scalar(statement)))


_elder = deliveries.alias()
_has_elder = sa.exists().where(
    _elder.c.subscriber == deliveries.c.subscriber,
    _elder.c.subject == deliveries.c.subject,
    _elder.c.state == "pending",
    _elder.c.event_seq < deliveries.c.event_seq,
)
HEADS = (
    sa.select(deliveries.c.id, deliveries.c.subscriber, *(events.c[name] for name in log.COLUMNS))
    .join(events, events.c.seq == deliveries.c.event_seq)
    .where(deliveries.c.state == "pending", ~_has_elder)
    .order_by(deliveries.c.id)
    .limit(100)
)


@pytest.fixture(params=[0, 5])
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.fixture
def servers(clock: VirtualClock) -> Iterator[Servers]:
    with databases.opened("sqlite", clock) as database:
        yield Servers(database, clock)


@pytest.mark.parametrize("settings", [TO_GROUP, TO_INCIDENT], ids=["group", "incident"])
def test_nobody_is_paged_for_what_is_over(
    servers: Servers, chance: random.Random, settings: AlertsSettings
) -> None:
    servers.raise_alert("P0", settings)
    servers.resolve_alert()
    servers.deliver(chance)
    assert servers.open("ALG-1") is None
    assert servers.read(incidents.list_incidents, limit=10).items == ()
    assert servers.waiting() == 0


def test_nobody_is_paged_for_what_is_muted_until_it_is_not(servers: Servers, chance: random.Random) -> None:
    raised = servers.raise_alert("P0")
    until = servers.clock.now() + timedelta(hours=12)
    servers.write(
        create_silence, ALICE, matchers=("service=shop",), reason="we know", until=until, settings=TO_GROUP
    )
    servers.write(alerts.look_again, raised.id)
    servers.deliver(chance)
    assert servers.waiting() == 0
    servers.clock.advance(hours=12)
    servers.write(alerts.look_again, raised.id)
    servers.deliver(chance)
    assert servers.waiting() > 0


def acknowledge_alerts(servers: Servers) -> None:
    servers.write(alerts.acknowledge, BOB, "ALG-1")


def acknowledge_page(servers: Servers) -> None:
    servers.write(oncall.acknowledge, BOB, "ALG-1")


@pytest.mark.parametrize(("acknowledge", "risen"), [(acknowledge_alerts, "disk"), (acknowledge_page, "memory")])
def test_an_answer_counts_for_what_was_told_before_it(
    servers: Servers, chance: random.Random, acknowledge: Callable[[Servers], None], risen: str
) -> None:
    servers.raise_alert("P1")
    servers.deliver(chance)
    acknowledge(servers)
    servers.raise_alert("P0", key=risen)
    servers.deliver(chance)
    page = servers.open("ALG-1")
    assert page is not None and (page.state, page.priority) == ("escalating", "P0")


def test_an_answer_that_is_heard_before_the_alert_is_an_answer(servers: Servers, chance: random.Random) -> None:
    servers.raise_alert("P0")
    acknowledge_alerts(servers)
    servers.deliver(chance)
    page = servers.open("ALG-1")
    assert page is not None and page.state == "acknowledged"
    assert servers.waiting() == 0
