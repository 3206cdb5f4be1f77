"""A few hours at Acme, told by the product itself on virtual time, ending now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2
import sqlalchemy as sa

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.accounts import links
from staycalm.domains.alerts import reconcile as alerts_reconcile
from staycalm.domains.alerts import service as alerts
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.catalog.queries import body_of
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.reconcile import Outside
from staycalm.domains.deployments.reconcile import reconcilers as deployments_reconcilers
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.watching.counters import Meters
from staycalm.domains.incidents import service as incidents
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.domains.monitoring.reporting.model import reports
from staycalm.domains.monitoring.sampling.service import record_counts, record_usage
from staycalm.domains.monitoring.signals import Counts, Usage
from staycalm.domains.oncall.reconcile import reconcilers as oncall_reconcilers
from staycalm.domains.oncall.schedules import service as schedules
from staycalm.domains.releases import public as releases
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database, Tx
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.kit.subscriptions import Subscriptions
from tests.conftest import VirtualClock, drive
from tests.domains.deployments.world import digest_of, shop_config
from tests.domains.oncall.world import World as OncallWorld
from tests.scenarios.fakes.smoke import FakeSmoke
from tests.scenarios.fakes.target import FakeTarget
from tests.scenarios.fakes.traffic import Behaviour, FakeRouter

CI = Actor("service", "ci", "CI")
ALICE, BOB = Actor("person", "alice", "Alice"), Actor("person", "bob", "Bob")
SHOP, PAY, STAGING, SITE = (
    Placement("shop", "production"), Placement("payments", "production"), Placement("shop", "staging"),
    Placement("site", "production"),
)  # fmt: skip
HOURS = 3
SETTINGS = Settings(
    deployments=DeploymentsSettings(
        poll_fast_s=3.0,
        poll_s=15.0,
        save_every_s=10.0,
        verify_s=30.0,
        baseline_s=20.0,
        steady_s=900.0,
        health_poll_s=15.0,
    ),
    incidents=IncidentsSettings(rollback_priority="P0"),
)
PASSWORD = "correct horse battery"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>" + "x" * 3930

FILE = """
organisation: {name: Acme, time_zone: Europe/Berlin, escalation_policy: default}
people:
  alice: {name: Alice Liddell, email: alice@example.com}
  bob: {name: Bob Marsh, email: bob@example.com}
  carol: {name: Carol Reyes, email: carol@example.com}
teams:
  platform: {members: [alice, bob, carol]}
environments:
  production: {production: true}
  staging: {}
services:
  shop: {title: The web shop, team: platform, escalation_policy: shop, tier: 1}
  payments: {title: Card payments, team: platform, tier: 1}
  site: {title: Company site, team: platform, tier: 4}
schedules:
  platform: {hand_off: HAND_OFF 09:00, people: [alice, bob, carol], starts_on: BEGAN}
  payments: {hand_off: monday 08:00, people: [carol], starts_on: LATER}
escalation_policies:
  default:
    rounds: 1
    steps: [{page: team platform, wait: 10m}]
  shop:
    rounds: 2
    steps:
      - {page: primary of platform, wait: 5m}
      - {page: secondary of platform, wait: 5m}
      - {page: person carol, wait: 10m}
