"""A placement is watched, and what is wrong with it becomes a condition with no deployment involved."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.conditions.model import conditions
from staycalm.domains.monitoring.conditions.queries import all_rules
from staycalm.domains.monitoring.conditions.service import retire, subject_of
from staycalm.domains.monitoring.sampling.model import minutes, samples, usage
from staycalm.domains.monitoring.sampling.queries import points
from staycalm.domains.monitoring.signals import Signals
from staycalm.domains.monitoring.watching.model import watches
from staycalm.domains.monitoring.watching.queries import list_watches, watches_of
from staycalm.ports.errors import OutsideUnavailable, Unsupported
from tests.domains.monitoring.world import FILE, LIVENESS, SHOP, World


def rows(world: World, table: sa.Table) -> int:
    return int(world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(table))))


def test_the_catalog_decides_what_is_watched_and_how_often(world: World) -> None:
    world.apply()
    found = {w.key: (w.interval_s, w.down_after) for w in world.read(list_watches) if w.placement == SHOP}
    assert found == {
        "probe/shop@production/liveness": (10.0, 3),
        "instances/shop@production/instances": (10.0, 3),
        "traffic/shop@production/traffic": (5.0, 1),
        "integrity/shop@production/data-integrity": (60.0, 1),
        "roll_up/shop@production/roll-up": (60.0, 1),
    }
    world.apply(FILE.replace("data_integrity: {command: check-orders, interval: 1m}", ""))
    assert "integrity/shop@production/data-integrity" not in {w.key for w in world.read(list_watches)}
    world.apply("environments: {production: }\n")
    assert {w.kind for w in world.read(list_watches)} == {"sync", "prune"}


def test_what_was_never_deployed_is_not_down(world: World) -> None:
    world.apply()
    world.prober.break_down(LIVENESS)
    world.pass_time(minutes=30)
    assert world.conditions() == []
    assert world.prober.looks[LIVENESS] == 0


def test_a_service_that_is_down_is_a_p0_within_half_a_minute_and_clears_when_it_is_back(world: World) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=35)
    assert world.conditions() == ["firing service-down P0"]
    (fired,) = world.bodies("monitoring.condition_firing")
    assert fired["subject"] == "service-down/shop@production"
    assert fired["summary"] == "shop is down in production: liveness failed 3 times: connection refused"
    world.pass_time(minutes=10)
    assert len(world.conditions()) == 1
    world.prober.mend(LIVENESS)
    world.pass_time(seconds=60)
    assert world.conditions() == ["firing service-down P0", "cleared service-down"]


def test_two_failed_probes_are_not_an_outage(world: World) -> None:
    world.started()
    for _ in range(5):
        world.prober.fail(LIVENESS, times=2)
        world.pass_time(seconds=40)
    assert world.conditions() == []


def test_a_service_without_a_ready_instance_is_down_whatever_its_probe_says(world: World) -> None:
    world.started()
    world.target.sicken("shop-1")
    world.pass_time(seconds=35)
    assert world.conditions() == ["firing service-down P0"]


def test_probes_are_made_every_ten_seconds_and_counters_read_every_five(world: World) -> None:
    world.started()
    before, calls = world.prober.looks[LIVENESS], len(world.router.calls)
    world.pass_time(minutes=10)
    assert world.prober.looks[LIVENESS] - before in (60, 61, 62, 63)
    traffic = [name for name, _ in world.router.calls[calls:] if name == "samples"]
    assert len(traffic) in (119, 120, 121)


@pytest.mark.parametrize(
    ("error_rate", "minutes_", "fires"),
    [
        (0.0, 8, []),
        (0.10, 3, ["firing error-rate-5-percent P0"]),
        (0.033, 9, ["firing error-rate-2-percent P1"]),
    ],
)
def test_the_error_rate_is_judged_from_the_proxys_counters(
    world: World, error_rate: float, minutes_: int, fires: list[str]
) -> None:
    world.started(rate=100)
    world.behave(error_rate=error_rate)
    world.pass_time(minutes=minutes_)
    assert world.conditions() == fires
    assert world.signals().error_rate == pytest.approx(error_rate, abs=0.015)
    assert world.signals().request_rate == pytest.approx(100, rel=0.01)


def test_a_total_failure_is_found_in_less_than_the_five_minutes_of_the_sop(world: World) -> None:
    world.started()
    began = world.clock.now()
    world.behave(error_rate=1.0)
    while not world.conditions():
        world.pass_time(seconds=5)
    assert world.clock.now() - began < timedelta(minutes=2)
    world.behave()
    world.pass_time(minutes=3)
    assert world.conditions() == ["firing error-rate-5-percent P0", "cleared error-rate-5-percent"]


def test_slow_answers_are_judged_by_their_p95(world: World) -> None:
    world.started()
    world.behave(median_ms=1500)
    world.pass_time(minutes=8)
    assert world.conditions() == ["firing response-time-2-s P1"]
    found = world.signals()
    assert found.p50_ms == pytest.approx(1500, rel=0.2)
    assert found.p95_ms is not None and 2000 < found.p95_ms < 5000


def test_too_few_requests_prove_nothing(world: World) -> None:
    world.started(rate=0.2)
    world.behave(error_rate=1.0)
    world.pass_time(minutes=10)
    assert world.conditions() == []
    assert world.standing("error-rate-5-percent").condition.health == "insufficient"


def test_a_firing_condition_does_not_clear_because_the_requests_stop(world: World) -> None:
    world.started()
    world.behave(error_rate=1.0)
    world.pass_time(minutes=3)
    world.router.send_traffic(SHOP, 0.0)
    world.pass_time(minutes=10)
    assert world.conditions() == ["firing error-rate-5-percent P0"]
    assert world.standing("error-rate-5-percent").condition.health == "no_data"


def test_when_the_counters_cannot_be_read_the_rules_say_stale_and_nothing_clears(world: World) -> None:
    world.started()
    world.behave(error_rate=1.0)
    world.pass_time(minutes=3)
    world.router.fail("samples", OutsideUnavailable("the proxy does not answer"), times=10_000)
    world.behave()
    world.pass_time(minutes=10)
    assert world.conditions() == ["firing error-rate-5-percent P0"]
    condition = world.standing("error-rate-5-percent").condition
    assert (condition.health, condition.phase) == ("stale", "firing")
    watch = next(w for w in world.read(watches_of, SHOP, "traffic"))
    assert "the proxy does not answer" in watch.detail


def test_a_target_that_cannot_tell_what_runs_does_not_hide_that_probes_are_well(world: World) -> None:
    world.apply()
    world.deploy()
    world.target.fail("status", Unsupported("no status command"), times=10_000)
    world.prober.break_down(LIVENESS)
    world.pass_time(minutes=2)
    world.prober.mend(LIVENESS)
    world.pass_time(minutes=2)
    assert world.conditions() == ["firing service-down P0", "cleared service-down"]


def test_a_failing_data_integrity_check_is_a_p0(world: World) -> None:
    world.started()
    assert world.prober.looks["check-orders"] >= 1
    world.prober.break_down("check-orders", "exit status 1: 3 orders without a customer")
    world.pass_time(seconds=61)
    assert world.conditions() == ["firing data-integrity P0"]
    assert "3 orders without a customer" in world.bodies("monitoring.condition_firing")[0]["summary"]
    world.prober.mend("check-orders")
    world.pass_time(seconds=61)
    assert world.conditions()[-1] == "cleared data-integrity"


def test_outside_production_a_shipped_rule_is_a_ticket(world: World) -> None:
    staging = Placement("shop", "staging")
    text = FILE.replace("      production:\n        listener", "      staging:\n        listener")
    world.apply(text)
    world.deploy(place=staging)
    world.pass_time(seconds=30)
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=40)
    assert world.conditions() == ["firing service-down P2"]


def test_a_placement_that_is_removed_clears_what_fired_there(world: World) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=40)
    world.apply("environments: {production: }\n")
    assert world.conditions() == ["firing service-down P0", "cleared service-down"]
    assert world.bodies("monitoring.condition_cleared")[0]["reason"] == "the placement was removed"


def test_what_fired_on_a_removed_placement_is_cleared_behind_thousands_of_others(world: World) -> None:
    kept = [Placement(f"s{n}", "production") for n in range(5100)]
    gone = Placement("zzz", "production")
    rule = next(each for each in world.read(all_rules) if each.applies_to(gone))
    row = {"rule": rule.name, "phase": "firing", "held_s": 0.0, "health": "ok", "detail": "", "priority": "P1"}
    placed = [{**row, "service": place.service, "environment": place.environment} for place in [*kept, gone]]
    world.write(lambda tx: tx.execute(conditions.insert(), placed))
    world.write(retire, kept, [rule])
    (cleared,) = world.bodies("monitoring.condition_cleared")
    assert cleared["subject"] == subject_of(rule.name, gone)
    assert rows(world, conditions) == len(kept)


def test_minutes_are_rolled_up_and_old_measurements_forgotten(world: World) -> None:
    world.started()
    world.pass_time(minutes=10)
    whole = rows(world, minutes)
    assert whole in (9, 10, 11)
    total = int(world.read(lambda tx: tx.scalar(sa.select(sa.func.sum(minutes.c.total)))))
    assert total == pytest.approx(20 * 60 * whole, rel=0.15)
    assert rows(world, samples) > 120 and rows(world, usage) > 60
    world.router.send_traffic(SHOP, 0.0)
    world.clock.advance(hours=4)
    world.settle()
    assert rows(world, samples) <= 2 and rows(world, usage) <= 2
    assert whole <= rows(world, minutes) <= whole + 2
    world.clock.advance(days=31)
    world.settle()
    assert rows(world, minutes) <= 1


def test_the_points_to_draw_are_bounded_and_an_unknown_one_is_not_zero(world: World) -> None:
    world.started()
    world.pass_time(minutes=4)
    fine = world.read(points, SHOP, 900.0)
    assert len(fine) <= 120
    assert fine[0].request_rate is None
    assert fine[-2].request_rate == pytest.approx(20, rel=0.05)
    for window_s in (10.0, 60.0, 901.0, 3600.0, 6 * 3600.0, 86400.0, 30 * 86400.0):
        assert 1 <= len(world.read(points, SHOP, window_s)) <= 120
    hour = world.read(points, SHOP, 3600.0)
    assert hour[-2].request_rate == pytest.approx(20, rel=0.05)
    assert hour[0].error_rate is None


def test_a_tick_that_sees_nothing_new_leaves_conditions_alone(world: World) -> None:
    world.started()
    world.pass_time(minutes=2)
    before = world.standing("service-down").condition
    world.pass_time(minutes=10)
    assert world.standing("service-down").condition == before


def test_errors_of_a_time_when_nobody_looked_do_not_fire_hours_later(world: World) -> None:
    world.started()
    world.behave(error_rate=1.0)
    world.clock.advance(hours=3)
    world.behave()
    world.router.send_traffic(SHOP, 20)
    world.pass_time(minutes=3)
    assert world.conditions() == []


def test_after_a_long_pause_everything_is_looked_at_once_and_not_for_every_missed_beat(world: World) -> None:
    world.started()
    before = world.prober.looks[LIVENESS]
    world.clock.advance(hours=10)
    world.settle()
    # Once for its beat, once for the health report.
    assert world.prober.looks[LIVENESS] == before + 2
    due = world.read(lambda tx: tx.rows(sa.select(watches.c.due_at).where(watches.c.kind == "probe")))
    assert all(row.due_at > world.clock.now() for row in due)


def test_a_course_tells_the_same_of_the_same_stretch_however_long_after_it_is_asked(world: World) -> None:
    world.started(FILE)
    world.behave(error_rate=0.5)
    world.pass_time(seconds=1800)
    world.behave()
    world.pass_time(seconds=1800)
    told: dict[datetime, Signals] = {}
    for _ in range(7):
        whole = [point for point in world.read(points, SHOP, 86400.0)[1:-1] if point.requests]
        assert [told.setdefault(point.at, point) for point in whole] == whole
        world.pass_time(seconds=180)
    apart = {later - earlier for earlier, later in pairwise(sorted(told))}
    assert apart == {whole[1].at - whole[0].at}, "each drawing had points of its own"
    assert len(told) > 4 and any(point.error_rate for point in told.values())
