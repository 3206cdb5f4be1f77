"""Standing in for somebody: what an override would change is told before it is made; shifts are swapped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from staycalm.core.errors import Conflict, NotFound
from staycalm.domains.oncall.schedules import covering, queries, service
from staycalm.domains.oncall.schedules.preview import Preview
from tests.domains.oncall.world import ALICE, FILE, World

FIRST, SECOND = "2026-03-04T12:00:00+01:00", "2026-03-11T12:00:00+01:00"


def look(world: World, person: str, start: str, end: str, role: Any = "primary") -> Preview:
    def query(tx: Any) -> Preview:
        wanted = covering.draft(
            tx, schedule="platform", role=role, person=person, starts_at=datetime.fromisoformat(start),
            ends_at=datetime.fromisoformat(end),
        )  # fmt: skip
        return covering.look_ahead(tx, "platform", [wanted])

    found: Preview = world.read(query)
    return found


def test_a_preview_names_both_roles_and_changes_nothing(world: World) -> None:
    found = look(world, "bob", "2026-03-03T12:00:00+01:00", "2026-03-03T18:00:00+01:00")
    assert [(d.role, d.before, d.after) for d in found.differences] == [
        ("primary", "alice", "bob"), ("secondary", "bob", None),
    ]  # fmt: skip
    assert found.warnings == ("nobody backs bob up from Tue 3 Mar 12:00 to Tue 3 Mar 18:00",)
    assert world.read(queries.list_overrides, "platform") == ()


@pytest.mark.parametrize(
    ("person", "start", "end", "warning"),
    [
        ("alice", "2026-03-03T12:00:00+01:00", "2026-03-03T18:00:00+01:00", "nothing changes for alice"),
        ("carol", "2026-03-05T12:00:00+01:00", "2026-03-05T18:00:00+01:00", "bob was put in as primary from Thu"),
    ],
)
def test_what_is_worth_a_second_thought_is_said(
    world: World, person: str, start: str, end: str, warning: str
) -> None:
    world.write(
        service.add_override, ALICE, schedule="platform", role="primary", person="bob",
        starts_at=world.at("2026-03-05T10:00:00+01:00"), ends_at=world.at("2026-03-05T14:00:00+01:00"),
    )  # fmt: skip
    assert any(each.startswith(warning) for each in look(world, person, start, end).warnings)


def test_a_hole_that_stays_and_a_pager_elsewhere_are_said(world: World) -> None:
    other = "  payments: {hand_off: monday 09:00, people: [carol], starts_on: 2026-03-02}\n"
    later = FILE.replace("starts_on: 2026-03-02", "starts_on: 2026-03-05")
    world.apply(later.replace("escalation_policies:", other + "escalation_policies:"))
    world.settle()
    end = "2026-03-05T18:00:00+01:00"
    found = look(world, "carol", "2026-03-04T12:00:00+01:00", end, role="secondary")
    assert "nobody is primary from Wed 4 Mar 12:00 to Thu 5 Mar 00:00" in found.warnings
    assert "carol is primary of payments too, from Wed 4 Mar 12:00" in found.warnings


def test_two_shifts_are_swapped_in_one_transaction_and_undone_one_by_one(world: World) -> None:
    first, second = world.at(FIRST), world.at(SECOND)
    made = world.write(covering.swap, ALICE, schedule="platform", first=first, second=second)
    assert [(o.person, o.reason) for o in made] == [
        ("bob", "swap of alice and bob"),
        ("alice", "swap of alice and bob"),
    ]
    assert world.read(queries.on_call_now, "platform").primary == "bob"
    assert world.read(covering.primary_shift, "platform", second).person == "alice"
    world.forward(days=8)
    assert world.read(queries.on_call_now, "platform").primary == "alice"


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [(FIRST, FIRST, Conflict), (FIRST, "2026-02-20T12:00:00+01:00", NotFound)],
    ids=["the same person", "a shift that is over"],
)
def test_what_cannot_be_swapped_is_refused(world: World, first: str, second: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.write(covering.swap, ALICE, schedule="platform", first=world.at(first), second=world.at(second))
    assert world.read(queries.list_overrides, "platform") == ()


def test_ones_shifts_are_listed_in_order_with_what_is_an_override(world: World) -> None:
    start = world.clock.now() + timedelta(days=1)
    world.write(
        service.add_override, ALICE, schedule="platform", role="primary", person="carol", starts_at=start,
        ends_at=start + timedelta(hours=4),
    )  # fmt: skip
    (only,) = world.read(covering.shifts_of, "carol")
    assert (only.starts_at, only.role, len(only.overrides)) == (start, "primary", 1)
    theirs = world.read(covering.shifts_of, "alice")
    assert [s.role for s in theirs if s.starts_at < start + timedelta(days=8)] == [
        "primary",
        "primary",
        "secondary",
    ]
    assert theirs == tuple(sorted(theirs, key=lambda s: (s.starts_at, s.role)))


def test_an_override_remembers_why_and_who_added_it(world: World) -> None:
    world.write(
        service.add_override, ALICE, schedule="platform", role="primary", person="carol", starts_at=None,
        ends_at=world.clock.now() + timedelta(hours=4), reason="dentist",
    )  # fmt: skip
    (kept,) = world.read(queries.list_overrides, "platform")
    assert (kept.reason, kept.added_by) == ("dentist", "alice")
