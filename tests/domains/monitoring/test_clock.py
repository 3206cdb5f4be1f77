"""The clock is set back: what was measured in the time that comes once more neither counts again nor hides it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.events import Recorded
from staycalm.core.self_events import ClockStepped
from staycalm.domains.monitoring.sampling.model import minutes
from staycalm.domains.monitoring.subscribers import on_clock_stepped
from staycalm.ports.errors import OutsideUnavailable
from tests.domains.monitoring.world import LIVENESS, SHOP, World


def set_back(world: World, seconds: float) -> None:
    """The clock shows an earlier time, and that is told."""
    world.clock.advance(seconds=-seconds)
    told = ClockStepped(subject="one", step_s=-seconds)
    world.write(on_clock_stepped, Recorded(1, world.clock.now(), SYSTEM, told))


@pytest.mark.parametrize("eased", [False, True])
def test_what_is_mended_is_told_as_over_in_time(world: World, eased: bool) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.pass_time(minutes=2)
    assert world.conditions() == ["firing service-down P0"]
    world.prober.mend(LIVENESS)
    if eased:
        world.pass_time(seconds=15)
    set_back(world, 150)
    world.pass_time(seconds=45)
    assert world.conditions() == ["firing service-down P0", "cleared service-down"]


def test_trouble_that_is_over_does_not_fire_again_when_its_time_comes_once_more(world: World) -> None:
    world.started()
    world.behave(error_rate=0.3)
    world.pass_time(minutes=3)
    world.behave()
    world.pass_time(minutes=7)
    before = world.conditions()
    assert before[0].startswith("firing error-rate") and before[-1].startswith("cleared error-rate")
    set_back(world, 8 * 60)
    world.pass_time(minutes=4)
    assert world.conditions() == before
    assert world.signals().error_rate == 0


def test_the_minutes_that_come_once_more_hold_what_was_counted_the_second_time(world: World) -> None:
    world.started()
    world.pass_time(minutes=10)
    set_back(world, 5 * 60)
    world.router.send_traffic(SHOP, 40.0)
    began = world.clock.now()
    world.pass_time(minutes=4)
    again = world.read(
        lambda tx: tx.rows(sa.select(minutes.c.total).where(minutes.c.at > began).order_by(minutes.c.at).limit(2))
    )
    assert [row.total for row in again] == [pytest.approx(2400, abs=200)] * 2


def test_a_source_that_answers_no_more_is_not_taken_as_well(world: World) -> None:
    world.started()
    world.pass_time(minutes=3)
    assert world.standing("error-rate-5-percent").condition.health == "clear"
    world.router.fail("samples", OutsideUnavailable("no answer"), times=1000)
    set_back(world, 150)
    world.pass_time(seconds=90)
    assert world.standing("error-rate-5-percent").condition.health == "stale"