"""


class Story(OncallWorld):
    """Everything of the product that needs no real outside, driven by hand."""

    def __init__(self, url: str, now: datetime | None = None) -> None:
        clock = VirtualClock((now or datetime.now(UTC)) - timedelta(hours=HOURS))
        database = Database(url, clock, Ids.seeded(clock, 7), inline=True)
        metadata.create_all(database.engine)
        self.router, self.target, self.smoke = FakeRouter(clock), FakeTarget(clock), FakeSmoke()
        super().__init__(database, clock)
        self._hire_everybody()
        code = self.write(links.make_set_up_link, valid_s=3600.0)
        hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        self.write(
            links.complete_set_up, code, password_hash=hashed, handle="root", name="Rosa Root",
            email="root@example.com", time_zone="UTC",
        )  # fmt: skip
        later = (clock.now() + timedelta(days=6)).date().isoformat()
        # Bob has had the pager for three days, in whichever week the story is told.
        handed = clock.now().date() - timedelta(days=3)
        began = handed - timedelta(weeks=37)
        filled = FILE.replace("LATER", later).replace("HAND_OFF", f"{handed:%A}".lower())
        self.apply(filled.replace("BEGAN", began.isoformat()))
        self.settle()

    def _hire_everybody(self) -> None:
        shifting = Outside(
            routers={"envoy": self.router}, targets={"process": self.target}, smoke=self.smoke, meters=Meters({}),
            clock=self.clock,
        )  # fmt: skip
        listed = Subscriptions(wiring.subscriptions(SETTINGS))
        self.database.subscriptions = listed
        everybody = [
            *deployments_reconcilers(shifting, SETTINGS.deployments),
            *oncall_reconcilers(self.channels, SETTINGS.oncall, "https://calm.example"),
            alerts_reconcile.reconciler(),
        ]
        self.engine = Engine(
            self.database, listed, everybody, holder="test", uses_leases=False, spawn=self._spawn,
            has_edge=lambda: True,
        )  # fmt: skip
        drive(self.engine.back_fill())

    def place(self, placement: Placement, **changed: Any) -> None:
        config = shop_config(placement=placement, hosts=(f"{placement.service}.example",), **changed)
        self.write(_place, config)

    def deploy(self, placement: Placement, name: str, **named: Any) -> str:
        digest = digest_of(f"{placement.service} {name}")
        release = self.write(
            releases.register, CI, service=placement.service, digest=digest, reference=f"/store/{digest}",
            commit_sha=digest[7:47],
        )  # fmt: skip
        deployed = self.write(
            service.deploy, CI, service=placement.service, environment=placement.environment, release=release.id,
            settings=SETTINGS.deployments, **named,
        )  # fmt: skip
        return str(deployed.id)

    def until(self, id: str, state: str, *, most: float = 5400.0) -> None:
        end = self.clock.now() + timedelta(seconds=most)
        while self.state_of(id) != state:
            assert self.clock.now() < end, f"{id} is {self.state_of(id)}, not {state}"
            self.forward(seconds=10)

    def state_of(self, id: str) -> str:
        return str(self.read(queries.get_deployment, id).state)

    def first(self, placement: Placement, name: str, requests_per_s: float) -> str:
        id = self.deploy(placement, name)
        self.until(id, "completed")
        self.router.send_traffic(placement, requests_per_s)
        return id

    def spoil(self, id: str, behaviour: Behaviour) -> None:
        revision = self.read(queries.get_deployment, id).candidate_revision
        self.router.behave(self.target.port(revision), behaviour)


def _place(tx: Tx, config: PlacementConfig) -> None:
    tx.execute(
        catalog.placements.insert().values(
            service=config.service, environment=config.environment, config=body_of(config)
        )
    )


def tell(url: str) -> Story:
    """Return the story at its end: one proven, one rolled back, one shifting, one held; an open P0; alerts."""
    story = Story(url)
    for placement in (SHOP, PAY):
        story.place(placement)
    story.place(STAGING, is_production=False)
    story.place(SITE)
    story.first(STAGING, "v1", 2.0)
    story.first(PAY, "v1", 8.0)
    story.first(SHOP, "v1", 20.0)
    story.until(story.deploy(SHOP, "v2"), "completed")
    _go_wrong(story)
    _raise_alerts(story)
    rest = timedelta(hours=HOURS) - timedelta(minutes=14) - timedelta(seconds=story.clock.monotonic())
    story.forward(seconds=rest.total_seconds())
    shifting = story.deploy(SHOP, "v4", reason="Faster search")
    held = story.deploy(PAY, "v2")
    story.until(shifting, "shifting")
    story.until(held, "shifting")
    story.forward(minutes=3)
    story.write(service.pause, BOB, held, reason="Waiting for the bank", settings=SETTINGS.deployments)
    end = timedelta(hours=HOURS) - timedelta(seconds=story.clock.monotonic())
    story.forward(seconds=max(0.0, end.total_seconds()))
    story.write(_measure)
    return story


def _go_wrong(story: Story) -> None:
    bad = story.deploy(SHOP, "v3", reason="New checkout")
    story.until(bad, "shifting")
    story.forward(seconds=40)
    story.spoil(bad, Behaviour(error_rate=0.06, median_ms=60))
    story.until(bad, "rolled-back")
    story.forward(minutes=7)
    story.write(incidents.acknowledge, BOB, "INC-1", via="web")
    story.write(incidents.assign_role, BOB, "INC-1", role="commander", person="bob")
    story.write(
        incidents.add_note, BOB, "INC-1", "Checkout calls the tax service twice; the second call times out."
    )
    story.forward(minutes=4)


def _raise_alerts(story: Story) -> None:
    def alarm(key: str, priority: Any, summary: str, **named: Any) -> None:
        story.write(
            alerts.raise_alert, CI, dedup_key=key, summary=summary, priority=priority, settings=SETTINGS.alerts,
            **named,
        )  # fmt: skip
        story.settle()

    where = {"service": "payments", "environment": "production"}
    alarm("disk", "P2", "Disk of db-2 is 84 % full", rule="disk-usage", labels={"host": "db-2"}, **where)
    alarm("cert", "P3", "Certificate of pay.example ends in 12 days", rule="certificate", **where)
    alarm(
        "staging", "P2", "p95 of shop in staging is 2.4 s", rule="latency", service="shop", environment="staging"
    )
    alarm("hostile", "P3", HOSTILE, rule="<b>rule</b>", service="site", environment="production")
    until = story.clock.now() + timedelta(hours=12)
    story.write(
        muting.create_silence, ALICE, matchers=["service=shop", "environment=staging"], reason="Load test",
        until=until, settings=SETTINGS.alerts,
    )  # fmt: skip
    story.forward(seconds=30)
    starts = story.clock.now() + timedelta(days=2)
    story.write(
        schedules.add_override, ALICE, schedule="platform", role="primary", person="alice", starts_at=starts,
        ends_at=starts + timedelta(hours=10), reason="Dentist",
    )  # fmt: skip


def _measure(tx: Tx) -> None:
    """Fifteen minutes of signals, as monitoring keeps them, and a health report."""
    shapes = {SHOP: (22.0, 0.002, 40.0), PAY: (7.5, 0.0, 90.0), STAGING: (1.2, 0.01, 25.0)}
    for placement, (rate, errors, ms) in shapes.items():
        found = []
        for n in range(180):
            at = tx.now - timedelta(seconds=5 * (179 - n))
            total = int(5 * rate * (1 + 0.3 * ((n * 7) % 11) / 11))
            buckets = ((ms, total // 2), (ms * 2, total // 3), (ms * 5, total - total // 2 - total // 3))
            bad = round(total * errors) if n % 9 else 1
            found.append(Counts(at, 5.0, "blue", total, 0, bad, 0, 0, 1, buckets))
        record_counts(tx, placement, found)
        record_usage(tx, placement, Usage(tx.now, 0.41, 0.8, 300_000_000))
    findings = [
        {"name": "database", "status": "ok", "detail": "answers in 2ms"},
        {"name": "smoke test home", "status": "failed", "detail": "status 502, expected 200", "service": "shop",
         "environment": "staging"},
    ]  # fmt: skip
    row = {"id": "report-1", "state": "done", "is_on_demand": False, "asked_by": "system:staycalm", "ok": False,
           "asked_at": tx.now - timedelta(minutes=3), "finished_at": tx.now - timedelta(minutes=3),
           "findings": findings}  # fmt: skip
    known = {column.name for column in reports.c}
    tx.execute(sa.insert(reports).values({name: value for name, value in row.items() if name in known}))


__all__ = ["HOSTILE", "PASSWORD", "PAY", "SETTINGS", "SHOP", "Story", "replace", "tell"]
