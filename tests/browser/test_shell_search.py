"""What is found for what is typed, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.ids import Ids
from staycalm.web.matching import best, rank
from staycalm.web.overview import Wanted, wanted_of
from staycalm.web.search import MOST_FOUND, find
from tests.conftest import drive

pytestmark = pytest.mark.timeout(400)
WORDS = st.text(alphabet="abcdefgh -/", min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("typed", "text", "cost"),
    [
        ("shop", "shop", 0), ("SHOP ", "Shop", 0), ("sh", "shop", 1), ("pay", "card payments", 2),
        ("op", "shop", 3),
        ("pyts", "payments", 14), ("inc1", "INC-1", 11), ("shpo", "shop", None), ("x", "shop", None),
        ("ab", "axxxxxxxxxb", None),
    ],
)  # fmt: skip
def test_the_better_fit_costs_less(typed: str, text: str, cost: int | None) -> None:
    assert rank(typed, text) == cost


@given(WORDS, st.integers(0, 29), st.integers(1, 30))
def test_any_part_of_a_name_finds_it(text: str, start: int, length: int) -> None:
    part = " ".join(text[start : start + length].split())
    if part and part in " ".join(text.split()) and part in text:
        cost = rank(part, text)
        assert cost is not None and cost <= 3


@given(WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=20), st.integers(1, 5))
def test_the_best_come_first_and_no_more_than_asked_for(
    typed: str, names: list[tuple[str, str]], limit: int
) -> None:
    found = best(typed, names, lambda each: each, limit=limit)
    assert len(found) <= limit
    exact = [each for each in names if " ".join(typed.split()) == each[0]]
    if exact and typed.strip():
        assert found[0][0] == exact[0][0]
    if not typed.strip():
        assert found == names[:limit]


@settings(max_examples=50)
@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 99_999))
def test_a_live_topic_carries_the_filter_of_its_page(q: str, environment: str, page: int) -> None:
    wanted = Wanted(q, environment, page)
    assert wanted_of(wanted.key) == wanted


@pytest.mark.parametrize("key", ["all", "nonsense", "page=-1", "page=x&q=", "page=999999999"])
def test_a_topic_of_nonsense_is_no_filter(key: str) -> None:
    assert wanted_of(key) == Wanted()


@pytest.fixture(scope="module")
def story(told: Path) -> Iterator[Database]:
    clock = SystemClock()
    database = Database(f"sqlite:///{told / 'staycalm.db'}", clock, Ids(clock), inline=True)
    yield database
    database.close()


def kinds(story: Database, typed: str, role: str) -> set[str]:
    return {each.kind for each in drive(story.read(find, typed, [role]))}


def test_everything_is_found_by_name_or_id(story: Database) -> None:
    for typed, kind, url in [
        ("payments", "service", "/services/payments"), ("inc-1", "incident", "/incidents/INC-1"),
        ("DEP-6", "deployment", "/deployments/DEP-6"), ("alice", "person", "/people/alice"),
        ("settings", "page", "/settings"), ("declare", "action", "/incidents#declare"),
    ]:  # fmt: skip
        first = drive(story.read(find, typed, ["admin"]))[0]
        assert (first.kind, first.url) == (kind, url)


def test_nobody_finds_what_their_pages_would_refuse(story: Database) -> None:
    assert kinds(story, "", "ci") <= {"page", "service", "deployment", "action"}
    for typed in ("INC-1", "alice", "disk", "platform"):
        assert kinds(story, typed, "ci") & {"incident", "person", "alert", "team"} == set()
    assert "incident" in kinds(story, "INC-1", "support")
    assert kinds(story, "payments", "nobody") <= {"page", "action"}


def test_the_answer_is_bounded(story: Database) -> None:
    assert len(drive(story.read(find, "", ["admin"]))) == MOST_FOUND
