"""Who has an incident now, and, round by round, who was asked and what they did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.actor import Actor
from staycalm.core.events import LogEntry
from staycalm.domains.incidents import pages
from staycalm.domains.incidents.machine import State
from staycalm.domains.incidents.people.decisions import ANEW, ANSWERED, Round, Standing, rounds, standing
from staycalm.domains.incidents.people.queries import standings
from staycalm.domains.incidents.queries import open_incidents
from staycalm.domains.incidents.report.facts import Holder
from staycalm.domains.oncall.public import Delivery
from tests.domains.incidents.stories import BOB, START
from tests.domains.incidents.world import IncidentWorld

ALICE, CAROL = Actor("person", "alice", "Alice"), Actor("person", "carol", "Carol")


def entry(seq: int, name: str, **body: str) -> LogEntry:
    at = START + timedelta(minutes=seq)
    return LogEntry(seq, at, BOB, name, 1, "INC-1", None, None, body)


TAKEN, AGAIN = entry(1, "incidents.acknowledged", by="bob"), entry(2, "incidents.reopened", reason="503 again")
TAKEN_ANEW = entry(3, "incidents.acknowledged", by="carol")
EARLY, LATE = (Holder("commander", "alice", START + timedelta(minutes=n), None) for n in (1, 3))


@pytest.mark.parametrize(
    ("state", "taken", "reopened", "commander", "holder"),
    [
        ("triage", None, None, None, None),
        ("triage", None, None, EARLY, None),
        ("investigating", TAKEN, None, None, "bob"),
        ("investigating", TAKEN, None, EARLY, "alice"),
        ("triage", TAKEN, AGAIN, EARLY, None),
        ("mitigated", TAKEN, AGAIN, EARLY, None),
        ("investigating", TAKEN_ANEW, AGAIN, EARLY, "carol"),
        ("investigating", TAKEN_ANEW, AGAIN, LATE, "alice"),
        ("mitigated", None, None, None, None),
    ],
)
def test_the_commander_has_it_or_who_acknowledged_since_it_came_back(
    state: State, taken: LogEntry | None, reopened: LogEntry | None, commander: Holder | None, holder: str | None
) -> None:
    told = standing(state, taken=taken, reopened=reopened, commander=commander)
    assert told.holder == holder
    assert told.reopened_because == ("503 again" if reopened else "")


def test_a_list_of_incidents_is_told_with_who_has_each(world: IncidentWorld) -> None:
    world.declare(ALICE, "First", "P2")
    world.declare(ALICE, "Second", "P2")
    world.declare(ALICE, "Third", "P2")
    world.respond("acknowledge", BOB, "INC-1")
    world.respond("acknowledge", BOB, "INC-2")
    world.clock.advance(minutes=1)
    world.respond("assign_role", BOB, "INC-2", role="commander", person="carol")
    world.respond("resolve", BOB, "INC-1")
    world.clock.advance(minutes=1)
    reopened_at = world.clock.now()
    world.respond("reopen", ALICE, "INC-1", reason="503 again")
    assert world.read(lambda tx: standings(tx, open_incidents(tx))) == {
        "INC-1": Standing(None, reopened_at, "503 again"), "INC-2": Standing("carol"), "INC-3": Standing(),
    }  # fmt: skip


def told(found: tuple[Round, ...]) -> list[list[tuple[str, str]]]:
    return [[(each.person, each.outcome) for each in one.people] for one in found]


def test_a_reopened_incident_tells_each_round_by_itself_the_newest_first(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.clock.advance(minutes=6)
    world.settle()
    world.respond("acknowledge", BOB, "INC-1", via="web")
    world.respond("resolve", BOB)
    world.clock.advance(minutes=1)
    world.respond("reopen", CAROL, reason="503 again")
    shown = world.read(pages._view, "INC-1")
    assert told(shown.rounds) == [
        [("alice", "no answer yet")], [("alice", "no answer"), ("bob", "acknowledged")],
    ]  # fmt: skip
    assert (shown.rounds[0].is_reopening, shown.rounds[0].why) == (True, "503 again")
    answered = shown.rounds[1].people[1]
    assert (answered.answer, answered.answered_after_s is not None) == ("web", True)
    assert all(each.delivered_at is not None for one in shown.rounds for each in one.people)
    world.respond("acknowledge", CAROL, "INC-1", via="web")
    newest = world.read(pages._view, "INC-1").rounds[0]
    assert told((newest,)) == [[("alice", "no answer")]]
    assert newest.taken_by == "carol"


def message(person: str, at: int, kind: str, state: str) -> Delivery:
    queued_at = START + timedelta(minutes=at)
    ended_at = queued_at if state in ("sent", "failed", "cancelled") else None
    return Delivery(
        f"{person}{at}", kind, "INC-1", person, "0.0.1", "email", "", state, 1, False, queued_at, ended_at, None
    )


@pytest.mark.parametrize(
    ("kind", "state", "goes_on", "outcome"),
    [
        ("page", "sent", True, "no answer yet"), ("page", "sent", False, "no answer"),
        ("page", "failed", True, "not delivered"), ("page", "sending", True, "on its way"),
        ("page", "cancelled", False, "not sent any more"), ("notice", "sent", True, "told"),
    ],
)  # fmt: skip
def test_what_somebody_did_who_did_not_answer(kind: str, state: str, goes_on: bool, outcome: str) -> None:
    sent = [message("bob", 0, kind, state)]
    assert told(rounds(sent, [], declared_at=START, goes_on=goes_on)) == [[("bob", outcome)]]


@given(
    st.lists(
        st.tuples(st.sampled_from(["alice", "bob"]), st.integers(0, 20), st.sampled_from(["sent", "failed"]))
    ),
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([*ANEW, *ANSWERED])), max_size=8),
)
def test_every_message_and_every_beginning_stands_in_one_round(
    sent: list[tuple[str, int, str]], happened: list[tuple[int, str]]
) -> None:
    deliveries = [message(person, at, "page", state) for person, at, state in sent]
    asking = [
        replace(entry(at, name, person="bob", by="bob"), seq=n) for n, (at, name) in enumerate(sorted(happened))
    ]
    found = rounds(deliveries, asking, declared_at=START, goes_on=True)
    kept = [each for one in found for person in one.people for each in person.messages]
    assert sorted(each.id for each in kept) == sorted(each.id for each in deliveries)
    beginnings = {START, *(each.at for each in asking if each.name in ANEW)}
    assert [one.began_at for one in found] == sorted(beginnings, reverse=True)
