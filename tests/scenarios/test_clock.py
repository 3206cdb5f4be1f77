"""The machine's clock is set back or forward by an hour: a rollout takes as long as it would have."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.organisation import SHOP_FILE
from tests.scenarios.test_deployments import end_of
from tests.scenarios.world import World

HOUR_S = 3600.0


def test_a_clock_that_is_set_back_holds_a_weight_no_longer_than_its_stage(shop: World) -> None:
    # given a rollout in a stage of a minute, when the clock is set back by an hour
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    shop.fast_forward(seconds=40)
    shop.step_clock(-HOUR_S)
    # then the stage is neither cut short nor longer than a whole one once more
    shop.fast_forward(seconds=15)
    assert shop.share("v2") == 10
    shop.until(lambda: shop.share("v2") == 50, seconds=60)


def test_a_paused_stage_has_what_was_left_of_it_whatever_the_clock_did(shop: World) -> None:
    # given a stage of a minute that was paused after about twenty seconds
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    shop.fast_forward(seconds=20)
    shop.ask("pause", reason="lunch")
    # when the clock is set back, and later the rollout goes on
    shop.step_clock(-HOUR_S)
    shop.fast_forward(minutes=5)
    shop.ask("resume")
    # then the other forty seconds are left
    shop.fast_forward(seconds=30)
    assert shop.share("v2") == 10
    shop.until(lambda: shop.share("v2") == 50, seconds=20)


def test_a_clock_that_is_set_forward_neither_ends_a_stage_nor_takes_a_good_release_back(shop: World) -> None:
    # given a candidate that is still starting, a stage that has just begun, and a release that is being verified
    d = shop.deploy("shop", "v2", strategy="instant", starts_after_s=20.0)
    shop.fast_forward(seconds=5)
    # when the clock is set forward in each of them
    shop.step_clock(HOUR_S)
    shop.until(lambda: shop.share("v2") > 0, minutes=3)
    first = shop.share("v2")
    shop.step_clock(HOUR_S)
    shop.fast_forward(seconds=20)
    assert shop.share("v2") == first
    shop.until(lambda: shop.get(d.id).state == "verifying", minutes=3)
    shop.step_clock(HOUR_S)
    # then nothing was late and the release is live
    assert end_of(shop, minutes=3) == "completed"


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_two_servers_that_tell_of_one_step_move_a_stage_once(shop: World, step_s: float) -> None:
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    shop.step_clock(step_s)
    shop.tell_of_step(step_s)
    shop.fast_forward(seconds=50)
    assert shop.share("v2") == 10
    shop.until(lambda: shop.share("v2") == 50, seconds=15)


def test_a_clock_that_was_set_back_while_the_server_was_down_keeps_nothing_waiting(shop: World) -> None:
    # given a rollout in a stage of a minute, when the server starts anew with the clock an hour back
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    shop.clock.step(-HOUR_S)
    shop.crash()
    # then it finds that out by itself
    shop.until(lambda: shop.share("v2") == 50, seconds=65)
    assert len(shop.alerts("clock-stepped")) == 1


def test_a_rollout_is_taken_over_from_a_dead_server_in_time_by_a_clock_that_was_set_back(make_world: Make) -> None:
    # given two servers, of which the first dies while it looks at a rollout
    world = make_world(is_slow=True).running_shop(SHOP_FILE)
    world.deploy("shop", "v2")
    world.until(lambda: world.share("v2") == 10, minutes=2)
    world.second_engine()
    first = world.processes[0]
    first.effects_s = {"deployments": 60.0}
    world.until(lambda: bool(first.hanging), seconds=10)
    world.processes.remove(first)
    first.abandon()
    # when the clock is set back at that moment
    world.step_clock(-HOUR_S)
    world.ask("roll_back", reason="it is late")
    # then the other one takes it over as soon as always: here it looks every two seconds, not ten times a second
    world.until(lambda: world.share("v1") == 100, seconds=7)
