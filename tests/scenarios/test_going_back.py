"""Rolling back: by hand, after completion, warm and cold; holding, pausing, promoting, aborting."""

from __future__ import annotations

import pytest

from staycalm.core.errors import Conflict
from staycalm.ports.errors import OutsideUnavailable
from tests.scenarios.test_deployments import end_of
from tests.scenarios.world import World


def on_the_way(world: World, version: str = "v2", weight: float = 50, **how: object) -> str:
    """Return the id of a rollout that has reached this weight."""
    d = world.deploy("shop", version, **how)
    world.until(lambda: world.share(version) == weight, minutes=25)
    return d.id


def test_a_person_rolls_back_in_the_middle_of_a_rollout(shop: World) -> None:
    # given a rollout at 50 percent
    d = on_the_way(shop)
    # when a person rolls it back
    shop.ask("roll_back", d, reason="customers complain")
    # then stable serves everybody
    assert shop.get(d).state == "rolled-back" and shop.share("v1") == 100
    # a rollback by hand is nobody's incident
    assert shop.incidents() == []


def test_the_last_release_is_taken_back_by_one_rename_while_the_old_one_is_warm(shop: World) -> None:
    # given a release that completed five minutes ago
    d = shop.deploy("shop", "v2", strategy="instant")
    assert end_of(shop) == "completed"
    shop.fast_forward(minutes=5)
    # when a person takes it back
    starts = len([c for c in shop.outside.machine.calls if c[0] == "start"])
    shop.ask("roll_back", d.id, reason="the export is broken")
    # then the one before serves at once: it still runs, nothing is started
    assert shop.share("v1") == 100 and shop.get(d.id).state == "rolled-back"
    assert len([c for c in shop.outside.machine.calls if c[0] == "start"]) == starts


def test_an_old_release_that_runs_no_more_is_started_checked_and_then_given_everybody(calm_shop: World) -> None:
    # given a release that completed an hour ago; the one before has been stopped
    d = calm_shop.deploy("shop", "v2", strategy="instant")
    assert end_of(calm_shop) == "completed"
    calm_shop.fast_forward(hours=1)
    assert calm_shop.outside.machine.running() == {"shop-production-2"}
    # when a person takes it back
    calm_shop.ask("roll_back", d.id, reason="the export is broken")
    # then the one before is started, checked, and serves everybody
    calm_shop.until(lambda: calm_shop.get(d.id).state == "rolled-back", minutes=5)
    assert calm_shop.share("v1") == 100
    calm_shop.until(lambda: calm_shop.outside.machine.running() == {"shop-production-3"}, hours=3)


def test_an_old_release_that_does_not_start_any_more_leaves_the_new_one_serving(calm_shop: World) -> None:
    # given a release that completed an hour ago, and one before that does not start any more
    d = calm_shop.deploy("shop", "v2", strategy="instant")
    assert end_of(calm_shop) == "completed"
    calm_shop.fast_forward(hours=1)
    calm_shop.release("shop", "v1", never_ready=True)
    # when a person takes it back
    calm_shop.ask("roll_back", d.id, reason="the export is broken")
    # then it is said to have failed, which is an emergency, and users stay with what serves
    calm_shop.until(lambda: bool(calm_shop.log("deployments.rollback_failed")), minutes=30)
    assert calm_shop.share("v2") == 100 and calm_shop.get(d.id).state == "completed"
    assert calm_shop.incident.priority == "P0"
    calm_shop.expect_page("alice")


def test_there_is_nothing_to_go_back_to_after_a_first_release(shop: World) -> None:
    # when the very first release is to be taken back, then it is refused and says why
    with pytest.raises(Conflict, match="first"):
        shop.ask("roll_back", "DEP-1", reason="it is ugly")


