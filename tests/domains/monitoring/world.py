"""A shop in production, watched on a virtual clock; everything outside is a fake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.placement import Placement
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import web_managed
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.monitoring.conditions.queries import Standing, standings_of
from staycalm.domains.monitoring.file_section import RulesSection
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.public import Signals, golden_signals
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.domains.monitoring.reconcile import reconcilers
from staycalm.domains.monitoring.reporting.queries import find_latest
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.service import wake, wake_sync
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database, Tx
from staycalm.kit.database.tables import events
from staycalm.kit.subscriptions import Subscriptions
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Split
from tests.conftest import VirtualClock, drive
from tests.scenarios.fakes.metrics import FakeMetrics
from tests.scenarios.fakes.prober import FakeHost, FakeProber
from tests.scenarios.fakes.target import FakeTarget
from tests.scenarios.fakes.traffic import Behaviour, FakeRouter

SHOP = Placement("shop", "production")
DIGEST = "sha256:" + "1" * 64
LIVENESS = "http://127.0.0.1:8080/health"
FILE = """
organisation: {name: Acme, time_zone: UTC}
environments:
  production: {production: true}
  staging:
services:
  shop:
    placements:
      production:
        listener: {address: 127.0.0.1, port: 8080}
        hosts: [shop.example]
        command: [shop]
        instances: 2
        health: {path: /health}
        data_integrity: {command: check-orders, interval: 1m}
        capacity: {cpu: 2, memory: 512MiB}
"""


class World:
    """Monitoring, driven by hand. `port` is where the shop's first instance listens."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.database, self.clock = database, clock
        self.settings = MonitoringSettings()
        self.prober, self.host = FakeProber(), FakeHost()
        self.router, self.target = FakeRouter(clock), FakeTarget(clock)
        self.metrics = FakeMetrics(clock)
        self.running: dict[Placement, tuple[RunningRevision, ...]] = {}
        self.port = 0
        self.has_edge = True
        outside = Outside(
            self.prober,
            {"envoy": self.router},
            {"process": self.target},
            {"prometheus": self.metrics},
            (self.host,),
            lambda _tx, place: self.running.get(place, ()),
        )
        self.engine = Engine(
            database,
            Subscriptions([]),
            reconcilers(outside, self.settings),
            holder="test",
            uses_leases=False,
            spawn=drive,
            has_edge=lambda: self.has_edge,
        )

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.write(use_case, *args, **named))

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.read(query, *args, **named))

    def apply(self, text: str = FILE) -> None:
        """The file is in force, and what is watched follows it."""

        def use_case(tx: Tx) -> None:
            sections = (RulesSection(),)
            parsed = parse_file(text, "staycalm.yaml", web_managed(tx), sections)
            apply_file(tx, SYSTEM, parsed, sections, may_change_people=True)
            wake_sync(tx)

        self.write(use_case)
        self.settle()

    def deploy(self, *, rate: float = 20.0, place: Placement = SHOP) -> None:
        """A healthy revision serves everything; `rate` requests a second arrive."""
        spec = RevisionSpec("shop-1", place, DIGEST, "ref", ("shop",), instances=2)
        drive(self.target.prepare(spec))
        drive(self.target.start(spec))
        self.clock.advance(seconds=2)
        status = drive(self.target.status(spec))
        members = {"blue": tuple(i.endpoint or Endpoint("127.0.0.1", 0) for i in status.instances)}
        self.port = members["blue"][0].port
        route = RouteSpec(place, Listener("127.0.0.1", 8080), ("shop.example",), members=members)  # type: ignore[arg-type]
        drive(self.router.ensure(route))
        drive(self.router.set_split(place, Split("blue"), generation=1, fence=1))
        self.router.send_traffic(place, rate)
        self.running[place] = (RunningRevision(spec, "blue", True),)
        self.write(wake, place)

    def started(self, text: str = FILE, *, rate: float = 20.0) -> None:
        """The shop is declared, deployed, and has been watched for a minute."""
        self.apply(text)
        self.deploy(rate=rate)
        self.pass_time(seconds=60)

    def behave(self, **how: Any) -> None:
        """From now on the shop answers like this."""
        self.router.behave(self.port, Behaviour(**how))

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

    def told(self, *names: str) -> list[str]:
        """Return what was told, oldest first: "firing service-down P0", "cleared service-down", "health ok"."""
        rows = self.read(lambda tx: tx.rows(sa.select(events).order_by(events.c.seq)))
        said = []
        for row in rows:
            if row.name == "monitoring.condition_firing":
                said.append(f"firing {row.body['rule']} {row.body['priority']}")
            elif row.name == "monitoring.condition_cleared":
                said.append(f"cleared {row.body['rule']}")
            elif row.name == "monitoring.health_reported":
                said.append("health ok" if row.body["ok"] else "health failed")
        return [each for each in said if not names or each.split()[0] in names]

    def conditions(self) -> list[str]:
        """Return what was told of conditions."""
        return self.told("firing", "cleared")

    def bodies(self, name: str) -> list[dict[str, Any]]:
        """Return what the events of one name say."""
        rows = self.read(lambda tx: tx.rows(sa.select(events).where(events.c.name == name).order_by(events.c.seq)))
        return [{**row.body, "subject": row.subject} for row in rows]

    def standing(self, rule: str, place: Placement = SHOP) -> Standing:
        found: Standing = self.read(standings_of, place)[rule]
        return found

    def signals(self, window_s: float = 60.0, place: Placement = SHOP) -> Signals:
        found = self.read(golden_signals, place, window_s=window_s)
        assert found is not None
        result: Signals = found
        return result

    def latest_report(self) -> Any:
        return self.read(find_latest)
