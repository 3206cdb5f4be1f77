"""Messages: sent once, tried again, given up for the next contact method, marked when they may be repeats."""

from __future__ import annotations

import pytest

from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.contacts import queries as contact_queries
from staycalm.domains.oncall.contacts import service as contacts
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.retention import retention_rules
from staycalm.kit.database.retention import sweep
from staycalm.ports.errors import OutsideUnavailable, Rejected, Unconfirmed
from tests.domains.oncall.world import ALICE, BOB, FILE, World

METHODS = """    contact_methods:
      - ntfy: https://ntfy.example/alice
      - email: alice@home.example
        after: 2m
      - webhook: https://hooks.example/alice
        after: failure
"""
WITH_METHODS = FILE.replace(
    "  alice: {name: Alice, email: alice@example.com}\n",
    "  alice:\n    name: Alice\n    email: alice@example.com\n" + METHODS,
)


def states(world: World, subject: str = "INC-1") -> list[tuple[str, str, int]]:
    return [(d.channel, d.state, d.attempts) for d in world.read(oncall.pages_for, subject)]


def test_a_page_leaves_with_what_to_do_and_a_link_of_our_own_address(world: World) -> None:
    world.start("P0")
    world.settle()
    (message,) = world.email.to("alice@example.com")
    assert message.subject == "[P0] shop@production: Service down (INC-1)"
    first, link = message.text.splitlines()[:2]
    assert first == "Acknowledge within 5m, or the next person is paged."
    assert link.startswith("https://calm.example/ack/sc_ack_")
    assert message.action_url == link
    assert not message.is_duplicate_possible
    (event,) = world.events("notification_sent")
    assert (event.body["person"], event.body["channel"], event.body["attempt"]) == ("alice", "email", 1)


def test_a_passing_failure_is_tried_again_with_growing_waits(world: World) -> None:
    world.email.fail(OutsideUnavailable("no route"), times=3)
    world.start("P0")
    world.forward(seconds=4)
    assert states(world) == [("email", "pending", 1)]
    world.forward(seconds=1)
    assert states(world) == [("email", "pending", 2)]
    world.forward(seconds=10)
    assert states(world) == [("email", "pending", 3)]
    world.forward(seconds=20)
    assert states(world) == [("email", "sent", 4)]
    assert [e.body["is_final"] for e in world.events("notification_failed")] == [False, False, False]
    assert not world.email.arrived[0].message.is_duplicate_possible


def test_an_unconfirmed_send_is_repeated_with_a_mark(world: World) -> None:
    world.email.fail(Unconfirmed("the answer to DATA never came"))
    world.start("P0")
    world.forward(seconds=5)
    (message,) = world.email.to("alice@example.com")
    assert message.is_duplicate_possible and message.subject.endswith("(repeat)")


def test_a_crash_between_send_and_record_leads_to_one_marked_duplicate(world: World) -> None:
    world.email.lose_process_after_next()
    world.start("P0")
    world.forward(minutes=4)
    first, second = world.email.to("alice@example.com")
    assert not first.is_duplicate_possible and second.is_duplicate_possible
    assert first.idempotency_key == second.idempotency_key
    assert states(world) == [("email", "sent", 2)]


def test_a_step_whose_messages_all_failed_does_not_wait(world: World) -> None:
    world.email.fail(Rejected("no such mailbox"), address="alice@example.com")
    world.start("P0")
    world.settle()
    assert world.paged() == ["bob"]
    assert world.steps() == [(0, 1, ["alice"]), (0, 2, ["bob"])]
    (failed,) = world.events("notification_failed")
    assert failed.body["is_final"] and failed.body["is_unreached"]


