"""Workers, static sites, and load balancers that are not ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from staycalm.core.errors import Conflict
from staycalm.core.placement import Placement
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.public import BusinessMetric, MetricQueries
from staycalm.domains.deployments import service
from staycalm.domains.deployments.strategies import Step
from staycalm.domains.deployments.watching.counters import Meters
from staycalm.kit.database import Database
from staycalm.ports.deploy import HealthCheck
from staycalm.ports.errors import Unsupported
from staycalm.ports.metrics import Reading
from staycalm.ports.traffic import EdgeObservation, Samples, Split
from tests.conftest import VirtualClock
from tests.domains.deployments.world import QUICK, SHOP, World, body_of, shop_config
from tests.scenarios.fakes.traffic import Edge, FakeRouter

STEPS = (Step(25.0, 60.0), Step(50.0, 60.0))


class Rising:
    """A metric source whose counters grow by a rate per second; `no_data` names what it knows nothing of."""

    name = "prometheus"

    def __init__(self, clock: VirtualClock, rates: dict[str, float], no_data: tuple[str, ...] = ()) -> None:
        self.clock, self.rates, self.no_data = clock, rates, no_data
        self.asked: list[str] = []

    async def query(self, expression: str, *, at: datetime, timeout_s: float = 5.0) -> Reading:
        self.asked.append(expression)
        if any(part in expression for part in self.no_data):
            return Reading("no_data", detail="no series")
        rate = next((rate for key, rate in self.rates.items() if key in expression), 0.0)
        return Reading("value", value=rate * self.clock.monotonic(), sample_count=1)


QUERIES = MetricQueries(
    requests='jobs_total{slot="{slot}"}', errors='jobs_failed_total{slot="{slot}"}', source="prometheus"
)


def worker(db: Database, clock: VirtualClock, rates: dict[str, float] | None = None, **changed: object) -> World:
    config = shop_config(
        kind="worker", router="none", listener=None, hosts=(), candidate_hosts=(), instances=4,
        health=HealthCheck(kind="none", path=None), **changed,
    )  # fmt: skip
    meters = Meters({"prometheus": Rising(clock, rates)}) if rates is not None else Meters({})
    return World(db, clock, config=config, meters=meters)


def instances(world: World) -> dict[str, int]:
    return {name: each.instances for name, each in world.target.revisions.items()}


def test_a_worker_is_shifted_by_instances(world_db: Database, clock: VirtualClock) -> None:
    world = worker(world_db, clock)
    world.first_without_traffic()
    assert instances(world) == {"shop-production-1": 4}
    world.deploy("v2", steps=STEPS)
    world.run(60, until=lambda: world.newest().weight == 25)
    assert instances(world) == {"shop-production-1": 3, "shop-production-2": 1}
    world.run(90, until=lambda: world.newest().weight == 50)
    assert instances(world) == {"shop-production-1": 2, "shop-production-2": 2}
    world.run_to("completed", 300)
    assert instances(world) == {"shop-production-1": 0, "shop-production-2": 4}
    assert world.router.calls == []


def test_a_worker_that_fails_its_jobs_goes_back(world_db: Database, clock: VirtualClock) -> None:
    rates = {
        'jobs_total{slot="blue"}': 30.0, 'jobs_total{slot="green"}': 10.0,
        'jobs_failed_total{slot="green"}': 3.0,
    }  # fmt: skip
    world = worker(world_db, clock, rates, metric_queries=QUERIES)
    world.first_without_traffic()
    world.deploy("v2", steps=(Step(25.0, 600.0),))
    world.run_to("rolled-back", 300)
    assert instances(world) == {"shop-production-1": 4, "shop-production-2": 0}


def test_a_worker_is_rolled_back_after_completion_by_instances(world_db: Database, clock: VirtualClock) -> None:
    world = worker(world_db, clock)
    world.first_without_traffic()
    world.deploy("v2", steps=STEPS)
    world.run_to("completed", 300)
    world.ask(service.roll_back, reason="queue grows")
    world.run_to("rolled-back", 5)
    assert instances(world) == {"shop-production-1": 4, "shop-production-2": 0}


def test_a_metric_without_data_proves_nothing(world_db: Database, clock: VirtualClock) -> None:
    source = Rising(clock, {}, no_data=("green",))
    world = worker(world_db, clock, {}, metric_queries=QUERIES)
    world.outside.meters.sources["prometheus"] = source  # type: ignore[index]
    world.first_without_traffic()
    world.deploy("v2", steps=STEPS)
    done = world.run_to("completed", 300)
    assert not done.is_proven
    assert done.evidence is not None and done.evidence["problems"]


def test_a_static_site_is_switched_at_once_after_its_smoke_tests(world_db: Database, clock: VirtualClock) -> None:
    world = World(world_db, clock, config=shop_config(kind="static"))
    world.first()
    world.deploy("v2")
    began = clock.now()
    world.run_to("completed", 120)
    assert (clock.now() - began).total_seconds() < 60
    assert [split.candidate_weight for _, _, split in world.router.edges[SHOP].changes][-2:] == [0.0, 100.0]


def test_a_static_site_without_a_router_is_not_started_before_its_turn(
    world_db: Database, clock: VirtualClock
) -> None:
    world = World(
        world_db, clock,
        config=shop_config(
            kind="static", router="none", listener=None, hosts=(), candidate_hosts=(), instances=1,
            health=HealthCheck(kind="none", path=None),
        ),
    )  # fmt: skip
    world.first_without_traffic()
    world.deploy("v2")
    world.run(60, until=lambda: world.newest().state == "smoke-testing")
    assert instances(world)["shop-production-2"] == 0
    world.run_to("completed", 120)
    assert instances(world) == {"shop-production-1": 0, "shop-production-2": 1}


class OtherBalancer(FakeRouter):
    """A load balancer behind commands: weights can be set and read back, nothing is counted or numbered."""

    async def samples(self, placement: Placement, cursor: str | None) -> Samples:
        raise Unsupported("a command cannot count")

    async def observe(self, placement: Placement) -> tuple[EdgeObservation, ...]:
        seen = await super().observe(placement)
        return tuple(replace(edge, generation=None, healthy_members={}) for edge in seen)


@pytest.mark.parametrize(("errors", "end"), [(0.0, "completed"), (2.0, "rolled-back")])
def test_any_load_balancer_with_a_metric_source_makes_a_canary(
    world_db: Database, clock: VirtualClock, errors: float, end: str
) -> None:
    rates = {
        'jobs_total{slot="blue"}': 30.0, 'jobs_total{slot="green"}': 10.0,
        'jobs_failed_total{slot="green"}': errors,
    }  # fmt: skip
    world = World(
        world_db, clock, config=shop_config(router="exec", listener=None, metric_queries=QUERIES),
        meters=Meters({"prometheus": Rising(clock, rates)}),
    )  # fmt: skip
    world.use_router("exec", OtherBalancer(clock))
    world.first_without_traffic()
    world.deploy("v2", steps=(Step(25.0, 300.0),))
    world.run_to(end, 600)
    split = world.split()
    assert split is not None and split.candidate_weight == (100 if end == "completed" else 0)


def test_orders_that_fall_on_the_candidate_take_it_back(world_db: Database, clock: VirtualClock) -> None:
    metric = BusinessMetric("orders", query='orders_total{slot="{slot}"}')
    rates = {'orders_total{slot="blue"}': 20.0, 'orders_total{slot="green"}': 4.0}
    world = World(
        world_db, clock, config=shop_config(business_metric=metric), settings=QUICK,
        meters=Meters({"prometheus": Rising(clock, rates)}),
    )  # fmt: skip
    world.first()
    d = world.deploy("v2", steps=(Step(50.0, 900.0),))
    world.run_to("rolled-back", 600)
    assert "fewer orders" in world.event(d.id, "rolled_back")["reason"]


class Sold:
    """A metric source for the orders of both revisions: each has the share that its weight gives it."""

    name = "prometheus"

    def __init__(self, clock: VirtualClock, per_s: float) -> None:
        self.clock, self.per_s = clock, per_s
        self.sold, self.until_s = {"blue": 0.0, "green": 0.0}, clock.monotonic()
        self.share = 0.0

    def count(self, share: float) -> None:
        seconds = self.clock.monotonic() - self.until_s
        self.sold["green"] += self.per_s * seconds * self.share
        self.sold["blue"] += self.per_s * seconds * (1 - self.share)
        self.until_s, self.share = self.clock.monotonic(), share

    async def query(self, expression: str, *, at: datetime, timeout_s: float = 5.0) -> Reading:
        self.count(self.share)
        slot = "green" if "green" in expression else "blue"
        return Reading("value", value=float(round(self.sold[slot])), sample_count=1)


class Telling(FakeRouter):
    """Tells who sells of every change of weights."""

    sold: Sold

    def _put(self, edge: Edge, generation: int, split: Split) -> None:
        super()._put(edge, generation, split)
        self.sold.count(split.candidate_weight / 100)


def test_orders_counted_across_a_shift_are_not_held_against_the_candidate(
    world_db: Database, clock: VirtualClock
) -> None:
    source = Sold(clock, 200.0)
    world = World(
        world_db, clock, meters=Meters({"prometheus": source}),
        config=shop_config(business_metric=BusinessMetric("orders", query='orders_total{slot="{slot}"}')),
        settings=replace(QUICK, metrics_poll_s=7.0),
    )  # fmt: skip
    router = Telling(clock)
    router.sold = source
    world.use_router("envoy", router)
    world.first()
    world.deploy("v2", steps=tuple(Step(float(weight), 40.0) for weight in range(10, 91, 40)))
    world.run_to("completed", 600)


def exec_canary(db: Database, clock: VirtualClock) -> tuple[World, Rising]:
    """A release at 25 % of any load balancer, all numbers from a metric source."""
    rates = {'jobs_total{slot="blue"}': 300.0, 'jobs_total{slot="green"}': 100.0}
    source = Rising(clock, rates)
    config = shop_config(router="exec", listener=None, metric_queries=QUERIES)
    world = World(db, clock, config=config, meters=Meters({"prometheus": source}))
    world.use_router("exec", OtherBalancer(clock))
    world.first_without_traffic()
    world.deploy("v2", steps=(Step(25.0, 300.0), Step(50.0, 300.0)))
    return world, source


def test_a_metric_source_that_went_silent_proves_nothing(world_db: Database, clock: VirtualClock) -> None:
    world, source = exec_canary(world_db, clock)
    world.run(600, until=lambda: world.newest().verdict == "PROCEED")
    source.no_data = ("jobs_total",)
    d = world.run_to("completed", 900)
    assert not d.is_proven
    assert d.verdict == "INSUFFICIENT" and "no data" in (d.verdict_reason or "")


def test_what_was_missed_while_a_metric_source_was_silent_is_not_counted_at_the_next_weight(
    world_db: Database, clock: VirtualClock
) -> None:
    world, source = exec_canary(world_db, clock)
    world.run(600, until=lambda: world.newest().weight == 25)
    world.run(100)
    source.no_data = ("jobs_total",)
    world.run(600, until=lambda: world.newest().weight == 50)
    world.run(10)
    source.no_data = ()
    world.run(20)
    seen = world.newest().evidence
    assert seen is not None
    assert seen["candidate_requests"] + seen["stable_requests"] < 400 * 130


def test_what_is_live_is_not_left_behind_by_another_target(world_db: Database, clock: VirtualClock) -> None:
    """The new target would be asked for a stable revision that it never started."""
    world = World(world_db, clock)
    world.first()
    moved = body_of(shop_config(target="exec"))
    world.write(lambda tx: tx.execute(catalog.placements.update().values(config=moved)))
    with pytest.raises(Conflict, match="DEP-1 is live in shop@production by the target process") as refused:
        world.deploy("v2")
    assert "Name target: process again" in refused.value.next_step
    world.write(lambda tx: tx.execute(catalog.placements.update().values(config=body_of(shop_config()))))
    assert world.deploy("v2").state == "pending"
