"""On-call's part of staycalm.yaml: applied once, planned in words, refused with the line."""

from __future__ import annotations

import pytest

from staycalm.domains.oncall.contacts.queries import methods_of
from staycalm.domains.oncall.policies.decisions import Step, Target
from staycalm.domains.oncall.policies.queries import get_policy
from staycalm.domains.oncall.schedules.queries import get_schedule
from tests.domains.oncall.world import FILE, World

PEOPLE = "people:\n  alice: {name: Alice, email: a@example.com}\n  bob: {name: Bob, email: b@example.com}\n"


def test_the_file_says_who_is_on_call_and_who_is_paged(world: World) -> None:
    schedule = world.read(get_schedule, "platform").schedule
    assert (schedule.time_zone, schedule.rotation.people) == ("Europe/Berlin", ("alice", "bob"))
    policy = world.read(get_policy, "shop")
    assert policy.rounds == 2
    assert policy.steps[1] == Step((Target("schedule", "platform", "secondary"),), 300.0)
    assert policy.steps[2] == Step((Target("person", "carol"),), 600.0)


def test_applying_the_same_file_again_changes_nothing(world: World) -> None:
    before = len(world.events("schedule_changed", "policy_changed", "contact_method_changed"))
    assert world.apply() == ()
    assert len(world.events("schedule_changed", "policy_changed", "contact_method_changed")) == before


def test_the_plan_says_what_would_change(world: World) -> None:
    text = FILE.replace("people: [alice, bob]", "people: [alice, carol]").replace("rounds: 2", "rounds: 1")
    text = text.replace("starts_on: 2026-03-02}", "starts_on: 2026-03-02}\n  night: {people: [bob]}")
    found = {(c.kind, c.what): c.detail for c in world.plan(text)}
    assert found == {
        ("add", "schedule night"): "bob",
        ("change", "schedule platform"): "people alice, bob → alice, carol",
        ("change", "escalation policy shop"): (
            "primary of platform, 5m; secondary of platform, 5m; person carol, 10m (2 times)"
            " → primary of platform, 5m; secondary of platform, 5m; person carol, 10m"
        ),
    }


def test_what_is_gone_from_the_file_is_removed_and_said_so(world: World) -> None:
    text = (
        FILE[: FILE.index("schedules:")]
        .replace(", escalation_policy: default", "")
        .replace(", escalation_policy: shop", "")
    )
    removed = [c.what for c in world.plan(text) if c.kind == "remove"]
    assert removed == ["schedule platform", "escalation policy default", "escalation policy shop"]
    world.apply(text)
    assert world.apply(text) == ()


BOB = "  bob: {name: Bob, email: bob@example.com}\n"
BOB_WITH_METHODS = """  bob:
    name: Bob
    email: bob@example.com
    contact_methods:
      - ntfy: https://ntfy.example/secret
      - {email: b@example.com, after: 2m}
      - {webhook: https://hooks.example/x, after: failure}
"""


def test_contact_methods_stand_under_their_person(world: World) -> None:
    text = FILE.replace(BOB, BOB_WITH_METHODS)
    planned = [c.what for c in world.plan(text)]
    assert planned == [
        "contact method of bob: ntfy ntfy.example (path hidden)",
        "contact method of bob: email b@example.com",
        "contact method of bob: webhook hooks.example (path hidden)",
    ]
    world.apply(text)
    found = [(m.kind, m.after_s, m.managed_by) for m in world.read(methods_of, "bob")]
    assert found == [("ntfy", 0.0, "file"), ("email", 120.0, "file"), ("webhook", None, "file")]
    ids = [m.id for m in world.read(methods_of, "bob")]
    world.apply(text.replace("after: 2m", "after: 3m"))
    assert [(m.id, m.after_s) for m in world.read(methods_of, "bob")] == list(
        zip(ids, [0.0, 180.0, None], strict=True)
    )
    world.apply()
    assert [m.managed_by for m in world.read(methods_of, "bob")] == ["account"]


