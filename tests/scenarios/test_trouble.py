"""The server itself is in trouble: it dies at any commit, there are two of it, its database or its clock fails."""

from __future__ import annotations

import pytest

from staycalm.ports.errors import OutsideUnavailable
from tests.scenarios.conftest import Make
from tests.scenarios.organisation import QUIET, SHOP_FILE
from tests.scenarios.outside import Version
from tests.scenarios.running import Moment
from tests.scenarios.test_deployments import end_of
from tests.scenarios.test_escalations import people_of_steps
from tests.scenarios.world import World, digest_of


def dies_at_every(world: World, nth: int, moment: Moment) -> None:
    """The server dies at every `nth` transaction from now on."""
    start = world.database.writes
    world.database.dies_at = {start + nth * n: moment for n in range(1, 4000 // nth)}


@pytest.mark.parametrize(("nth", "moment"), [pytest.param(3, "before", marks=pytest.mark.soak), (7, "after")])
def test_a_good_release_arrives_however_often_the_server_dies(make_world: Make, nth: int, moment: Moment) -> None:
    world = make_world().running_shop(SHOP_FILE)
    dies_at_every(world, nth, moment)
    d = world.deploy("shop", "v2", strategy="instant")
    assert end_of(world, minutes=15) == "completed"
    world.database.dies_at.clear()
    assert world.share("v2") == 100 and world.crashes > 10
    assert world.names(d.id).count("completed") == 1


@pytest.mark.parametrize(("nth", "moment"), [pytest.param(3, "after", marks=pytest.mark.soak), (5, "before")])
def test_a_bad_release_goes_however_often_the_server_dies(make_world: Make, nth: int, moment: Moment) -> None:
    world = make_world().running_shop(SHOP_FILE)
    dies_at_every(world, nth, moment)
    world.deploy("shop", "v2", error_rate=0.3)
    assert end_of(world, minutes=15) == "rolled-back"
    world.database.dies_at.clear()
    world.fast_forward(minutes=1)
    assert world.share("v1") == 100
    assert len(world.incidents()) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_escalation_takes_every_step_once_wherever_the_server_dies(make_world: Make, moment: Moment) -> None:
    # given an emergency that nobody answers, when the server dies at one commit of it, whichever that is
    counting = make_world().start(QUIET)
    before = counting.database.writes
    counting.declare("nobody can pay", "P0")
    counting.fast_forward(minutes=45)
    for number in range(1, counting.database.writes - before + 1, 5):
        world = World().start(QUIET)
        world.crash_at_write(number, moment)
        world.declare("nobody can pay", "P0")
        world.fast_forward(minutes=45)
        # then the steps are the same, and at most one page arrived twice, marked as such
        assert people_of_steps(world) == [["alice"], ["bob"], ["carol"]] * 2, number
        assert [a.state for a in world.alerts("nobody-answered")] == ["firing"], number
        twice = [m for person in ("alice", "bob", "carol") for m in world.pages(person) if m.is_duplicate_possible]
        assert len(twice) <= 1, number
        world.close()


def test_a_crash_in_the_middle_of_the_night_loses_no_page(office: World) -> None:
    office.declare("nobody can pay", "P0")
    office.crash()
    office.fast_forward(minutes=5)
    assert office.paged() == ["alice", "bob"]


def test_two_servers_share_the_work_and_double_none(make_world: Make) -> None:
    # given two servers whose steps interleave
    world = make_world(is_slow=True)
    world.second_engine()
    world.start(QUIET)
    world.declare("nobody can pay", "P0")
    world.fast_forward(hours=1)
    assert people_of_steps(world) == [["alice"], ["bob"], ["carol"]] * 2
    assert world.paged() == ["alice", "bob", "carol"] * 2
    assert all(process.took_part for process in world.processes)


def test_two_servers_carry_one_release_out_once(make_world: Make) -> None:
    world = make_world(is_slow=True)
    world.second_engine()
    world.running_shop(SHOP_FILE)
    d = world.deploy("shop", "v2", strategy="instant")
    assert end_of(world, minutes=10) == "completed"
    assert world.names(d.id).count("weight_shifted") == 2


def test_when_one_of_two_servers_dies_the_other_goes_on(make_world: Make) -> None:
    world = make_world(is_slow=True)
    world.second_engine()
    world.start(QUIET)
    world.declare("nobody can pay", "P0")
    world.processes.pop(0).abandon()
    world.fast_forward(hours=1)
    assert people_of_steps(world) == [["alice"], ["bob"], ["carol"]] * 2


def test_a_bad_release_goes_back_while_nothing_can_be_committed(shop: World) -> None:
    # given a rollout, when the disk is full and the release turns bad
    d = shop.deploy("shop", "v2", errors_after_s=70, error_rate=0.3)
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    with shop.database_refusing():
        shop.fast_forward(minutes=2)
        # then visitors are back on stable all the same
        assert shop.share("v1") == 100
    # and the database learns it as soon as it can
    shop.fast_forward(seconds=5)
    assert shop.get(d.id).state == "rolled-back"
    assert len(shop.incidents()) == 1


def test_a_good_release_stands_still_while_nothing_can_be_committed(shop: World) -> None:
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    with shop.database_refusing():
        shop.fast_forward(minutes=3)
        assert shop.share("v2") == 10
    assert end_of(shop, minutes=10) == "completed"


def test_pages_leave_as_soon_as_the_database_is_back(office: World) -> None:
    office.declare("nobody can pay", "P0")
    with office.database_refusing():
        office.fast_forward(minutes=8)
    office.fast_forward(seconds=1)
    assert office.paged() == ["alice", "bob"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_set_by_an_hour_stops_no_escalation_and_is_told(office: World, hours: int) -> None:
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=2)
    office.step_clock(hours * 3600)
    office.fast_forward(hours=3)
    assert people_of_steps(office) == [["alice"], ["bob"], ["carol"]] * 2
    assert len(office.alerts("clock-stepped")) == 1


def test_a_clock_that_is_set_back_keeps_nobody_waiting(make_world: Make) -> None:
    # Not even as long as the step that waits longest.
    office = make_world().start(QUIET.replace("person carol, wait: 10m", "person carol, wait: 24h"))
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=2)
    office.step_clock(-3600)
    office.fast_forward(minutes=8)
    assert office.paged() == ["alice", "bob"]


def test_a_clock_that_is_set_back_in_a_rollout_leaves_nothing_unwatched(shop: World) -> None:
    shop.deploy("shop", "v2")
    shop.until(lambda: shop.share("v2") == 10, minutes=2)
    shop.step_clock(-3600)
    shop.outside.machine.put(digest_of("shop v2"), Version(error_rate=0.3))
    shop.until(lambda: shop.newest_state() == "rolled-back", minutes=2)
    shop.outside.machine.kill("shop-production-1")
    shop.expect_page("alice", within=60)


def test_a_page_that_is_tried_again_is_so_by_a_clock_that_is_set_back(office: World) -> None:
    office.outside.email.fail(OutsideUnavailable("connection refused"), times=4, address="alice@example.com")
    office.declare("nobody can pay", "P0")
    office.fast_forward(seconds=20)
    office.step_clock(-3600)
    office.expect_page("alice", within=120)


def test_the_same_seed_tells_the_same_story_byte_for_byte(make_world: Make) -> None:
    def story(seed: int) -> str:
        world = make_world(seed=seed).running_shop(SHOP_FILE)
        world.answers_after("bob", seconds=40)
        world.deploy("shop", "v2", error_rate=0.05)
        world.fast_forward(minutes=2)
        world.outside.machine.kill("shop-production-1")
        world.crash_at_write(5)
        world.fast_forward(minutes=8)
        return world.transcript()

    first = story(5)
    assert story(5) == first
    assert story(6) != first
