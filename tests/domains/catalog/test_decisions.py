"""Cycles, references and sizes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.decisions import find_cycle, parse_size, resolve_references, wrong_reference

GRAPHS = st.dictionaries(st.sampled_from("abcdefg"), st.frozensets(st.sampled_from("abcdefg"), max_size=3))


def reaches_itself(graph: dict[str, frozenset[str]], start: str) -> bool:
    seen: set[str] = set()
    frontier = set(graph.get(start, ()))
    while frontier:
        seen |= frontier
        frontier = {after for each in frontier for after in graph.get(each, ())} - seen
    return start in seen


@given(GRAPHS)
def test_a_cycle_is_found_exactly_when_something_reaches_itself(graph: dict[str, frozenset[str]]) -> None:
    cycle = find_cycle(graph)
    assert (cycle is not None) == any(reaches_itself(graph, each) for each in graph)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(after in graph[before] for before, after in itertools.pairwise(cycle))


def test_references_are_filled_in_where_a_program_is_started() -> None:
    env = {"DSN": "pg://u:${file:/run/pw}@db/${env:NAME}", "PLAIN": "a $5 {price}"}
    filled = resolve_references(env, {"NAME": "shop"}, {"/run/pw": "p${env:NAME}w\n"}.__getitem__)
    assert filled == {"DSN": "pg://u:p${env:NAME}w@db/shop", "PLAIN": "a $5 {price}"}


@pytest.mark.parametrize("text", ["${env:MISSING}", "${file:/missing}"])
def test_a_reference_to_nothing_is_named_without_any_value(text: str) -> None:
    def read(path: str) -> str:
        raise FileNotFoundError(path)

    with pytest.raises(Invalid) as refused:
        resolve_references({"DSN": f"secret{text}"}, {}, read)
    assert refused.value.message == f"DSN refers to {text}, which is not there"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("plain", None),
        ("${env:A}${file:/b}", None),
        ("${HOME}", "${HOME}"),
        ("${env:A} ${vault:x}", "${vault:x}"),
        ("${env:", "${env:"),
        ("${env:}", "${env:}"),
    ],
)
def test_what_only_looks_like_a_reference_is_found(text: str, wrong: str | None) -> None:
    assert wrong_reference(text) == wrong


@pytest.mark.parametrize(("text", "size"), [("1024", 1024), ("512MiB", 536870912), ("1.5 GB", 1500000000)])
def test_a_size_is_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "5 mb", "1e9", "∞"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_size(text)
