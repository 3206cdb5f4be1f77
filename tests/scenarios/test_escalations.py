"""Who is asked, in which order, until somebody has it, or it is said that nobody has."""

from __future__ import annotations

from collections import Counter

from staycalm.ports.errors import OutsideUnavailable
from tests.scenarios.world import World


def people_of_steps(world: World, subject: str = "INC-1") -> list[list[str]]:
    return [e.body["people"] for e in world.log("oncall.step_reached", subject=subject)]


def test_a_p0_pages_the_primary_at_once(office: World) -> None:
    # when somebody reports an emergency
    office.declare("nobody can pay", "P0")
    # then the primary is paged at once, and nobody else
    office.expect_page("alice")
    assert office.paged() == ["alice"]


def test_nobody_answering_goes_from_primary_to_secondary_to_the_last_and_says_so(office: World) -> None:
    # given a policy of three steps and two rounds, when nobody answers
    office.declare("nobody can pay", "P0")
    office.fast_forward(hours=2)
    # then each step was taken once per round
    assert people_of_steps(office) == [["alice"], ["bob"], ["carol"]] * 2
    assert office.paged() == ["alice", "bob", "carol"] * 2
    # and somebody who looks at the alerts reads that nobody answered
    (alert,) = office.alerts("nobody-answered")
    assert alert.priority == "P0" and alert.state == "firing"


def test_who_presses_the_button_in_the_mail_has_the_incident(office: World) -> None:
    # given an emergency that alice was paged for
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=2)
    # when she presses the button in the mail
    assert office.acknowledge("alice") == "yours"
    # then she has it, and nobody is asked any more
    assert office.incident.state == "investigating"
    office.fast_forward(hours=3)
    assert office.paged() == ["alice"]


def test_who_acknowledges_by_api_has_it_too(office: World) -> None:
    # given an emergency, when bob takes it by the API
    office.declare("nobody can pay", "P0")
    office.respond("acknowledge", "bob")
    # then nobody but alice, who was asked first, is ever paged
    office.fast_forward(hours=3)
    assert office.paged() == ["alice"] and office.incident.state == "investigating"


def test_the_secondary_answers_what_the_primary_sleeps_through(office: World) -> None:
    # given a primary who sleeps and a secondary who answers within a minute
    office.answers_after("bob", seconds=60)
    # when there is an emergency
    office.declare("nobody can pay", "P0")
    office.fast_forward(hours=1)
    # then both are asked, one after the other, and it is in hands
    assert office.paged() == ["alice", "bob"]
    assert office.incident.state == "investigating"


def test_a_late_answer_counts_even_after_everybody_was_asked(office: World) -> None:
    # given an emergency that everybody was asked about twice, in vain
    office.declare("nobody can pay", "P0")
    office.fast_forward(hours=2)
    # when somebody answers at last
    assert office.acknowledge("alice") == "yours"
    # then it is theirs, and the alert that nobody answered is over
    assert office.incident.state == "investigating"
    assert [a.state for a in office.alerts("nobody-answered")] == ["resolved"]


def test_the_second_of_two_answers_reads_who_was_first(office: World) -> None:
    # given an emergency that two people were asked about
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=6)
    # when both press the button, then the first has it and the second reads so
    assert office.acknowledge("bob") == "yours"
    assert office.acknowledge("alice") == "taken"


def test_a_p1_is_told_at_once_and_pages_after_a_quarter_of_an_hour(office: World) -> None:
    # when something is urgent, but no emergency
    office.declare("the search is slow", "P1")
    # then the primary gets a notice at once
    assert [m.data["kind"] for m in office.mail("alice")] == ["notice"]
    # and a page only when nobody has taken it after 15 minutes
    office.fast_forward(minutes=14, seconds=59)
    assert office.paged() == []
    office.fast_forward(seconds=1)
    assert office.paged() == ["alice"]


def test_a_p1_answered_within_the_quarter_of_an_hour_pages_nobody(office: World) -> None:
    # given a notice, when it is answered in time
    office.declare("the search is slow", "P1")
    office.fast_forward(minutes=10)
    office.acknowledge("alice")
    # then nobody is paged
    office.fast_forward(hours=2)
    assert office.paged() == []


def test_a_p2_wakes_nobody(office: World) -> None:
    # when something is wrong that can wait
    office.declare("the footer is crooked", "P2")
    office.fast_forward(hours=12)
    # then nobody is paged, however long it waits
    assert office.paged() == []


def test_a_resolved_incident_asks_nobody_any_more(office: World) -> None:
    # given an emergency that alice was paged for, when it is marked as resolved
    office.declare("nobody can pay", "P0")
    office.respond("resolve", "alice", summary="it was a drill")
    # then nobody else is asked
    office.fast_forward(hours=3)
    assert office.paged() == ["alice"]


def test_an_incident_that_gets_worse_pages_from_the_first_step(office: World) -> None:
    # given an incident that pages nobody
    office.declare("the search is slow", "P2")
    # when somebody raises it to an emergency
    office.respond("change_priority", "carol", "", "P0", reason="now it is down")
    # then the primary is paged at once
    office.expect_page("alice")


