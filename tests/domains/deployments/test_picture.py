"""The picture of a rollout: bounded, in scale, and true to its figures."""

from __future__ import annotations

from typing import Any

from staycalm.domains.deployments.changes import save_moment
from staycalm.domains.deployments.picture.chart import HEIGHT, WIDTH, draw
from staycalm.domains.deployments.picture.queries import read_course, thinned_history
from staycalm.domains.deployments.picture.views import rollout_view
from staycalm.domains.deployments.queries import Moment
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Tx
from tests.domains.deployments.world import World
from tests.scenarios.fakes.traffic import Behaviour

NEEDED = {"errors": 2.0, "latency-p50": 2.6}


def moment(second: int, weight: float = 10.0, *, bad: int = 0, evidence: float = 0.0) -> Moment:
    arm = {"requests": 10, "bad": 0, "total": 10 * (second + 1), "total_bad": 0}
    return Moment(
        second,
        weight,
        {"stable": arm, "candidate": {**arm, "total_bad": bad}, "evidence": {"errors": evidence}},
    )


def corners(points: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in points.split()]  # type: ignore[misc]


def test_there_is_no_picture_of_a_single_second() -> None:
    assert draw([moment(0)], needed=NEEDED, step_ends_s=None) is None


def test_every_corner_lies_in_the_box_whatever_was_measured() -> None:
    wild = [moment(0), moment(40, 50.0, bad=390, evidence=400.0), moment(90, 95.0, bad=800, evidence=-7.0)]
    chart = draw(wild, needed=NEEDED, ahead=[Step(95.0, 60.0)], step_ends_s=100.0)
    assert chart is not None
    for panel in chart.panels:
        for points in (*(line.points for line in panel.lines), panel.area, panel.plan, panel.threshold):
            assert all(-8 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners(points))


def test_a_rollback_ends_at_no_weight() -> None:
    chart = draw([moment(0), moment(30)], needed={}, step_ends_s=None, ended_at=0.0)
    assert chart is not None
    assert chart.panels[0].lines[0].last == "0 %"
    assert corners(chart.panels[0].lines[0].points)[-1] == (WIDTH, HEIGHT)


def test_what_nothing_measured_is_said() -> None:
    quiet = {"requests": 0, "bad": 0, "total": 0, "total_bad": 0}
    moments = [Moment(n, 10.0, {"stable": moment(n).body["stable"], "candidate": quiet}) for n in range(2)]
    chart = draw(moments, needed=NEEDED, step_ends_s=None)
    assert chart is not None
    assert [panel.title for panel in chart.panels] == ["Traffic to the candidate", "Failed answers"]
    assert [line.label for line in chart.panels[1].lines] == ["stable"]


def test_a_day_of_history_is_read_in_a_few_hundred_rows(world: World) -> None:
    d = world.deploy("v1")

    def fill(tx: Tx) -> None:
        for second in range(1_000_000, 1_086_400, 20):
            save_moment(tx, d.id, second, 10.0, moment(second).body)

    world.write(fill)
    found = world.read(thinned_history, d.id)
    assert 100 < len(found) <= 242
    assert found[-1].second == 1_086_380


def test_the_page_tells_why_and_how_a_bad_release_went_back(world: World) -> None:
    world.first()
    d = world.deploy("v2")
    world.run(60, until=lambda: world.newest().state == "shifting")
    revision: Any = world.newest().candidate_revision
    world.router.behave(world.target.port(revision), Behaviour(error_rate=0.05))
    world.run_to("rolled-back", 600)
    view = rollout_view(world.read(read_course, d.id))
    assert view.card.tone == "bad" and "automatically" in view.card.sentence
    assert "error" in view.card.why
    assert [step.state for step in view.steps] == ["stopped", "never", "never"]
    assert view.events[-1].text.startswith("Rolled back, stable serves everything")
    assert not view.is_live
    figures = dict(view.figures)
    assert figures["Failed requests"] == str(world.newest().failed_requests)