def test_a_page_that_cannot_be_delivered_is_given_up_at_its_deadline_and_tried_on(world: World) -> None:
    world.email.fail(OutsideUnavailable("no route"), times=1000, address="carol@example.com")
    world.apply(FILE + "  only-carol: {rounds: 1, steps: [{page: person carol, wait: 12h}]}\n")
    world.start("P0", policy="only-carol", service=None)
    world.forward(minutes=10)
    assert [e.body["is_unreached"] for e in world.events("notification_failed") if e.body["is_final"]] == [True]
    (exhausted,) = world.events("escalation_exhausted")
    assert exhausted.body["people"] == ["carol"]
    world.email.recover()
    world.forward(minutes=2)
    assert world.paged() == ["carol"]
    assert [state for _, state, _ in states(world)] == ["sent"]


def test_contact_methods_are_used_with_their_delays_until_somebody_answers(world: World) -> None:
    world.apply(WITH_METHODS)
    world.start("P0")
    world.forward(minutes=1)
    assert states(world) == [
        ("ntfy", "sent", 1),
        ("email", "pending", 0),
        ("webhook", "cancelled", 0),
    ]
    world.forward(minutes=1)
    assert [m.data["person"] for m in world.email.to("alice@home.example")] == ["alice"]


def test_an_answer_stops_the_contact_methods_that_were_still_waiting(world: World) -> None:
    world.apply(WITH_METHODS)
    world.start("P0")
    world.settle()
    world.write(oncall.acknowledge, ALICE, "INC-1")
    world.forward(hours=1)
    assert len(world.channels["ntfy"].arrived) == 1
    assert world.email.arrived == []


def test_the_next_contact_method_is_used_at_once_when_one_fails_for_good(world: World) -> None:
    world.apply(WITH_METHODS)
    world.channels["ntfy"].fail(Rejected("topic is gone"))
    world.email.fail(Rejected("mailbox is gone"))
    world.start("P0")
    world.settle()
    assert states(world) == [("ntfy", "failed", 1), ("email", "failed", 1), ("webhook", "sent", 1)]
    assert world.steps() == [(0, 1, ["alice"])]


def test_a_notice_uses_the_first_contact_method_and_the_next_only_on_failure(world: World) -> None:
    world.apply(WITH_METHODS)
    world.start("P1")
    world.forward(minutes=10)
    assert states(world) == [("ntfy", "sent", 1), ("email", "cancelled", 0), ("webhook", "cancelled", 0)]


def test_a_page_that_was_being_sent_when_somebody_answered_is_not_tried_again(world: World) -> None:
    world.email.lose_process_after_next()
    world.start("P0")
    world.settle()
    world.write(oncall.acknowledge, BOB, "INC-1")
    world.forward(minutes=10)
    assert len(world.email.arrived) == 1
    assert states(world) == [("email", "cancelled", 1)]


def test_a_late_answer_of_an_earlier_try_does_not_disturb_the_repeat(world: World) -> None:
    runner = world.engine.runners[1].reconciler
    world.start("P0")
    (id,) = world.read(runner.due, 10)
    first = world.write(runner.plan, id)
    world.clock.advance(seconds=world.settings.send_lease_s)
    second = world.write(runner.plan, id)
    world.write(runner.settle, id, first, OutsideUnavailable("late"))
    assert states(world) == [("email", "sending", 2)]
    assert second.message.is_duplicate_possible


def test_after_a_long_outage_a_page_is_still_sent(world: World) -> None:
    world.start("P0")
    world.clock.advance(hours=3)
    world.settle()
    assert world.paged()[0] == "alice"


def test_p0_pages_leave_before_p1_pages_and_notices(world: World) -> None:
    world.write(oncall.notify, subject="DEP-1", title="done", key="k", person="carol", priority="P0")
    world.start("P1", "INC-1")
    world.start("P0", "INC-2", service=None)
    runner = world.engine.runners[1].reconciler
    order = []
    for id in world.read(runner.due, 10):
        order.append(world.write(runner.plan, id).message.data["kind"])
    assert order == ["page", "page", "page", "notice", "notice"]


def test_a_missing_channel_is_a_final_failure_that_says_what_to_do(world: World) -> None:
    world.apply(WITH_METHODS)
    del world.channels["ntfy"]
    world.start("P0")
    world.settle()
    delivery = next(d for d in world.read(oncall.pages_for, "INC-1") if d.channel == "ntfy")
    assert delivery.state == "failed" and "add one to its settings" in delivery.last_error