def test_without_a_start_the_rotation_starts_on_the_day_it_is_first_applied(world: World) -> None:
    text = FILE.replace("escalation_policies:", "  night: {people: [bob, carol]}\nescalation_policies:")
    world.apply(text)
    assert world.read(get_schedule, "night").schedule.rotation.starts_on.isoformat() == "2026-03-02"
    world.forward(days=9)
    assert world.plan(text) == ()


SCHEDULE = "schedules:\n  platform: {people: [alice, bob]}\n"
BAD = [
    ("schedules:\n  platform: {people: [zoe]}\n", 4, "there is no person 'zoe'"),
    ("schedules:\n  platform: {people: []}\n", 4, "the rotation is empty"),
    ("schedules:\n  platform: {people: [alice, alice]}\n", 4, "a second time"),
    ("schedules:\n  platform: {hand_off: moonday 9, people: [alice]}\n", 4, "is not a hand-off"),
    ("schedules:\n  platform: {rotation: daily, hand_off: monday 09:00, people: [alice]}\n", 4, "not a hand-off"),
    ("schedules:\n  platform: {time_zone: Europe/Atlantis, people: [alice]}\n", 4, "is not a time zone"),
    ("schedules:\n  platform: {starts_on: soon, people: [alice]}\n", 4, "is not a day"),
    ("schedules:\n  platform: {every: 0, people: [alice]}\n", 4, "0"),
    ("schedules:\n  platform: {rotations: weekly, people: [alice]}\n", 4, "unknown key 'rotations'"),
    ("schedules:\n  platform: {}\n", 4, "people"),
    (
        SCHEDULE + "escalation_policies:\n  p: {steps: [{page: primary of plattform}]}\n",
        6,
        "no schedule 'plattform'",
    ),
    (SCHEDULE + "escalation_policies:\n  p: {steps: [{page: everybody}]}\n", 6, "is not a target"),
    (SCHEDULE + "escalation_policies:\n  p: {steps: [{page: team nobody}]}\n", 6, "there is no team 'nobody'"),
    (SCHEDULE + "escalation_policies:\n  p: {steps: []}\n", 6, "the policy has 0 steps"),
    (SCHEDULE + "escalation_policies:\n  p: {rounds: 99, steps: [{page: person bob}]}\n", 6, "99"),
    (SCHEDULE + "escalation_policies:\n  p: {steps: [{page: person bob, wait: soon}]}\n", 6, "'soon'"),
    ("organisation: {escalation_policy: nope}\n", 3, "there is no escalation policy 'nope'"),
]


@pytest.mark.parametrize(("text", "line", "problem"), BAD, ids=[problem for *_, problem in BAD])
def test_a_mistake_is_named_with_its_line(world: World, text: str, line: int, problem: str) -> None:
    # The people take three lines, so the section starts on line 4 (organisation stands before them).
    whole = text + PEOPLE if text.startswith("organisation") else PEOPLE + text
    offset = -2 if text.startswith("organisation") else 1
    found = world.problems(whole)
    assert len(found) == 1, found
    assert problem in found[0]
    assert found[0].startswith(f"staycalm.yaml:{line + offset}:")


def test_a_bad_contact_method_is_named_with_its_line(world: World) -> None:
    head = "people:\n  alice:\n    name: Alice\n    email: a@example.com\n    contact_methods:\n"
    cases = {
        "      - {email: alice}\n": "'alice' is not an e-mail address",
        "      - {ntfy: topic}\n": "a ntfy address is a URL",
        "      - {email: a@b.example, webhook: https://x.example}\n": "one kind of address",
        "      - {after: 2m}\n": "one kind of address",
        "      - {email: a@b.example, after: soon}\n": "'soon'",
        "      - {pager: 123}\n": "unknown key 'pager'",
    }
    for text, problem in cases.items():
        found = world.problems(head + text)
        assert any(problem in each and each.startswith("staycalm.yaml:6:") for each in found), (text, found)
