"""The written post-mortem: its states, what collides, what is frozen, and that it is told of when it is late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict, Invalid
from staycalm.core.machine import move, reachable
from staycalm.domains.incidents.postmortem import queries, service
from staycalm.domains.incidents.postmortem.decisions import Stored, compare, tidy
from staycalm.domains.incidents.postmortem.machine import PAPER, WRITABLE
from staycalm.domains.incidents.postmortem.sections import SECTIONS
from tests.domains.incidents.aftermath import open_rules, resolved, tell_what_is_late
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import ALICE, BOB

CAUSE = {"root-cause": "The retry had no budget."}
PAPER_STATES, PAPER_VERBS = ("draft", "in-review", "published"), ("submit", "return", "publish")


@pytest.mark.parametrize("state", PAPER_STATES)
@pytest.mark.parametrize("verb", PAPER_VERBS)
def test_a_post_mortem_goes_only_where_the_table_leads(state: str, verb: str) -> None:
    leads = {("draft", "submit"): "in-review", ("in-review", "return"): "draft", ("draft", "publish"): "published",
             ("in-review", "publish"): "published"}  # fmt: skip
    if (state, verb) in leads:
        assert move(PAPER, state, verb) == leads[state, verb]
    else:
        with pytest.raises(Conflict):
            move(PAPER, state, verb)
    assert reachable(PAPER, "published") == {"published"} and "published" not in WRITABLE


NAMES = st.sampled_from(sorted(SECTIONS))
TEXTS = st.sampled_from(["", "a", "b", "c"])


@given(
    sent=st.dictionaries(NAMES, TEXTS, max_size=4),
    seen=st.dictionaries(NAMES, st.integers(0, 3)),
    stored=st.dictionaries(NAMES, st.builds(Stored, TEXTS, st.integers(1, 3))),
    base=st.dictionaries(NAMES, TEXTS),
)
def test_no_text_is_stored_over_one_that_was_not_seen(
    sent: dict[str, str], seen: dict[str, int], stored: dict[str, Stored], base: dict[str, str]
) -> None:
    changed, collisions = compare(sent, seen, stored, base)
    collided = {each.section: each for each in collisions}
    assert not changed.keys() & collided.keys()
    for name, text in sent.items():
        now = stored.get(name, Stored())
        if name in changed:
            assert seen.get(name, 0) == now.version and text != now.text
        elif name in collided:
            assert (collided[name].theirs, collided[name].yours) == (now.text, text)
        else:
            assert text == now.text or text == base.get(name, "")


def test_every_version_keeps_its_author_and_its_time(world: IncidentWorld) -> None:
    resolved(world)
    world.write(service.write, BOB, "INC-1", CAUSE, based_on={})
    first_at = world.clock.now()
    world.forward(minutes=5)
    world.write(service.write, ALICE, "INC-1", {"root-cause": "Two retries."}, based_on={"root-cause": 1})
    newest, oldest = world.read(queries.history, "INC-1", "root-cause")
    assert (newest.text, newest.by, newest.version) == ("Two retries.", "alice", 2)
    assert (oldest.text, oldest.by, oldest.at) == (CAUSE["root-cause"], "bob", first_at)
    told = world.told("post_mortem_written")
    assert [(each.actor.id, each.body["versions"]) for each in told] == [("bob", [1]), ("alice", [2])]
    assert "retry" not in str([each.body for each in told])


def test_the_second_of_two_writers_is_refused_and_sees_both_texts(world: IncidentWorld) -> None:
    resolved(world)
    world.write(service.write, ALICE, "INC-1", {"lessons": "hers", "lucky": "it was night"}, based_on={})
    with pytest.raises(service.Collided) as refused:
        world.write(service.write, BOB, "INC-1", {"lessons": "his", "went-well": "calm"}, based_on={"lessons": 0})
    (collision,) = refused.value.collisions
    assert (collision.theirs, collision.yours, collision.by, collision.version) == ("hers", "his", "alice", 1)
    paper = world.read(queries.get_paper, "INC-1")
    assert {name: each.text for name, each in paper.texts.items()} == {"lessons": "hers", "lucky": "it was night"}
    world.write(service.write, BOB, "INC-1", {"lessons": "hers and his"}, based_on={"lessons": 1})
    assert world.read(queries.get_paper, "INC-1").texts["lessons"].text == "hers and his"


def test_different_sections_are_written_at_the_same_time(world: IncidentWorld) -> None:
    """Each form sends every section: those that its writer left alone undo nothing."""
    resolved(world)
    world.write(service.write, ALICE, "INC-1", {"lessons": "hers", "lucky": ""}, based_on={})
    world.write(service.write, BOB, "INC-1", {"lessons": "", "lucky": "his"}, based_on={"lessons": 0, "lucky": 0})
    texts = world.read(queries.get_paper, "INC-1").texts
    assert {name: (each.text, each.by) for name, each in texts.items()} == {
        "lessons": ("hers", "alice"), "lucky": ("his", "bob"),
    }  # fmt: skip


def test_what_is_published_is_frozen_and_amended(world: IncidentWorld) -> None:
    resolved(world)
    with pytest.raises(Conflict, match="no root cause"):
        world.write(service.shift, BOB, "INC-1", "publish")
    world.write(service.write, BOB, "INC-1", CAUSE, based_on={})
    with pytest.raises(Conflict, match="not published"):
        world.write(service.amend, BOB, "INC-1", "too early")
    world.write(service.shift, BOB, "INC-1", "submit")
    paper = world.write(service.shift, ALICE, "INC-1", "publish")
    assert (paper.state, paper.published_by, paper.published_at) == ("published", "alice", world.clock.now())
    with pytest.raises(Conflict, match="frozen"):
        world.write(service.write, BOB, "INC-1", {"root-cause": "other"}, based_on={"root-cause": 1})
    for verb in PAPER_VERBS:
        with pytest.raises(Conflict):
            world.write(service.shift, BOB, "INC-1", verb)
    world.write(service.amend, BOB, "INC-1", "It happened in May, too.")
    paper = world.read(queries.get_paper, "INC-1")
    assert [(each.by, each.text) for each in paper.amendments] == [("bob", "It happened in May, too.")]
    assert paper.texts["root-cause"].text == CAUSE["root-cause"]
    assert [each.name.rpartition("_")[2] for each in world.told("post_mortem_moved", "post_mortem_published",
                                                               "post_mortem_amended")] == [
        "moved", "published", "amended",
    ]  # fmt: skip
    assert "Post-mortem published" in world.timeline()


def test_an_open_incident_has_a_draft_and_nothing_to_publish(world: IncidentWorld) -> None:
    world.declare(BOB, "Checkout is slow", "P0")
    world.write(service.write, BOB, "INC-1", CAUSE, based_on={})
    with pytest.raises(Conflict, match="not over yet"):
        world.write(service.shift, BOB, "INC-1", "publish")


@pytest.mark.parametrize(
    ("section", "text"), [("no-such", "x"), ("lessons", "x" * 20_001), ("users-affected", "9" * 201)]
)
def test_a_text_that_cannot_be_kept_is_refused_in_words(section: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        tidy(section, text)
    assert refused.value.next_step


@given(st.text(max_size=50))
def test_a_line_stays_one_line_and_every_text_can_be_stored(text: str) -> None:
    assert "\n" not in tidy("users-affected", text)
    kept = tidy("lessons", text)
    assert not {"\x00", "\r"} & set(kept)
    assert kept.encode().decode() == kept


def test_a_post_mortem_that_is_late_is_an_alert_until_it_is_published(world: IncidentWorld) -> None:
    resolved(world)
    world.forward(hours=47)
    tell_what_is_late(world)
    assert open_rules(world) == {}
    world.forward(hours=2)
    tell_what_is_late(world)
    tell_what_is_late(world)
    assert open_rules(world) == {"post-mortem-overdue": "P3"}
    assert len(world.told("post_mortem_overdue")) == 1
    world.write(service.write, BOB, "INC-1", CAUSE, based_on={})
    world.write(service.shift, BOB, "INC-1", "publish")
    assert open_rules(world) == {}


def test_nobody_is_told_of_the_post_mortem_of_an_incident_that_goes_on(world: IncidentWorld) -> None:
    resolved(world)
    world.respond("reopen", BOB)
    world.forward(hours=49)
    tell_what_is_late(world)
    assert open_rules(world) == {}
    world.respond("resolve", BOB)
    world.forward(hours=49)
    tell_what_is_late(world)
    assert open_rules(world) == {"post-mortem-overdue": "P3"}