def test_a_notice_is_told_once_per_person_and_key(world: World) -> None:
    told = {"subject": "DEP-3", "title": "Rolled back", "text": "v3 had errors", "service": "shop"}
    assert world.write(oncall.notify, key="rolled-back", **told) == ("alice",)
    assert world.write(oncall.notify, key="rolled-back", **told) == ()
    assert world.write(oncall.notify, key="other", person="bob", **told) == ("bob",)
    world.settle()
    (message,) = world.email.to("alice@example.com")
    assert "Nobody has to acknowledge it." in message.text.splitlines()[0]
    assert "Rolled back" in message.text
    assert "/ack/" not in message.text


def test_a_test_page_arrives_and_shows_the_method_to_work(world: World) -> None:
    (method,) = world.read(contact_queries.methods_of, "alice")
    assert (method.managed_by, method.health) == ("account", "untested")
    world.write(notifications.send_test, method)
    world.settle()
    assert world.email.arrived[0].message.subject.startswith("[Test] StayCalm test page")
    (method,) = world.read(contact_queries.methods_of, "alice")
    assert (method.managed_by, method.health) == ("account", "working")


def test_a_declared_method_takes_the_place_of_the_account_address(world: World) -> None:
    added = world.write(
        contacts.add_method, ALICE, person="alice", kind="webhook", address="https://hooks.example/secret"
    )
    assert world.read(contact_queries.methods_of, "alice") == (added,)
    assert added.shown_address == "hooks.example (path hidden)"
    world.write(contacts.remove_method, ALICE, added.id)
    assert [m.managed_by for m in world.read(contact_queries.methods_of, "alice")] == ["account"]


def test_the_account_address_can_be_declared_after_it_was_used(world: World) -> None:
    (method,) = world.read(contact_queries.methods_of, "alice")
    world.write(notifications.send_test, method)
    world.settle()
    added = world.write(contacts.add_method, ALICE, person="alice", kind="email", address="alice@example.com")
    world.write(notifications.send_test, method)
    world.settle()
    (known,) = world.read(contact_queries.methods_of, "alice")
    assert (known.id, known.health) == (added.id, "working")


def test_one_address_is_declared_once(world: World) -> None:
    values = {"person": "alice", "kind": "ntfy", "address": "https://ntfy.example/a"}
    world.write(contacts.add_method, ALICE, **values)
    with pytest.raises(Conflict):
        world.write(contacts.add_method, ALICE, **values)


@pytest.mark.parametrize(
    ("kind", "address"),
    [("email", "alice"), ("email", "a b@example.com"), ("webhook", "ftp://x"), ("ntfy", "topic"), ("ntfy", "")],
)
def test_a_bad_address_is_refused_in_words(world: World, kind: str, address: str) -> None:
    with pytest.raises(Invalid):
        world.write(contacts.add_method, ALICE, person="alice", kind=kind, address=address)


def test_a_contact_method_of_nobody_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.write(contacts.add_method, ALICE, person="zoe", kind="email", address="z@example.com")
    with pytest.raises(NotFound):
        world.read(contact_queries.get_method, "nothing")


def test_old_rows_go_and_what_is_open_stays(world: World) -> None:
    world.start("P0", "INC-1")
    world.start("P0", "INC-2")
    world.settle()
    world.write(oncall.stop_escalation, ALICE, "INC-1", "resolved")
    world.write(oncall.acknowledge, ALICE, "INC-2")
    rules = retention_rules(world.settings)
    assert world.write(sweep, rules) == 0
    world.clock.advance(days=401)
    assert world.write(sweep, rules) == 5  # two messages, their two links, one stopped escalation
    assert world.open("INC-2") is not None and world.read(oncall.pages_for, "INC-1") == ()


def test_the_log_of_an_address_with_a_secret_path_shows_its_host_alone() -> None:
    method = ContactMethod("m", "alice", "ntfy", "https://ntfy.sh/very-secret-topic")
    assert "secret" not in method.shown_address
