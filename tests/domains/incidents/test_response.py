"""What people do about an incident, from the page to the post-mortem."""

from __future__ import annotations

from datetime import timedelta

import pytest

from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.incidents import queries
from staycalm.domains.oncall import public as oncall
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import ALICE, BOB, CAROL


def test_whoever_acknowledges_the_page_has_the_incident(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.forward(minutes=6)
    world.write(oncall.acknowledge, BOB, "INC-1", via="link")
    world.settle()
    assert world.incident.state == "investigating"
    (taken,) = world.told("acknowledged")
    assert (taken.actor, taken.body["by"]) == (BOB, "bob")
    assert world.timeline().count("bob acknowledged (by link)") == 1
    assert "bob acknowledged" not in world.timeline()


def test_acknowledging_the_incident_stops_the_pages(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("acknowledge", BOB)
    world.forward(minutes=30)
    assert world.paged() == ["alice"]
    assert world.incident.state == "investigating"


def test_a_second_acknowledgement_changes_nothing(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("acknowledge", BOB)
    world.respond("acknowledge", ALICE)
    assert [each.body["by"] for each in world.told("acknowledged")] == ["bob"]


def test_an_incident_that_pages_nobody_can_be_taken_too(world: IncidentWorld) -> None:
    world.declare(BOB, "Slow search", "P3")
    world.respond("acknowledge", CAROL)
    assert world.incident.state == "investigating"


def test_a_page_acknowledged_after_the_end_changes_nothing(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("resolve", BOB)
    with pytest.raises(Conflict):
        world.respond("acknowledge", ALICE)
    assert world.incident.state == "resolved"


def test_resolving_stops_the_escalation_and_sets_the_post_mortem_due(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.forward(minutes=1)
    world.respond("mitigate", BOB, how="rolled back by hand")
    world.forward(minutes=1)
    world.respond("resolve", BOB, summary="v3 is out")
    resolved_at = world.clock.now()
    world.forward(hours=2)
    assert world.paged() == ["alice"]
    incident = world.incident
    assert incident.state == "resolved" and incident.resolved_at == resolved_at
    assert incident.impact_ended_at == resolved_at - timedelta(minutes=1)
    due = world.read(queries.find_post_mortem, "INC-1")
    assert (due.kind, due.due_at) == ("full", resolved_at + timedelta(hours=48))


@pytest.mark.parametrize(("priority", "is_due"), [("P0", True), ("P1", True), ("P2", False), ("P3", False)])
def test_a_post_mortem_is_due_after_p0_and_p1(world: IncidentWorld, priority: str, is_due: bool) -> None:
    world.declare(BOB, "x", priority)  # type: ignore[arg-type]
    world.respond("resolve", BOB)
    assert (world.read(queries.find_post_mortem, "INC-1") is not None) == is_due


def test_after_a_minor_rollback_a_short_analysis_is_due(world: IncidentWorld) -> None:
    world.roll_back()
    world.respond("resolve", BOB)
    assert world.read(queries.find_post_mortem, "INC-1").kind == "short"


def test_reopening_goes_on_with_the_same_incident_and_pages(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("resolve", BOB)
    world.forward(hours=1)
    incident, paged = world.respond("reopen", BOB, reason="it is back")
    assert (incident.id, incident.state, paged) == ("INC-1", "triage", ("alice",))
    assert incident.resolved_at is None and incident.impact_ended_at is None
    world.raise_alert("P0", alert_id="alert-2")
    assert len(world.incidents()) == 1


def test_reopening_beside_another_open_incident_keeps_both(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("resolve", BOB)
    world.forward(hours=1)
    world.raise_alert("P0", alert_id="alert-2")
    world.respond("reopen", BOB)
    assert [each.state for each in world.incidents()] == ["triage", "triage"]
    world.raise_alert("P0", alert_id="alert-3")
    (joined,) = world.told("cause_attached")
    assert joined.subject == "INC-2"


def test_raising_the_priority_pages_and_lowering_it_stops(world: IncidentWorld) -> None:
    world.declare(BOB, "Slow search", "P2", service="shop", environment="production")
    incident, paged = world.respond("change_priority", BOB, "INC-1", "P0", reason="checkout too")
    assert (incident.priority, paged) == ("P0", ("alice",))
    world.respond("change_priority", BOB, "INC-1", "P3")
    world.forward(hours=1)
    assert world.paged() == ["alice"]
    assert world.open() is None


def test_the_same_priority_again_is_no_change(world: IncidentWorld) -> None:
    world.declare(BOB, "x", "P2")
    world.respond("change_priority", BOB, "INC-1", "P2")
    assert world.told("priority_changed") == []


def test_roles_have_a_beginning_and_an_end(world: IncidentWorld) -> None:
    world.declare(BOB, "x", "P2")
    began = world.clock.now()
    world.respond("assign_role", BOB, role="commander", person="bob")
    world.respond("assign_role", BOB, role="commander", person="bob")
    world.forward(minutes=30)
    world.respond("assign_role", BOB, role="commander", person="carol")
    world.respond("assign_role", BOB, role="scribe", person="bob")
    world.respond("assign_role", BOB, role="scribe", person=None)
    held = [(each.role, each.person, each.until) for each in world.read(queries.roles_of, "INC-1")]
    handed_over = began + timedelta(minutes=30)
    assert held == [
        ("commander", "bob", handed_over),
        ("commander", "carol", None),
        ("scribe", "bob", handed_over),
    ]
    assert "Incident Commander: carol" in world.timeline()
    assert len(world.told("role_assigned")) == 4


def test_bad_roles_and_people_are_refused(world: IncidentWorld) -> None:
    world.declare(BOB, "x", "P2")
    with pytest.raises(Invalid):
        world.respond("assign_role", BOB, role="boss", person="bob")
    with pytest.raises(NotFound):
        world.respond("assign_role", BOB, role="scribe", person="nobody")


@pytest.mark.parametrize("text", ["", "  \n", "x" * 10_001])
def test_a_note_has_text_and_an_end(world: IncidentWorld, text: str) -> None:
    world.declare(BOB, "x", "P2")
    with pytest.raises(Invalid):
        world.respond("add_note", BOB, "INC-1", text)


def test_notes_are_in_the_timeline(world: IncidentWorld) -> None:
    world.declare(BOB, "x", "P2")
    world.respond("add_note", CAROL, "INC-1", "restarted the cache\nand waited")
    assert world.timeline()[-1] == "carol: restarted the cache and waited"
    (note,) = world.read(queries.notes_of, "INC-1")
    assert note.text == "restarted the cache\nand waited"


def test_a_mitigation_that_does_not_hold(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("mitigate", BOB)
    incident = world.respond("resume_investigation", BOB, reason="errors are back")
    assert incident.state == "investigating" and incident.impact_ended_at is None


def test_an_ended_incident_can_be_closed_and_still_be_reopened(world: IncidentWorld) -> None:
    world.declare(BOB, "x", "P2")
    world.respond("resolve", BOB)
    assert world.respond("close", BOB).state == "closed"
    assert world.respond("reopen", BOB)[0].state == "triage"


@pytest.mark.parametrize("verb", ["mitigate", "resolve", "close", "reopen"])
def test_what_does_not_fit_is_refused_in_words(world: IncidentWorld, verb: str) -> None:
    world.declare(BOB, "x", "P2")
    if verb in ("mitigate", "resolve"):
        world.respond("resolve", BOB)
    with pytest.raises(Conflict) as caught:
        world.respond(verb, BOB)
    assert "INC-1" in caught.value.message and caught.value.next_step


@pytest.mark.parametrize("name", ["INC-1", "inc-1", "1", " INC-1 "])
def test_an_incident_is_found_by_what_people_type(world: IncidentWorld, name: str) -> None:
    world.declare(BOB, "x", "P2")
    assert world.read(queries.get_incident, name).id == "INC-1"


@pytest.mark.parametrize("name", ["INC-2", "", "INC-", "x", "1 OR 1=1", "9" * 40, "١"])
def test_an_unknown_incident_is_not_found(world: IncidentWorld, name: str) -> None:
    world.declare(BOB, "x", "P2")
    with pytest.raises(NotFound):
        world.read(queries.get_incident, name)


def test_the_list_is_paged_and_filtered(world: IncidentWorld) -> None:
    for number, priority in enumerate(("P0", "P2", "P2", "P3"), 1):
        world.declare(BOB, f"t{number}", priority, service="shop")  # type: ignore[arg-type]
    world.respond("resolve", BOB, "INC-2")
    first = world.read(queries.list_incidents, limit=2)
    assert [each.id for each in first.items] == ["INC-4", "INC-3"]
    second = world.read(queries.list_incidents, limit=2, cursor=first.next_cursor)
    assert [each.id for each in second.items] == ["INC-2", "INC-1"] and second.next_cursor is None
    only_open = world.read(queries.list_incidents, limit=9, only_open=True, priority="P2", service="shop")
    assert [each.id for each in only_open.items] == ["INC-3"]
    assert [each.id for each in world.read(queries.open_incidents)] == ["INC-1", "INC-3", "INC-4"]


def test_the_timeline_is_paged_by_cursor_without_loss(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.forward(minutes=20)
    world.respond("resolve", BOB)
    whole = world.read(queries.timeline, "INC-1", limit=500).items
    found, cursor = [], None
    while True:
        page = world.read(queries.timeline, "INC-1", limit=3, cursor=cursor)
        found.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == list(whole) and len(found) > 6


def test_what_the_causes_do_after_the_end_is_not_in_the_timeline(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.respond("resolve", BOB)
    world.forward(hours=1)
    world.end_alert()
    assert world.timeline()[-1] == "Incident resolved"


def test_the_facts_hold_who_was_paged_and_when(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False, detected_after_s=41.0, rollback_took_s=1.0)
    world.raise_alert("P0")
    started = world.clock.now()
    world.forward(minutes=6)
    world.write(oncall.acknowledge, BOB, "INC-1", via="link")
    world.settle()
    world.respond("mitigate", BOB)
    facts = world.read(queries.facts, "INC-1")
    pages = [(page.people, page.at - started) for page in facts.pages if page.is_page]
    assert pages == [(("alice",), timedelta(0)), (("bob",), timedelta(minutes=5))]
    assert facts.acknowledged_by == "bob"
    assert facts.figures.detect_s == 41.0
    assert facts.figures.acknowledge_s == 360.0
    assert facts.figures.recover_s == 42.0 + 360.0


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_priority_that_rises_again_after_a_fall_pages_again(world: IncidentWorld, is_answered: bool) -> None:
    world.declare(BOB, "Slow search", "P0", service="shop", environment="production")
    if is_answered:
        world.respond("acknowledge", ALICE)
    world.forward(hours=2)
    before = world.paged()
    world.respond("change_priority", ALICE, "INC-1", "P1", reason="most of it is back")
    assert world.paged() == before
    world.raise_alert("P0", summary="checkout is down")
    assert world.paged() == [*before, "alice"]
