"""Charts do not mislead: every point in its box, zero on the axis, gaps stay gaps, files are well formed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.charts.axes import time_ticks, value_axis
from staycalm.core.charts.geometry import HEIGHT, LABEL_WIDTH, WIDTH, Chart, draw
from staycalm.core.charts.series import Graph, Mark, Series, Threshold, Unit, format_value
from staycalm.core.charts.svg import render

UNITS: tuple[Unit, ...] = ("share", "percent", "points", "ms", "per_s", "odds")
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-10, 10) | st.integers(-5, 2000).map(float)
values = st.lists(st.none() | numbers, min_size=1, max_size=40)


def graph_of(found: list[float | None], *, unit: Unit = "ms", gap_s: float | None = None, **named: Any) -> Graph:
    times = tuple(float(1000 + 10 * n) for n in range(len(found)))
    return Graph("g", "A graph", unit, (Series("stable", "stable", times, tuple(found), **named),), gap_s=gap_s)


def drawn(*graphs: Graph, marks: tuple[Mark, ...] = ()) -> Chart:
    return draw(graphs, start_s=1000.0, end_s=1400.0, marks=marks)


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


@given(values, st.sampled_from(UNITS), st.booleans())
def test_every_point_lies_in_its_box(found: list[float | None], unit: Unit, is_stepped: bool) -> None:
    low = tuple(None if v is None else v - 1 for v in found)
    high = tuple(None if v is None else v + 1 for v in found)
    chart = drawn(graph_of(found, unit=unit, low=low, high=high, is_stepped=is_stepped, is_filled=True))
    for panel in chart.panels:
        for line in panel.lines:
            for x, y in corners(line.path + line.band + line.area):
                assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
        assert all(0 <= tick.y <= HEIGHT for tick in panel.ticks)


@given(values, st.sampled_from(UNITS), st.floats(0, 100))
def test_the_axis_holds_zero_and_is_never_shorter_than_promised(
    found: list[float | None], unit: Unit, least: float
) -> None:
    times = tuple(float(n) for n in range(len(found)))
    graph = Graph("g", "", unit, (Series("a", "a", times, tuple(found)),), least_top=least)
    axis = value_axis(graph)
    assert axis.bottom <= 0 <= axis.top and axis.bottom < axis.top
    if unit != "odds":
        assert axis.top >= least * (1 - 1e-9)
        assert 2 <= len(axis.ticks) <= 12
    ats = [tick.at for tick in axis.ticks]
    assert ats == sorted(ats) and all(-1e-9 <= at <= 1 + 1e-9 for at in ats)
    assert len({tick.label for tick in axis.ticks}) == len(axis.ticks)


@given(values)
def test_there_are_as_many_strokes_as_stretches_without_a_gap(found: list[float | None]) -> None:
    runs, before = 0, None
    for value in found:
        runs += value is not None and before is None
        before = value
    chart = drawn(graph_of(found))
    path = chart.panels[0].lines[0].path if chart.panels else ""
    assert path.count("M") == runs


def test_a_silence_breaks_the_line_even_without_a_hole_in_the_figures() -> None:
    series = Series("a", "a", (1000.0, 1010.0, 1300.0, 1310.0), (1.0, 2.0, 2.0, 1.0))
    chart = drawn(Graph("g", "", "ms", (series,), gap_s=60.0))
    assert chart.panels[0].lines[0].path.count("M") == 2


def test_a_single_sample_is_a_dot_and_none_is_no_drawing() -> None:
    path = drawn(graph_of([7.0])).panels[0].lines[0].path
    assert corners(path)[0] == corners(path)[1]
    assert drawn(graph_of([None, None])).panels == ()
    assert drawn().panels == ()


def test_it_tells_up_to_when_something_was_measured() -> None:
    assert drawn(graph_of([1.0, 2.0, None, None])).last_at == datetime.fromtimestamp(1010, UTC)


def test_noise_near_zero_is_no_mountain() -> None:
    times = (1000.0, 1100.0)
    graph = Graph("g", "", "share", (Series("a", "a", times, (0.0, 0.0005)),), least_top=0.02, most_top=1.0)
    assert min(y for _, y in corners(drawn(graph).panels[0].lines[0].path)) > 90


def test_a_share_never_has_an_axis_beyond_all() -> None:
    times = (1000.0, 1100.0)
    graph = Graph("g", "", "share", (Series("a", "a", times, (0.2, 1.0)),), most_top=1.0)
    assert drawn(graph).panels[0].ticks[-1].label == "100 %"


def test_evidence_has_a_decade_for_every_line_of_the_grid() -> None:
    series = Series("errors", "more errors", (1000.0, 1100.0), (0.0, 2.5))
    graph = Graph("e", "Evidence", "odds", (series,), (Threshold(2.301, "proof at 200 : 1"),))
    panel = drawn(graph).panels[0]
    assert [tick.label for tick in panel.ticks] == ["0.1", "1", "10", "100", "1 000"]
    assert panel.lines[0].last == "316 : 1"
    # 200 : 1 is 3.3 of 4 decades up from a tenth.
    assert panel.levels[0].y == pytest.approx(100 * (1 - 3.301 / 4), abs=0.1)


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("share", 0.0412, "4.1 %"), ("share", 0.0004, "0.04 %"), ("points", 0.041, "+4.1 pp"),
        ("ms", 46.7, "46.7 ms"), ("ms", 2400.0, "2.4s"), ("per_s", 1234.0, "1 234/s"),
        ("odds", 2.30103, "200 : 1"), ("odds", -0.477, "1 : 3"), ("odds", 14.2, "10^14 : 1"),
        ("percent", 10.0, "10.0 %"), ("share", None, "not measured"),
    ],
)  # fmt: skip
def test_figures_carry_their_unit(unit: Unit, value: float | None, words: str) -> None:
    assert format_value(unit, value) == words


@given(st.floats(0, 4e9), st.floats(1, 4e7))
def test_instants_are_few_round_and_in_order(start_s: float, span_s: float) -> None:
    ticks = time_ticks(start_s, start_s + span_s)
    assert len(ticks) <= 7
    assert all(a.at < b.at for a, b in pairwise(ticks))
    assert all(-1e-6 <= tick.at <= 1 + 1e-6 for tick in ticks)


@given(st.lists(st.floats(900, 1500), max_size=60))
def test_labels_of_marks_do_not_lie_on_each_other(at: list[float]) -> None:
    chart = drawn(marks=tuple(Mark(each, "DEP-1", "Deployed") for each in at))
    assert len(chart.marks) <= 40
    for lane in (0, 1):
        xs = [min(max(p.x, LABEL_WIDTH / 2), WIDTH - LABEL_WIDTH / 2) for p in chart.marks if p.lane == lane]
        assert all(b - a >= LABEL_WIDTH - 0.2 for a, b in pairwise(xs))


@given(values, st.text(max_size=60), st.text(max_size=60), st.sampled_from(UNITS))
def test_the_file_is_well_formed_and_holds_no_script(
    found: list[float | None], title: str, words: str, unit: Unit
) -> None:
    mark = Mark(1100.0, words, words, "bad", "javascript:alert(1)")
    graph = Graph("g", title, unit, graph_of(found).series, (Threshold(1.0, words),))
    root = ElementTree.fromstring(render(drawn(graph, marks=(mark,)), title=title, subtitle=words).encode())
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "rect", "text", "path", "g"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("style", "href", "class")]


def test_hostile_words_stay_words() -> None:
    svg = render(drawn(graph_of([1.0, 2.0])), title='<script>alert("x")</script>', subtitle="a & b ]]>")
    root = ElementTree.fromstring(svg.encode())
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert '<script>alert("x")</script>' in texts
