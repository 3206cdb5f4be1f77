"""Action items: their states, what each needs, how they are listed, and what is told of when it is late."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict, Invalid, NotFound, StayCalmError
from staycalm.core.machine import move
from staycalm.domains.incidents.postmortem import actions, queries
from staycalm.domains.incidents.postmortem.decisions import ActionFilter, overdue_at, parse_day, parse_filter
from staycalm.domains.incidents.postmortem.machine import ACTION
from tests.domains.incidents.aftermath import open_rules, resolved, tell_what_is_late
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import ALICE, BOB

ACTION_STATES, ACTION_VERBS = ("open", "done", "dropped"), ("finish", "drop", "reopen")


def act(world: IncidentWorld, **changed: Any) -> Any:
    values: dict[str, Any] = {"what": "Give retries a budget", "owner": "alice",
                              "due_on": (world.clock.now() + timedelta(days=7)).date()}  # fmt: skip
    return world.write(actions.add, BOB, "INC-1", **{**values, **changed})


@pytest.mark.parametrize("state", ACTION_STATES)
@pytest.mark.parametrize("verb", ACTION_VERBS)
def test_an_action_item_goes_only_where_the_table_leads(state: str, verb: str) -> None:
    leads = {("open", "finish"): "done", ("open", "drop"): "dropped", ("done", "reopen"): "open",
             ("dropped", "reopen"): "open"}  # fmt: skip
    if (state, verb) in leads:
        assert move(ACTION, state, verb) == leads[state, verb]
    else:
        with pytest.raises(Conflict):
            move(ACTION, state, verb)


def test_an_action_item_that_is_late_is_an_alert_until_it_is_settled(world: IncidentWorld) -> None:
    resolved(world)
    item = act(world)
    world.forward(days=9)
    tell_what_is_late(world)
    assert open_rules(world)["action-item-overdue"] == "P3"
    (told,) = world.told("action_item_overdue")
    assert (told.subject, told.body["owner"]) == ("ACT-1", "alice")
    later = (world.clock.now() + timedelta(days=3)).date()
    world.write(actions.change, BOB, item.id, due_on=later)
    assert "action-item-overdue" not in open_rules(world)
    world.forward(days=5)
    tell_what_is_late(world)
    assert "action-item-overdue" in open_rules(world)
    world.write(actions.finish, ALICE, item.id)
    assert "action-item-overdue" not in open_rules(world)
    world.write(actions.reopen, BOB, item.id)
    tell_what_is_late(world)
    assert "action-item-overdue" in open_rules(world)
    world.write(actions.drop, BOB, item.id, reason="switched off")
    assert "action-item-overdue" not in open_rules(world)
    assert world.read(queries.get_action, "act-1").reason == "switched off"


@pytest.mark.parametrize(
    ("due_on", "zone", "end"),
    [("2026-03-28", "Europe/Berlin", "2026-03-28T23:00:00+00:00"),
     ("2026-03-29", "Europe/Berlin", "2026-03-29T22:00:00+00:00"),
     ("2026-12-31", "UTC", "2027-01-01T00:00:00+00:00"),
     ("2026-06-01", "Pacific/Auckland", "2026-06-01T12:00:00+00:00")],
)  # fmt: skip
def test_a_day_ends_where_the_organisation_is(due_on: str, zone: str, end: str) -> None:
    assert overdue_at(date.fromisoformat(due_on), zone).isoformat() == end


def test_a_changed_action_item_is_not_changed_blindly(world: IncidentWorld) -> None:
    resolved(world)
    item = act(world)
    world.write(actions.change, ALICE, item.id, owner="bob", version=item.version)
    with pytest.raises(Conflict, match="changed after you looked"):
        world.write(actions.change, BOB, item.id, what="Something else", version=item.version)
    (told,) = world.told("action_item_changed")
    assert (told.body["owner"], told.body["previous"]) == ("bob", {"owner": "alice"})


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"owner": "nobody-here"}, NotFound), ({"what": "  "}, Invalid), ({"what": "x" * 501}, Invalid),
     ({"kind": "magic"}, Invalid), ({"due_on": date(1999, 1, 1)}, Invalid)],
)  # fmt: skip
def test_an_action_item_needs_words_an_owner_a_day_and_a_kind(
    world: IncidentWorld, changed: dict[str, Any], error: type[StayCalmError]
) -> None:
    resolved(world)
    with pytest.raises(error):
        act(world, **changed)
    assert world.read(queries.actions_of, "INC-1") == ()


def test_lists_are_filtered_and_paged_in_the_order_of_their_days(world: IncidentWorld) -> None:
    resolved(world)
    today = world.clock.now().date()
    for days, owner in ((9, "alice"), (3, "bob"), (5, "alice"), (3, "alice")):
        act(world, due_on=today + timedelta(days=days), owner=owner)
    world.write(actions.finish, BOB, "ACT-3")

    def listed(wanted: ActionFilter) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = world.read(queries.list_actions, wanted, limit=1, cursor=cursor)
            found += [each.id for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    assert listed(ActionFilter()) == ["ACT-2", "ACT-4", "ACT-1"]
    assert listed(ActionFilter(owner="alice")) == ["ACT-4", "ACT-1"]
    assert listed(ActionFilter(state="done")) == ["ACT-3"]
    assert listed(ActionFilter(state="all")) == ["ACT-4", "ACT-3", "ACT-2", "ACT-1"]
    world.forward(days=5)
    assert listed(ActionFilter(state="overdue")) == ["ACT-2", "ACT-4"]
    assert listed(ActionFilter(incident="INC-9")) == []


@given(st.dictionaries(st.sampled_from(["state", "owner", "incident", "kind"]), st.text(max_size=30)))
def test_an_address_is_read_back_as_the_filter_it_came_from(values: dict[str, str]) -> None:
    wanted = parse_filter(values)
    assert parse_filter(dict(parse_qsl(wanted.query()))) == wanted


def test_a_day_is_written_as_iso_8601() -> None:
    assert parse_day(" 2026-03-31 ") == date(2026, 3, 31)
    for wrong in ("31.3.2026", "", "2026-02-30", "soon"):
        with pytest.raises(Invalid):
            parse_day(wrong)
