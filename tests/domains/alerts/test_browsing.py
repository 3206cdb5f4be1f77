"""The list of alerts: its filter, its facets, its pages, and that every question has an index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.core.priority import PRIORITIES
from staycalm.domains.alerts.browsing.decisions import (
    STATES,
    AlertFilter,
    Heap,
    facets_of,
    parse_filter,
    tally_of,
)
from staycalm.domains.alerts.browsing.queries import WINDOW, count_exactly, count_heaps, list_matching
from staycalm.domains.alerts.pages import _list
from staycalm.domains.alerts.rows import Alert
from staycalm.domains.alerts.story.queries import of_group
from tests.domains.alerts.crowd import ENVIRONMENTS, SERVICES, SOURCES, crowd
from tests.domains.alerts.world import BOB, World
from tests.plans import full_scans

words = st.text(alphabet="ab=& %\u202e<é/+#", max_size=20).map(str.strip)
filters = st.builds(
    AlertFilter,
    state=st.sampled_from(STATES),
    priorities=st.sets(st.sampled_from(PRIORITIES), max_size=3).map(lambda chosen: tuple(sorted(chosen))),
    service=words, environment=words, source=words, team=words, rule=words, q=words,
    label=st.sampled_from(["", "host=db-1", "a.b=", "x=y=z"]),
)  # fmt: skip


@given(filters)
def test_an_address_holds_the_whole_filter(wanted: AlertFilter) -> None:
    assert parse_filter(dict(parse_qsl(wanted.query(), keep_blank_values=True))) == wanted


@pytest.mark.parametrize(
    ("given", "code"),
    [({"state": "odd"}, "bad-state"), ({"label": "no pair"}, "bad-label"), ({"label": '"x"=1'}, "bad-label"),
     ({"priority": "P9"}, "bad-priority")],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(given: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_filter(given)
    assert refused.value.code == code


heaps = st.lists(
    st.builds(
        Heap, priority=st.sampled_from(PRIORITIES), state=st.sampled_from(STATES[1:4]),
        service=st.sampled_from((*SERVICES, "")), environment=st.sampled_from(ENVIRONMENTS),
        source=st.sampled_from(SOURCES), many=st.integers(1, 9),
    ),
    max_size=12,
)  # fmt: skip
chosen = st.builds(
    AlertFilter, state=st.sampled_from(STATES[:4]), priorities=st.sampled_from([(), ("P1",), ("P0", "P3")]),
    service=st.sampled_from(("", *SERVICES)), environment=st.sampled_from(("", *ENVIRONMENTS)),
    team=st.sampled_from(("", "platform")),
)  # fmt: skip


@given(heaps, chosen)
def test_a_facet_counts_what_choosing_it_would_leave(found: list[Heap], wanted: AlertFilter) -> None:
    teams = {"shop": "platform", "site": "platform"}
    for facet in facets_of(tally_of(found, wanted, teams), wanted):
        for choice in facet.choices:
            value: Any = (choice.value,) if facet.name == "priorities" else choice.value
            led = replace(wanted, **{facet.name: value})
            assert choice.many == sum(heap.many for heap in found if _is_meant(heap, led, teams))
            assert choice.is_chosen == (choice.value in (getattr(wanted, facet.name) or ()))


def _is_meant(heap: Heap, wanted: AlertFilter, teams: dict[str, str]) -> bool:
    return (
        wanted.state in ("open", heap.state)
        and (not wanted.priorities or heap.priority in wanted.priorities)
        and wanted.service in ("", heap.service)
        and wanted.environment in ("", heap.environment)
        and wanted.source in ("", heap.source)
        and wanted.team in ("", teams.get(heap.service, ""))
    )


def everything(world: World, wanted: AlertFilter, limit: int) -> list[Alert]:
    found: list[Alert] = []
    cursor = None
    while True:
        page = world.read(list_matching, wanted, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize(
    "wanted",
    [
        AlertFilter(), AlertFilter(priorities=("P0", "P2")), AlertFilter(service="shop"), AlertFilter(q="DB-1"),
        AlertFilter(label="host=db-3"), AlertFilter(rule="disk", source="webhook"), AlertFilter(state="resolved"),
        AlertFilter(state="all", service="site"), AlertFilter(state="all", q="db-7"), AlertFilter(q="alg-1001"),
        AlertFilter(state="all", q="100 % \\_"), AlertFilter(state="acknowledged"),
    ],
)  # fmt: skip
def test_pages_show_every_match_once_and_in_order(world: World, wanted: AlertFilter) -> None:
    world.write(crowd, 45)
    world.write(crowd, 30, is_open=False, first=100, seed=2)
    found = everything(world, wanted, 7)
    every = everything(world, AlertFilter(state="all"), 500)
    expected = {alert.id for alert in every if _matches(alert, wanted)}
    assert [alert.id for alert in found] == list(dict.fromkeys(alert.id for alert in found))
    assert {alert.id for alert in found} == expected
    order = [(a.priority, -int(a.id.replace("-", ""), 16)) if wanted.is_open else a.id for a in found]
    assert order == sorted(order, reverse=not wanted.is_open)
    if wanted.is_open:
        assert world.read(count_exactly, wanted) == len(found)
    counted = world.read(count_heaps, wanted)
    assert tally_of(counted.items, wanted, {}).matching == len(found)


def _matches(alert: Alert, wanted: AlertFilter) -> bool:
    name, _, value = wanted.label.partition("=")
    return all((
        wanted.state in ("all", alert.state) or (wanted.state == "open" and alert.state != "resolved"),
        not wanted.priorities or alert.priority in wanted.priorities,
        wanted.service in ("", alert.service),
        wanted.source in ("", alert.source),
        wanted.rule in ("", alert.rule),
        not name or alert.labels.get(name) == value,
        wanted.q.lower() in alert.summary.lower() or wanted.q.upper() == alert.group_id,
    ))  # fmt: skip


def test_a_search_without_a_match_looks_through_a_bounded_part_and_goes_on(world: World) -> None:
    if world.database.engine.dialect.name != "sqlite":
        pytest.skip("ten thousand rows are written once")
    world.write(crowd, WINDOW + 20, is_open=False)
    oldest = AlertFilter(state="all", q="db-3 is")
    page = world.read(list_matching, oldest, limit=50)
    assert (page.items, page.next_cursor is not None) == ((), True)
    assert len(world.read(list_matching, oldest, limit=50, cursor=page.next_cursor).items) == 1


def test_no_question_of_the_list_reads_all_alerts(world: World) -> None:
    world.write(crowd, 100)
    world.write(crowd, 900, is_open=False, first=1000, seed=3)
    for asked in (
        {}, {"state": "firing", "priority": "P3"}, {"service": "shop", "q": "nothing"}, {"state": "resolved"},
        {"state": "all"}, {"state": "all", "service": "shop"}, {"state": "resolved", "q": "nothing"},
        {"label": "host=db-2"}, {"team": "platform"},
    ):  # fmt: skip
        assert full_scans(world.database, {"alerts", "alert_groups", "events"}, _list, asked) == [], asked


def test_no_question_of_a_group_reads_all_alerts(world: World) -> None:
    world.write(crowd, 300)
    world.raised("disk", actor=BOB)
    assert (
        full_scans(world.database, {"alerts", "alert_groups", "events", "notifications"}, of_group, "ALG-1") == []
    )
