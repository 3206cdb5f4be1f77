"""A placement with everything around it: database, proxy, target, smoke tests, and a clock that we move."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.events import LogEntry
from staycalm.core.placement import Placement
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.catalog.queries import body_of
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.reconcile import Outside, reconcilers
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.watching.counters import Meters
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Database, Tx
from staycalm.kit.database.log import about
from staycalm.kit.reconcile import AnyReconciler
from staycalm.ports.deploy import HealthCheck
from staycalm.ports.errors import PortError
from staycalm.ports.traffic import Listener, Split
from tests.conftest import VirtualClock, drive
from tests.scenarios.fakes.smoke import FakeSmoke
from tests.scenarios.fakes.target import FakeTarget
from tests.scenarios.fakes.traffic import FakeRouter

CI = Actor("service", "ci", "CI")
ALICE = Actor("person", "alice", "Alice Liddell")
SHOP = Placement("shop", "production")
QUICK = DeploymentsSettings(poll_fast_s=1.0, poll_s=5.0, save_every_s=10.0, verify_s=30.0, steady_s=60.0)


def shop_config(**changed: Any) -> PlacementConfig:
    config = PlacementConfig(
        placement=SHOP,
        is_production=True,
        listener=Listener("127.0.0.1", 8080),
        hosts=("shop.example",),
        candidate_hosts=("green.shop.example",),
        instances=2,
        command=("shop", "--port", "{port}"),
        health=HealthCheck(interval_s=1.0),
        warm_for_s=600.0,
    )
    return replace(config, **changed)


def digest_of(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


@dataclass
class World:
    """Drives the reconcilers as the engine does, one step at a time; `crash_at` stops between two of them."""

    db: Database
    clock: VirtualClock
    config: PlacementConfig = field(default_factory=shop_config)
    settings: DeploymentsSettings = QUICK
    tier: int = 3
    meters: Meters = field(default_factory=lambda: Meters({}))

    def __post_init__(self) -> None:
        self.router = FakeRouter(self.clock)
        self.target = FakeTarget(self.clock)
        self.smoke = FakeSmoke()
        self.outside = Outside(
            routers={"envoy": self.router},
            targets={"process": self.target},
            smoke=self.smoke,
            meters=self.meters,
            clock=self.clock,
        )
        self.drivers: tuple[AnyReconciler, ...] = reconcilers(self.outside, self.settings)
        self.write(_declare, self.config, self.tier)

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.db.write(use_case, *args, **named))

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.db.read(query, *args, **named))

    def release(self, name: str, **changed: Any) -> releases.Release:
        digest = digest_of(name)
        found: releases.Release = self.write(
            releases.register, CI, service=self.config.service, digest=digest, reference=f"/store/{digest}",
            commit_sha=digest[7:47], **changed,
        )  # fmt: skip
        return found

    def deploy(self, name: str, actor: Actor = CI, **changed: Any) -> Deployment:
        release = self.release(name, **changed.pop("release", {}))
        found: Deployment = self.write(
            service.deploy, actor, service=self.config.service, environment="production", release=release.id,
            settings=self.settings, **changed,
        )  # fmt: skip
        return found

    def ask(
        self, use_case: Callable[..., Any], deployment: str = "", *, actor: Actor = ALICE, **named: Any
    ) -> Any:
        name = deployment or self.place().running or self.place().live
        return self.write(use_case, actor, name, settings=self.settings, **named)

    def restart(self) -> None:
        """The process died and another one goes on: nothing but rows and the outside is left."""
        self.drivers = reconcilers(self.outside, self.settings)

    def step(self) -> bool:
        """One due thing is driven; False when nothing is due now."""
        for driver in self.drivers:
            for id in self.read(driver.due, 1):
                self.drive_one(driver, id)
                return True
        return False

    def drive_one(self, driver: AnyReconciler, id: str) -> None:
        effect = self.write(driver.plan, id)
        if effect is not None:
            self.write(driver.settle, id, effect, self.perform(driver, effect))

    def perform(self, driver: AnyReconciler, effect: Any) -> Any:
        try:
            return drive(driver.perform(effect))  # type: ignore[arg-type]
        except PortError as error:
            return error

    def run(self, seconds: float = 0.0, until: Callable[[], bool] | None = None) -> None:
        """Everything due in the next `seconds` happened, or `until` came true, which it must in that time."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while not (until is not None and until()):
            if self.step():
                continue
            upcoming = [self.read(driver.next_due) for driver in self.drivers]
            soonest = min((due for due in upcoming if due is not None), default=end)
            if soonest > end:
                break
            self.clock.move_to(max(soonest, self.clock.now()))
        if until is not None:
            assert until(), f"not reached in {seconds} s: {self.newest()}"
        elif end > self.clock.now():
            self.clock.move_to(end)

    def run_to(self, state: str, seconds: float = 4000.0) -> Deployment:
        self.run(seconds, until=lambda: self.newest().state == state)
        return self.newest()

    def first(self, name: str = "v1") -> Deployment:
        """The first deployment is done and the shop has visitors."""
        self.deploy(name)
        done = self.run_to("completed")
        self.router.send_traffic(self.config.placement, 50.0)
        return done

    def first_without_traffic(self) -> Deployment:
        self.deploy("v1")
        return self.run_to("completed")

    def use_router(self, name: str, router: FakeRouter) -> None:
        self.router = router
        self.outside = replace(self.outside, routers={name: router})
        self.restart()

    def newest(self) -> Deployment:
        page = self.read(queries.list_deployments, limit=1)
        found: Deployment = page.items[0]
        return found

    def get(self, id: str) -> Deployment:
        found: Deployment = self.read(queries.get_deployment, id)
        return found

    def place(self) -> PlacementState:
        found: PlacementState = self.read(queries.find_place, self.config.placement)
        return found

    def revisions(self) -> dict[str, Revision]:
        return {each.name: each for each in self.read(queries.list_revisions, self.config.placement)}

    def split(self) -> Split | None:
        return self.router.split(self.config.placement)

    def events(self, id: str) -> list[LogEntry]:
        found: list[LogEntry] = self.read(about, [id])
        return found

    def names(self, id: str) -> list[str]:
        return [event.name.removeprefix("deployments.") for event in self.events(id)]

    def event(self, id: str, name: str) -> dict[str, Any]:
        (found,) = [event for event in self.events(id) if event.name == f"deployments.{name}"]
        return found.body


def _declare(tx: Tx, config: PlacementConfig, tier: int) -> None:
    tx.execute(
        catalog.environments.insert().values(name="production", is_production=True, title="", managed_by="file")
    )
    tx.execute(
        catalog.services.insert().values(
            name=config.service, title="The shop", kind=config.kind, tier=tier, owners=[], depends_on=[],
            managed_by="file",
        )
    )  # fmt: skip
    tx.execute(
        catalog.placements.insert().values(
            service=config.service, environment=config.environment, config=body_of(config)
        )
    )


@contextmanager
def database_gone(db: Database) -> Iterator[None]:
    """Every transaction fails inside the block, as on a locked or full disk."""

    def refuse(*_: object) -> None:
        raise sa.exc.OperationalError("BEGIN", None, Exception("database or disk is full"))

    sa.event.listen(db.engine, "begin", refuse)
    try:
        yield
    finally:
        sa.event.remove(db.engine, "begin", refuse)
