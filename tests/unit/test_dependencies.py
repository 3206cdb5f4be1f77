"""The picture of dependencies: it ends on cycles, stays small, and puts nothing on top of anything."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from staycalm.web.services.dependencies import MOST_IN_LAYER, NODE_HEIGHT, NODE_WIDTH, draw

names = st.sampled_from([f"s{n}" for n in range(12)])
webs = st.dictionaries(names, st.lists(names, max_size=6), max_size=12)


@given(webs)
def test_no_two_services_lie_on_each_other_and_all_lie_inside(web: dict[str, list[str]]) -> None:
    picture = draw("s0", web)
    for a, b in combinations(picture.nodes, 2):
        assert abs(a.x - b.x) >= NODE_WIDTH or abs(a.y - b.y) >= NODE_HEIGHT
    for node in picture.nodes:
        assert 0 <= node.x <= picture.width - NODE_WIDTH
        assert 0 <= node.y <= picture.height - NODE_HEIGHT
    assert len({node.name for node in picture.nodes}) == len(picture.nodes)


@given(webs)
def test_every_line_is_a_declared_need_between_two_that_are_drawn(web: dict[str, list[str]]) -> None:
    picture = draw("s0", web)
    drawn = {node.name for node in picture.nodes}
    for edge in picture.edges:
        assert edge.needed in web[edge.needer]
        assert {edge.needer, edge.needed} <= drawn


def test_a_cycle_is_drawn_once_and_dashed() -> None:
    picture = draw("a", {"a": ["b"], "b": ["c"], "c": ["a"]})
    assert sorted(node.name for node in picture.nodes) == ["a", "b", "c"]
    assert [(edge.needer, edge.needed) for edge in picture.edges if edge.is_back] == [("c", "a")]


def test_a_service_that_needs_itself_is_still_one() -> None:
    picture = draw("a", {"a": ["a"]})
    assert [node.name for node in picture.nodes] == ["a"] and picture.edges == ()


def test_five_hundred_dependents_are_counted_not_drawn() -> None:
    picture = draw("core", {f"s{n:03}": ["core"] for n in range(500)})
    assert len(picture.nodes) == 1 + MOST_IN_LAYER
    assert picture.left_out == 500 - MOST_IN_LAYER


def test_a_long_name_is_cut_in_the_picture_only() -> None:
    name = "x" * 63
    picture = draw(name, {})
    assert picture.nodes[0].name == name
    assert len(picture.nodes[0].label) <= 20
