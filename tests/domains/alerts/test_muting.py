"""Silences and maintenance: kept, not hidden; raised when they end and the alert still fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict, Invalid
from staycalm.domains.alerts import service
from staycalm.domains.alerts.muting import queries
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.alerts.muting.decisions import (
    Maintenance,
    Matcher,
    Silence,
    find_mute,
    muting_labels,
    parse_matcher,
    parse_matchers,
)
from tests.domains.alerts.world import ALICE, BOB, World

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("service=shop", {"service": "shop"}, True),
        ("service=shop", {"service": "shopping"}, False),
        ("service=shop*", {"service": "shopping"}, True),
        ("service!=shop", {"service": "billing"}, True),
        ("service!=shop*", {"service": "shopping"}, False),
        ("disk=sda", {}, False),
        ("disk!=sda", {}, True),
        ("disk=*", {"disk": "anything"}, True),
        (" disk = s d a ", {"disk": "s d a"}, True),
        ("path=a=b", {"path": "a=b"}, True),
        ("service=*shop", {"service": "bigshop"}, False),
    ],
)
def test_a_matcher(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_matcher(text).matches(labels) is matches


@pytest.mark.parametrize(
    "text", ["", "service", "=shop", "ser vice=shop", "service~shop", "a\nb=c", "x" * 200 + "=y"]
)
def test_what_is_not_a_matcher_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_matcher(text)


@pytest.mark.parametrize("texts", [[], ["service!=shop"], ["service=*"], ["service="], ["a=b"] * 21])
def test_a_silence_of_nearly_everything_is_refused(texts: list[str]) -> None:
    with pytest.raises(Invalid):
        parse_matchers(texts)


names = st.sampled_from(["service", "environment", "rule", "priority", "disk"])
values = st.sampled_from(["shop", "shopping", "production", "P0", ""])
matchers = st.builds(
    Matcher, names, st.sampled_from(["=", "!="]), st.sampled_from(["shop", "shop*", "P0", "*", ""])
)
label_sets = st.dictionaries(names, values)


@given(matcher=matchers, labels=label_sets)
def test_a_matcher_and_its_negation_never_agree_and_its_text_means_the_same(
    matcher: Matcher, labels: dict[str, str]
) -> None:
    other = Matcher(matcher.label, "!=" if matcher.operator == "=" else "=", matcher.value)
    assert matcher.matches(labels) is not other.matches(labels)
    assert parse_matcher(str(matcher)) == matcher


@given(chosen=st.lists(matchers, min_size=1, max_size=4), labels=label_sets, more=matchers)
def test_another_matcher_never_silences_more(chosen: list[Matcher], labels: dict[str, str], more: Matcher) -> None:
    wide = Silence("SIL-1", tuple(chosen), "", "", NOW, NOW + HOUR)
    narrow = Silence("SIL-2", (*chosen, more), "", "", NOW, NOW + HOUR)
    assert not (narrow.mutes(labels) and not wide.mutes(labels))


def test_the_mute_that_lasts_longest_counts_and_only_within_its_time() -> None:
    short = Maintenance("MNT-1", None, None, "", "", NOW, NOW + HOUR)
    long = Maintenance("MNT-2", "shop", None, "", "", NOW, NOW + 2 * HOUR)
    assert find_mute([short, long], {"service": "shop"}, NOW) == long
    assert find_mute([short, long], {"service": "billing"}, NOW) == short
    assert find_mute([short, long], {"service": "shop"}, NOW + 2 * HOUR) is None
    assert find_mute([short, long], {"service": "shop"}, NOW - HOUR) is None


def test_an_alerts_own_labels_cannot_pose_as_the_known_ones() -> None:
    labels = muting_labels(service="shop", environment="e", rule="r", priority="P0", labels={"service": "x"})
    assert labels["service"] == "shop"


def test_an_alert_that_a_silence_matches_is_kept_and_pages_nobody(world: World) -> None:
    id = world.silence("service=shop", "rule=disk")
    alert = world.raised()
    assert (alert.state, alert.suppressed_by) == ("suppressed", id)
    assert world.told() == ["silence_created", "suppressed"]
    assert world.bodies("alerts.suppressed")[0]["by"] == id
    assert world.raised("cpu").state == "firing"


def test_when_the_silence_ends_and_the_alert_still_fires_it_is_raised(world: World) -> None:
    world.silence("service=shop", hours=1)
    world.raised()
    world.pass_time(minutes=59)
    assert world.only().state == "suppressed"
    world.pass_time(minutes=2)
    assert (world.only().state, world.only().suppressed_by) == ("firing", None)
    assert world.told() == ["silence_created", "suppressed", "raised"]


def test_an_alert_that_ends_under_a_silence_is_never_raised(world: World) -> None:
    world.silence("service=shop")
    world.raised()
    world.resolved()
    world.pass_time(hours=2)
    assert world.told() == ["silence_created", "suppressed", "resolved"]


def test_a_silence_mutes_what_fires_already_and_ending_it_raises_it_again(world: World) -> None:
    world.raised()
    id = world.silence("service=shop")
    assert world.only().state == "suppressed"
    world.write(muting.end_silence, BOB, id)
    world.settle()
    assert world.only().state == "firing"
    assert world.told() == ["raised", "silence_created", "suppressed", "silence_ended", "raised"]
    assert world.write(muting.end_silence, BOB, id).until <= world.now()
    assert world.told().count("silence_ended") == 1


def test_a_silence_leaves_alone_what_somebody_has_acknowledged(world: World) -> None:
    alert = world.raised()
    world.write(service.acknowledge, ALICE, alert.id)
    world.silence("service=shop")
    assert world.only().state == "acknowledged"


def test_of_two_silences_the_second_goes_on_when_the_first_ends(world: World) -> None:
    world.silence("service=shop", hours=1)
    second = world.silence("rule=disk", hours=2)
    world.raised()
    world.pass_time(minutes=90)
    assert (world.only().state, world.only().suppressed_by) == ("suppressed", second)
    world.pass_time(minutes=31)
    assert world.only().state == "firing"


def test_an_extended_silence_holds_until_its_new_end(world: World) -> None:
    id = world.silence("service=shop", hours=1)
    world.raised()
    world.write(
        muting.change_silence, ALICE, id.lower(), until=world.now() + timedelta(hours=5), settings=world.settings
    )
    world.pass_time(hours=4)
    assert world.only().state == "suppressed"
    world.pass_time(hours=2)
    assert world.only().state == "firing"


def test_a_change_of_priority_takes_an_alert_out_of_a_silence_of_its_old_one(world: World) -> None:
    world.silence("priority=P2")
    world.raised(priority="P2")
    world.raised(priority="P0")
    world.settle()
    assert world.only().state == "firing"
    assert world.bodies("alerts.raised")[0]["priority"] == "P0"


@pytest.mark.parametrize(
    ("scope", "muted"),
    [
        (("shop", "production"), {"shop@production"}),
        (("shop", None), {"shop@production", "shop@staging"}),
        ((None, "staging"), {"shop@staging", "billing@staging"}),
        ((None, None), {"shop@production", "shop@staging", "billing@staging", "billing@production"}),
    ],
)
def test_maintenance_of_a_placement_a_service_an_environment_or_everything(
    world: World, scope: tuple[str | None, str | None], muted: set[str]
) -> None:
    world.raised("before", service="shop", environment="production")
    world.maintain(*scope)
    for service_name in ("shop", "billing"):
        for environment in ("production", "staging"):
            world.raised(f"in-{environment}", service=service_name, environment=environment)
    found = {f"{a.service}@{a.environment}" for a in world.open() if a.state == "suppressed"}
    assert found == muted
    world.pass_time(hours=2)
    assert {a.state for a in world.open()} == {"firing"}


def test_the_maintenance_of_a_placement_can_be_asked_for_and_ended(world: World) -> None:
    id = world.maintain("shop")
    found = world.read(queries.find_maintenance_of, "shop", "production")
    assert found is not None and found.id == id
    assert world.read(queries.find_maintenance_of, "billing", "production") is None
    world.raised()
    world.write(muting.end_maintenance, BOB, id)
    world.settle()
    assert world.read(queries.find_maintenance_of, "shop", "production") is None
    assert world.only().state == "firing"


@pytest.mark.parametrize(
    ("hours", "reason", "code"),
    [(0, "x", "bad-until"), (-1, "x", "bad-until"), (25, "x", "too-long"), (1, " ", "no-reason")],
)
def test_a_silence_needs_a_reason_and_an_end_that_is_not_too_far(
    world: World, hours: float, reason: str, code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        world.write(
            muting.create_silence,
            ALICE,
            matchers=["service=shop"],
            reason=reason,
            until=world.now() + timedelta(hours=hours),
            settings=world.settings,
        )
    assert refusal.value.code == code


def test_a_silence_that_has_ended_cannot_be_extended(world: World) -> None:
    id = world.silence("service=shop", hours=1)
    world.clock.advance(hours=2)
    with pytest.raises(Conflict):
        world.write(muting.change_silence, ALICE, id, reason="later", settings=world.settings)
    assert world.read(queries.list_silences) == ()
    assert len(world.read(queries.list_silences, is_active=False)) == 1