def test_a_release_that_changed_the_schema_is_held_and_somebody_is_paged(shop: World) -> None:
    # given a release that declares that it cannot be taken back, when it fails
    d = shop.deploy("shop", "v2", error_rate=0.2, rollback_safe=False)
    shop.until(lambda: shop.newest().held_code is not None, minutes=5)
    # then the weight stays, it is a P1, and people are told
    weight = shop.share("v2")
    shop.fast_forward(minutes=10)
    assert shop.share("v2") == weight == 10
    assert shop.incident.priority == "P1"
    shop.expect_page("alice", within=900)
    # when a person decides to go back all the same
    shop.ask("roll_back", d.id, reason="it is worse than a broken schema")
    assert shop.share("v1") == 100
    assert [a.state for a in shop.alerts("deployment-held")] == ["resolved"]


def test_a_paused_rollout_stands_still_and_goes_on_with_the_rest_of_its_step(calm_shop: World) -> None:
    # given a rollout that a person pauses
    d = on_the_way(calm_shop)
    calm_shop.ask("pause", d, reason="lunch")
    # then it stays where it is
    calm_shop.fast_forward(minutes=20)
    assert calm_shop.share("v2") == 50
    # when they resume it, then it completes
    calm_shop.ask("resume", d)
    assert end_of(calm_shop) == "completed"


def test_a_paused_rollout_is_still_rolled_back_by_itself(shop: World) -> None:
    # given a rollout that a person has paused
    d = on_the_way(shop)
    shop.ask("pause", d, reason="lunch")
    # when the release turns bad
    shop.outside.machine.put(shop.get(d).digest, shop.outside.machine.versions[shop.get(d).digest].__class__(0.3))
    # then it is rolled back all the same
    assert end_of(shop, minutes=5) == "rolled-back"


def test_a_promoted_rollout_does_not_wait_for_its_step(shop: World) -> None:
    # given a rollout at 10 percent
    d = on_the_way(shop, weight=10)
    # when a person promotes it, then it is at the next step at once
    shop.ask("promote", d, reason="the sale begins")
    assert shop.share("v2") == 50
    # and at the last when they say so; the log says that it was not proven
    shop.ask("promote", d, reason="the sale begins", to_full=True)
    assert shop.share("v2") == 100
    assert end_of(shop, minutes=5) == "completed"
    assert shop.log("deployments.completed", subject=d)[0].body["is_proven"] is False


def test_an_aborted_rollout_is_over_for_good(shop: World) -> None:
    # given a rollout that a person aborts
    d = on_the_way(shop)
    shop.ask("abort", d, reason="wrong branch")
    # then stable serves everybody, and it cannot be resumed
    assert shop.get(d).state == "aborted" and shop.share("v1") == 100
    with pytest.raises(Conflict):
        shop.ask("resume", d)
    shop.fast_forward(minutes=5)
    assert shop.share("v1") == 100


def test_a_failed_candidate_is_kept_for_two_hours_for_whoever_looks_into_it(calm_shop: World) -> None:
    # given a release that was rolled back
    calm_shop.deploy("shop", "v2", error_rate=0.3)
    assert end_of(calm_shop) == "rolled-back"
    # then it runs on, without visitors, for whoever looks into it
    assert "shop-production-2" in calm_shop.outside.machine.running()
    # and is stopped after two hours
    calm_shop.fast_forward(hours=3)
    assert calm_shop.outside.machine.running() == {"shop-production-1"}


def test_a_rollback_the_proxy_did_without_us_is_adopted(shop: World) -> None:
    from tests.conftest import drive
    from tests.scenarios.world import SHOP

    # given a rollout
    d = on_the_way(shop)
    # when the proxy has gone back to stable by itself
    drive(shop.outside.proxy.roll_back(SHOP))
    # then the deployment is rolled back, and the log says how it came
    assert end_of(shop, minutes=1) == "rolled-back"
    assert shop.share("v1") == 100 and "already" in shop.get(d).end_reason


def test_a_proxy_that_does_not_answer_is_asked_again_until_it_does(shop: World) -> None:
    # given a proxy that fails five times and then loses two answers
    shop.outside.proxy.fail("set_split", OutsideUnavailable("no answer"), times=5)
    shop.outside.proxy.lose("set_split", times=2)
    # when a release is deployed, then it completes
    shop.deploy("shop", "v2", strategy="instant")
    assert end_of(shop) == "completed"