def test_an_incident_reopened_pages_as_anew(office: World) -> None:
    # given an incident that was answered and resolved
    office.declare("nobody can pay", "P0")
    office.acknowledge("alice")
    office.respond("resolve", "alice", summary="restarted")
    # when it turns out not to be over
    office.respond("reopen", "carol", reason="it is back")
    # then the primary is paged again, for the same incident
    assert office.paged() == ["alice", "alice"]
    assert [i.id for i in office.incidents()] == ["INC-1"]


def test_an_address_that_does_not_exist_leads_to_the_next_way_to_reach_the_person(office: World) -> None:
    # given bob, who has another way to be reached when mail fails for good
    from staycalm.ports.errors import Rejected

    office.outside.email.fail(Rejected("550 no such mailbox"), times=100, address="bob@example.com")
    # when he is to be paged
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=6)
    # then he is reached by the other one, and can answer there
    assert [a.address for a in office.outside.ntfy.arrived] == ["https://ntfy.example/bob"]
    assert office.acknowledge("bob") == "yours"


def test_when_nobody_can_be_reached_by_a_step_the_next_one_does_not_wait(office: World) -> None:
    from staycalm.ports.errors import Rejected

    # given a primary whose address does not exist
    office.outside.email.fail(Rejected("550 no such mailbox"), times=100, address="alice@example.com")
    # when there is an emergency, then the secondary is paged without the wait
    office.declare("nobody can pay", "P0")
    office.expect_page("bob")


def test_a_mail_server_that_is_down_for_five_minutes_delays_the_page_but_loses_it_not(office: World) -> None:
    # given a mail server that is down
    office.outside.email.fail(OutsideUnavailable("connection refused"), times=8, address="alice@example.com")
    # when there is an emergency, then no page arrives
    office.declare("nobody can pay", "P0")
    assert office.paged() == []
    # and it arrives as soon as the server is back
    office.expect_page("alice", within=400)


def test_a_mail_server_that_is_down_for_an_hour_costs_no_page(office: World) -> None:
    """Other channels are used meanwhile; afterwards every mail leaves that somebody may still be waiting for."""
    # given a mail server that is down for an hour of an emergency
    office.outside.email.fail(OutsideUnavailable("connection refused"), times=100_000)
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=59)
    # then whoever has another channel is reached by that one
    assert {each.address for each in office.outside.ntfy.arrived} == {"https://ntfy.example/bob"}
    assert office.paged() == []
    # when it is back, then everybody gets the pages of both rounds, each of them once
    office.outside.email.recover()
    office.fast_forward(minutes=3)
    wanted = {("alice", 2), ("bob", 2), ("carol", 2)}
    assert set(Counter(office.paged()).items()) == wanted
    keys = [each.message.idempotency_key for each in office.outside.email.arrived]
    assert len(keys) == len(set(keys))


def test_a_late_page_is_not_sent_once_somebody_has_it(office: World) -> None:
    # given pages that wait for a mail server, when somebody takes the incident meanwhile
    office.outside.email.fail(OutsideUnavailable("connection refused"), times=100_000)
    office.declare("nobody can pay", "P0")
    office.fast_forward(minutes=30)
    office.acknowledge("bob")
    # then none of them leaves when the server is back
    office.outside.email.recover()
    office.fast_forward(hours=2)
    assert office.paged() == []


def test_a_mail_server_that_hangs_is_given_up_and_tried_again_as_a_possible_duplicate(office: World) -> None:
    # given a mail server that takes the page and does not answer
    office.processes[0].effects_s["oncall.notifications"] = 20.0
    office.declare("nobody can pay", "P0")
    office.fast_forward(seconds=25)
    assert office.paged() == []
    # when it answers again, then the page is sent once more, marked as perhaps the second
    office.processes[0].effects_s.clear()
    office.expect_page("alice", within=60)
    assert office.pages("alice")[0].is_duplicate_possible


def test_an_incident_without_a_service_asks_the_organisations_default(office: World) -> None:
    # when an emergency is of no service in particular
    office.declare("the building burns", "P0", service=None)
    # then the people of the default policy are paged
    assert sorted(office.paged()) == ["alice", "bob", "carol"]


def test_two_emergencies_at_one_moment_are_both_escalated(office: World) -> None:
    # given two emergencies at once, when the newer one is taken
    office.declare("nobody can pay", "P0")
    office.declare("the building burns", "P0", service=None)
    office.acknowledge("carol")
    # then the other goes on through all its steps
    office.fast_forward(hours=2)
    assert people_of_steps(office, "INC-1") == [["alice"], ["bob"], ["carol"]] * 2


def test_a_mail_that_arrived_without_an_answer_is_sent_once_more_and_marked(office: World) -> None:
    # given a page that arrives, but the answer of the mail server is lost
    office.outside.email.lose(address="alice@example.com")
    office.declare("nobody can pay", "P0")
    office.fast_forward(seconds=30)
    # then it is sent once more, and the second says that it may be one
    assert [m.is_duplicate_possible for m in office.pages("alice")] == [False, True]
