"""Every statement of the domain runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.domains.monitoring.sampling.model import minutes, samples
from staycalm.domains.monitoring.sampling.queries import points
from tests.domains.monitoring.test_queries_and_files import QUERY, RULES
from tests.domains.monitoring.test_reports import asked
from tests.domains.monitoring.world import FILE, LIVENESS, SHOP, World


def test_the_story_of_an_outage_from_watching_to_forgetting(world_on_each: World) -> None:
    world = world_on_each
    world.metrics.set(QUERY, 5)
    world.started(FILE + RULES)
    world.prober.break_down(LIVENESS)
    world.behave(error_rate=1.0)
    world.pass_time(seconds=100)
    assert world.conditions() == ["firing service-down P0", "firing error-rate-5-percent P0"]
    assert {name for name, (status, _) in asked(world).items() if status == "failed"} == {"probe liveness"}
    world.prober.mend(LIVENESS)
    world.behave()
    world.pass_time(seconds=100)
    assert world.conditions()[2:] == ["cleared service-down", "cleared error-rate-5-percent"]
    for window_s in (60.0, 3600.0):
        assert any(point.requests for point in world.read(points, SHOP, window_s))
    assert world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(minutes))) >= 3
    world.apply(FILE)
    world.apply("environments: {production: }\n")
    world.clock.advance(days=1)
    world.settle()
    assert world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(samples))) == 0
    assert world.conditions()[4:] == []
