"""The full health report: every five minutes, on demand, of everything, and never well by silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.domains.monitoring.reporting.decisions import engine_finding
from staycalm.domains.monitoring.reporting.model import checks, reports
from staycalm.domains.monitoring.reporting.queries import get_report
from staycalm.domains.monitoring.reporting.service import ask_for_report
from staycalm.ports.errors import OutsideUnavailable
from tests.domains.monitoring.world import FILE, LIVENESS, SHOP, World

ALICE = Actor("person", "alice", "Alice")


def asked(world: World) -> dict[str, tuple[str, str]]:
    """Return status and detail by finding of a report made now."""
    id = world.write(ask_for_report, ALICE)
    world.settle()
    report = world.read(get_report, id)
    assert report.state == "done"
    assert report.ok == all(f.status in ("ok", "skipped") for f in report.findings)
    return {f.name: (f.status, f.detail) for f in report.findings}


def test_a_report_on_demand_looks_at_everything_at_once(world: World) -> None:
    world.started()
    found = asked(world)
    assert {name: status for name, (status, _) in found.items()} == dict.fromkeys(
        ("engine", "database", "disk", "instances", "proxy edge-1", "probe liveness", "data integrity"), "ok"
    )
    assert found["instances"][1] == "2 of 2 ready"
    assert found["proxy edge-1"][1].startswith("1.40, up ")
    assert world.told("health")[-1] == "health ok"
    assert world.bodies("monitoring.health_reported")[-1]["is_on_demand"] is True


def test_a_report_is_made_every_five_minutes_and_only_a_changed_verdict_is_told(world: World) -> None:
    world.started()
    world.pass_time(minutes=6)
    made = world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(reports)))
    assert made in (2, 3)
    assert world.told("health") == ["health ok"]
    world.host.say("disk", "failed", "1 % free")
    world.pass_time(minutes=6)
    assert world.told("health") == ["health ok", "health failed"]
    assert world.bodies("monitoring.health_reported")[-1]["failed"] == ["disk: 1 % free"]
    world.host.say("disk", "ok")
    world.pass_time(minutes=6)
    assert world.told("health")[-1] == "health ok"


def test_what_is_wrong_is_named_with_its_place(world: World) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.target.sicken("shop-1")
    world.router.is_live = False
    found = asked(world)
    assert found["probe liveness"][0] == "failed"
    assert found["instances"] == ("failed", "0 of 2 ready")
    assert found["proxy edge-1"][0] == "failed"
    failed = world.bodies("monitoring.health_reported")[-1]["failed"]
    assert any(line.startswith("probe liveness of shop@production: connection refused") for line in failed)


def test_what_does_not_answer_is_unknown_and_unknown_is_not_well(world: World) -> None:
    world.started()
    world.router.fail("observe", OutsideUnavailable("the proxy does not answer"))
    world.target.fail("status", OutsideUnavailable("the target does not answer"))
    found = asked(world)
    assert found["proxy edge-1" if "proxy edge-1" in found else "proxy"] == (
        "unknown",
        "the proxy does not answer",
    )
    assert found["instances"] == ("unknown", "the target does not answer")
    assert world.latest_report().ok is False


def test_what_runs_is_compared_with_what_is_meant_to_run_by_digest(world: World) -> None:
    world.started()
    (serving,) = world.running[SHOP]
    meant = replace(serving.spec, digest="sha256:" + "2" * 64)
    world.running[SHOP] = (replace(serving, spec=meant),)
    assert "instead of sha256:222" in asked(world)["instances"][1]


def test_a_placement_where_nothing_is_deployed_is_skipped(world: World) -> None:
    world.apply()
    found = asked(world)
    assert found["placement"] == ("skipped", "nothing is deployed here")
    assert world.latest_report().ok is True


def test_without_placements_no_report_is_scheduled_but_one_can_be_asked_for(world: World) -> None:
    world.apply("environments: {production: }\n")
    world.pass_time(hours=1)
    assert world.latest_report() is None
    assert set(asked(world)) == {"engine", "database", "disk"}


def test_a_check_that_never_ends_does_not_hold_the_report_up(world: World) -> None:
    world.started()
    id = world.write(ask_for_report, ALICE)
    world.has_edge = False
    world.pass_time(seconds=31)
    report = world.read(get_report, id)
    assert (report.state, report.ok) == ("done", False)
    assert "did not end in time" in next(f.detail for f in report.findings if f.name == "placement")
    assert world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(checks))) == 0


def test_two_who_ask_at_once_get_one_report(world: World) -> None:
    world.started()
    one, other = world.write(ask_for_report, ALICE), world.write(ask_for_report, ALICE)
    assert one == other
    world.settle()
    assert world.write(ask_for_report, ALICE) != one


@pytest.mark.parametrize(("lag_s", "status"), [(0.0, "ok"), (5.0, "ok"), (5.1, "failed"), (3600.0, "failed")])
def test_an_overloaded_engine_tells_on_itself(lag_s: float, status: str) -> None:
    assert engine_finding(lag_s).status == status


@pytest.mark.parametrize(("interval", "expected"), [("1m", 5), ("2m", 3)])
def test_the_integrity_check_runs_as_often_as_declared(world: World, interval: str, expected: int) -> None:
    world.started(FILE.replace("interval: 1m", f"interval: {interval}"))
    before = world.prober.looks["check-orders"]
    made = world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(reports)))
    world.pass_time(minutes=5)
    more = world.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(reports))) - made
    assert world.prober.looks["check-orders"] - before - more in (expected - 1, expected, expected + 1)
