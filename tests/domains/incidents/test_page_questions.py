"""What the pages of incidents ask: the filtered list, what changed before, who answered, and by which index."""

from __future__ import annotations

from typing import Any

import pytest

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.events import FileApplied, PlacementChanged
from staycalm.domains.deployments.events import WeightShifted
from staycalm.domains.incidents import pages
from staycalm.domains.incidents.around.queries import changes_before
from staycalm.domains.incidents.listing.decisions import IncidentFilter, parse_filter
from staycalm.domains.incidents.listing.queries import list_matching
from staycalm.domains.incidents.model import incidents
from staycalm.domains.incidents.queries import get_incident
from staycalm.domains.incidents.service import add_note
from staycalm.kit.database import Tx
from tests.domains.incidents.stories import BOB
from tests.domains.incidents.world import IncidentWorld
from tests.plans import full_scans

LARGE = {"incidents", "incident_causes", "incident_notes", "incident_roles", "events", "notifications"}


def many(tx: Tx, count: int) -> None:
    tx.execute(incidents.insert(), [_row(tx, n) for n in range(1, count + 1)])


def _row(tx: Tx, n: int) -> dict[str, Any]:
    return {
        "id": f"INC-{n}", "number": n, "open_placement": None, "title": f"Trouble {n}", "priority": f"P{n % 4}",
        "state": "resolved" if n % 10 else "triage", "service": ("shop", "payments")[n % 2],
        "environment": "production", "declared_by": "system:staycalm", "declared_at": tx.now,
        "impact_started_at": None, "detected_at": None, "impact_ended_at": None, "resolved_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, range(1, 101)),
        ({"state": "open"}, range(10, 101, 10)),
        ({"state": "triage", "priority": "SEV1"}, range(20, 101, 20)),
        ({"service": "payments", "q": "ble 1"}, [1, 11, 13, 15, 17, 19]),
        ({"q": "inc-42"}, [42]),
        ({"q": "no%"}, []),
        ({"environment": "staging"}, []),
    ],
)
def test_the_list_holds_what_matches_the_newest_first(
    world: IncidentWorld, asked: dict[str, str], numbers: range | list[int]
) -> None:
    world.write(many, 100)
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = world.read(list_matching, parse_filter(asked), limit=9, cursor=cursor)
        found += [each.number for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == sorted(numbers, reverse=True)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(Invalid):
        parse_filter({"state": "odd"})


def test_what_changed_just_before_is_told_nearest_first_and_a_rollout_once(world: IncidentWorld) -> None:

    def shifted(subject: str, weight: float, **where: Any) -> WeightShifted:
        place = {"service": "shop", "environment": "production"} | where
        return WeightShifted(subject=subject, weight=weight, previous_weight=0, step=1, generation=1, **place)

    world.happen(shifted("DEP-0", 5))
    world.clock.advance(hours=3)
    world.happen(FileApplied(subject="catalog", file="staycalm.yaml", added=1, changed=2, removed=0))
    world.clock.advance(minutes=5)
    world.happen(PlacementChanged(subject="placement/shop@staging", service="shop", environment="staging",
                                  kind="changed", detail="instances 1 → 2"))  # fmt: skip
    world.happen(shifted("DEP-9", 5, service="payments"), shifted("DEP-1", 5))
    world.clock.advance(minutes=1)
    world.happen(shifted("DEP-1", 25))
    world.clock.advance(seconds=30)
    world.raise_alert("P0")
    world.clock.advance(minutes=1)
    world.happen(shifted("DEP-1", 50))
    found = world.read(lambda tx: changes_before(tx, get_incident(tx, "INC-1")))
    assert [(c.subject, c.before_s, c.is_here) for c in found] == [
        ("DEP-1", 30.0, True), ("placement/shop@staging", 90.0, False), ("catalog", 390.0, False),
    ]  # fmt: skip
    assert found[0].text == "Candidate of DEP-1 at 25 % of traffic"
    again = world.read(lambda tx: changes_before(tx, get_incident(tx, "INC-1"), reopened_at=world.clock.now()))
    assert again[0].text == "Candidate of DEP-1 at 50 % of traffic"


def test_a_note_keeps_its_lines_on_the_page(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.write(add_note, BOB, "INC-1", "first line\n\nthird line " + "x" * 4000)
    shown = world.read(pages._view, "INC-1")
    (note,) = [entry for entry in shown.timeline if entry.kind == "note"]
    assert note.note is not None
    assert note.note.startswith("first line\n\nthird line")
    assert (len(note.note) > 4000, len(note.text) <= 300) == (True, True)


def test_no_question_of_the_pages_reads_all_incidents_or_events(world: IncidentWorld) -> None:
    world.write(many, 300)
    world.write(lambda tx: [tx.next_number("INC") for _ in range(300)])
    world.raise_alert("P0")
    newest = world.read(list_matching, IncidentFilter(), limit=1).items[0].id
    assert full_scans(world.database, LARGE, pages._view, newest) == []
    for asked in ({}, {"state": "open"}, {"priority": "P1"}, {"q": "nothing"}, {"service": "shop"}):
        assert full_scans(world.database, LARGE, pages._list, parse_filter(asked)) == [], asked
