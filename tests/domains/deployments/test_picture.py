"""The picture of a rollout: bounded, in scale, true to its figures, and kept for ever."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.charts.geometry import HEIGHT, WIDTH, Chart, draw
from staycalm.core.charts.series import Graph
from staycalm.domains.deployments.changes import save_moment
from staycalm.domains.deployments.log_view import cut_at
from staycalm.domains.deployments.model import history
from staycalm.domains.deployments.picture.course import within
from staycalm.domains.deployments.picture.drawing import picture_of
from staycalm.domains.deployments.picture.graphs import Plan, graphs_of
from staycalm.domains.deployments.picture.queries import read_course, thinned_history
from staycalm.domains.deployments.picture.views import rollout_view
from staycalm.domains.deployments.records import Moment
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Tx
from staycalm.kit.database.tables import deliveries, events
from tests.domains.deployments.world import World
from tests.scenarios.fakes.traffic import Behaviour
from tests.unit.test_charts import corners

NEEDED = {"errors": 2.30103, "latency-p50": 2.60206}
LADDER = 24


def moment(second: int, weight: float = 10.0, *, bad: int = 0, evidence: float = 0.0) -> Moment:
    times = [0] * LADDER
    times[8] = 10 * (second + 1)
    arm = {"requests": 10, "bad": 0, "total": 10 * (second + 1), "total_bad": 0, "times": times}
    return Moment(
        second,
        weight,
        {"stable": arm, "candidate": {**arm, "total_bad": bad}, "evidence": {"errors": evidence}},
    )


TWO_MINUTES = graphs_of([moment(n, bad=n) for n in range(120)], needed=NEEDED, plan=Plan())


def pictured(graphs: tuple[Graph, ...], end_s: float) -> Chart:
    return draw(graphs, start_s=0.0, end_s=end_s)


def by_key(graphs: tuple[Graph, ...]) -> dict[str, Graph]:
    return {graph.key: graph for graph in graphs}


def test_there_is_no_picture_of_a_single_second() -> None:
    assert graphs_of([moment(0)], needed=NEEDED, plan=Plan()) == ()


def test_every_corner_lies_in_the_box_whatever_was_measured() -> None:
    wild = [moment(0), moment(40, 50.0, bad=390, evidence=400.0), moment(90, 95.0, bad=800, evidence=-7.0)]
    plan = Plan(100.0, (Step(95.0, 60.0),))
    chart = pictured(graphs_of(wild, needed=NEEDED, plan=plan), 160.0)
    assert {panel.key for panel in chart.panels} == {"weight", "errors", "latency", "evidence"}
    for panel in chart.panels:
        for line in panel.lines:
            assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners(line.path + line.band + line.area))


def test_a_rollback_ends_at_no_weight() -> None:
    graphs = graphs_of([moment(0), moment(30)], needed={}, plan=Plan(), ended_at=0.0)
    line = pictured(graphs, 30.0).panels[0].lines[0]
    assert line.last == "0 %"
    assert corners(line.path)[-1] == (WIDTH, HEIGHT)


def test_what_nothing_measured_is_left_out() -> None:
    quiet = {"requests": 0, "bad": 0, "total": 0, "total_bad": 0, "times": [0] * LADDER}
    moments = [Moment(n, 10.0, {"stable": moment(n).body["stable"], "candidate": quiet}) for n in range(2)]
    (panel,) = [
        p for p in pictured(graphs_of(moments, needed=NEEDED, plan=Plan()), 2.0).panels if p.key == "errors"
    ]
    assert [line.label for line in panel.lines] == ["stable"]


def test_a_rate_stands_in_its_interval_and_few_requests_make_it_wide() -> None:
    graphs = by_key(TWO_MINUTES)
    candidate = graphs["errors"].series[1]
    widths = []
    for value, low, high in zip(candidate.values, candidate.low, candidate.high, strict=True):
        assert value is not None and low is not None and high is not None
        assert 0 <= low <= value <= high <= 1
        widths.append(high - low)
    assert widths[0] > widths[-1]


def test_a_silence_of_two_minutes_is_a_gap() -> None:
    moments = [moment(n) for n in range(60)] + [moment(n) for n in range(180, 240)]
    chart = pictured(graphs_of(moments, needed=NEEDED, plan=Plan()), 240.0)
    errors = next(panel for panel in chart.panels if panel.key == "errors")
    assert all(line.path.count("M") == 2 for line in errors.lines)


def test_history_of_an_older_version_is_drawn_without_intervals() -> None:
    def old(second: int) -> Moment:
        found = moment(second)
        for who in ("stable", "candidate"):
            del found.body[who]["times"]
            found.body[who]["p95_ms"] = 40.0
        return found

    graphs = by_key(graphs_of([old(0), old(20)], needed=NEEDED, plan=Plan()))
    assert graphs["latency"].series[0].values == (40.0, 40.0)
    assert graphs["latency"].series[0].low == (None, None)


@given(st.floats(0, 130), st.floats(0, 130))
def test_a_part_holds_what_happened_in_it(a: float, b: float) -> None:
    since_s, until_s = min(a, b), max(a, b)
    for graph in within(TWO_MINUTES, since_s, until_s):
        for series in graph.series:
            assert len(series.times) == len(series.values)
            kept = series.times[1:] if series.is_stepped else series.times
            assert all(since_s <= at <= until_s for at in kept)


def test_a_day_of_history_is_read_in_a_few_hundred_rows(world: World) -> None:
    d = world.deploy("v1")

    def fill(tx: Tx) -> None:
        for second in range(1_000_000, 1_086_400, 20):
            save_moment(tx, d.id, second, 10.0, moment(second).body)

    world.write(fill)
    found = world.read(thinned_history, d.id)
    assert 100 < len(found) <= 242
    assert found[-1].second == 1_086_380
    part = world.read(thinned_history, d.id, since_s=1_050_000, until_s=1_051_000)
    assert len(part) == 51


def bad_release(world: World) -> Any:
    world.first()
    d = world.deploy("v2")
    world.run(60, until=lambda: world.newest().state == "shifting")
    revision: Any = world.newest().candidate_revision
    world.router.behave(world.target.port(revision), Behaviour(error_rate=0.05))
    world.run_to("rolled-back", 600)
    return d


def test_the_page_tells_why_and_how_a_bad_release_went_back(world: World) -> None:
    d = bad_release(world)
    view = rollout_view(world.read(read_course, d.id))
    assert view.card.tone == "bad" and "automatically" in view.card.sentence
    assert "error" in view.card.why
    assert [step.state for step in view.steps] == ["stopped", "never", "never"]
    assert view.events[-1].text.startswith("Rolled back, stable serves everything")
    assert not view.is_live
    figures = dict(view.figures)
    assert figures["Failed requests"] == str(world.newest().failed_requests)
    decided = world.newest().decided_at
    assert decided is not None
    ended = f"rolled back at {decided:%H:%M:%S} UTC, after {world.newest().failed_requests} request"
    assert view.finding.startswith("Candidate's error rate was") and " pp higher, " in view.finding
    assert ended in view.finding
    assert view.chart is not None
    assert [placed.mark.label for placed in view.chart.marks] == ["rolled back"]
    evidence = next(panel for panel in view.chart.panels if panel.key == "evidence")
    proof = next(level for level in evidence.levels if "more errors" in level.label)
    last = corners(next(line.path for line in evidence.lines if line.role == "errors"))[-1]
    assert last[1] <= proof.y, "the evidence ended above what it needed"


def test_the_picture_stays_when_its_seconds_and_events_are_gone(world: World) -> None:
    d = bad_release(world)
    before = rollout_view(world.read(read_course, d.id))
    as_file = picture_of(world.read(read_course, d.id))
    assert before.chart is not None and before.is_frozen

    def forget(tx: Tx) -> None:
        tx.execute(history.delete())
        tx.execute(sa.delete(deliveries))
        tx.execute(sa.delete(events))

    world.write(forget)
    after = world.read(read_course, d.id)
    assert rollout_view(after).chart == before.chart
    assert rollout_view(after).events == before.events
    assert picture_of(after) == as_file
    start_s = before.chart.start_s
    part = world.read(read_course, d.id, (start_s + 5, start_s + 25))
    assert rollout_view(part).chart is not None


def test_an_aborted_one_keeps_its_events(world: World) -> None:
    from staycalm.domains.deployments import service

    world.first()
    d = world.deploy("v2")
    world.ask(service.abort, d.id, reason="wrong branch")
    world.run_to("aborted", 600)
    world.write(lambda tx: (tx.execute(sa.delete(deliveries)), tx.execute(sa.delete(events))))
    view = rollout_view(world.read(read_course, d.id))
    assert view.events[0].text.startswith("Requested") and view.events[-1].text == "Aborted"
    assert view.chart is None or view.chart.panels


@pytest.mark.parametrize("q", ["a", "A", "<b>", "ß", "%", "\\", "\x00", "aa"])
def test_words_that_were_sought_are_marked_and_nothing_is_lost(q: str) -> None:
    text = "aAa <b>bold</b> straße 100 % \\ end"
    parts = cut_at(text, q)
    assert "".join(part for part, _ in parts) == text
    assert all(part.casefold() == q.casefold() for part, is_found in parts if is_found)


@given(st.text(max_size=60), st.text(max_size=5))
def test_a_search_changes_no_line(text: str, q: str) -> None:
    assert "".join(part for part, _ in cut_at(text, q)) == text
