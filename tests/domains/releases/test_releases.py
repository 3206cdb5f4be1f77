"""What was built, by which names it is found, and where it went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.core.events import Recorded
from staycalm.domains.deployments.events import DeploymentCompleted
from staycalm.domains.releases import public as releases
from staycalm.domains.releases import queries
from staycalm.domains.releases.decisions import check_digest, read_name
from staycalm.domains.releases.subscribers import on_deployment_completed
from tests.domains.deployments.world import CI, World, digest_of

A, B = "sha256:" + "ab" * 32, "sha256:" + "ac" * 32


def register(world: World, digest: str, **changed: object) -> releases.Release:
    asked = {"service": "shop", "digest": digest, "reference": f"/store/{digest}", **changed}
    found: releases.Release = world.write(releases.register, CI, **asked)
    return found


def find(world: World, text: str) -> str:
    found: releases.Release = world.read(releases.resolve_artifact, "shop", text)
    return found.id


def test_the_same_bytes_are_one_release(world: World) -> None:
    first = register(world, A, commit_sha="a3f2c1d8", build_id="1")
    again = register(world, A, commit_sha="ffffffff", build_id="2")
    assert again == first
    assert [entry.name for entry in world.events("REL-1")] == ["releases.registered"]


def test_a_release_may_become_unsafe_but_never_safe_again(world: World) -> None:
    assert register(world, A).rollback_safe
    assert not register(world, A, rollback_safe=False).rollback_safe
    assert not register(world, A, rollback_safe=True).rollback_safe
    assert [entry.name for entry in world.events("REL-1")] == ["releases.registered", "releases.marked_unsafe"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("REL-1", "REL-1"), ("rel-2", "REL-2"), (A, "REL-1"), ("sha256:abab", "REL-1"), ("acac", "REL-2"),
        ("A3F2", "REL-1"), ("a3f2c1d8", "REL-1"), ("b0b0", "REL-2"), ("registry.example/shop:7", "REL-2"),
    ],
)  # fmt: skip
def test_a_release_has_several_names(world: World, text: str, found: str) -> None:
    register(world, A, commit_sha="a3f2c1d8e9b4")
    register(world, B, commit_sha="b0b0b0b0", reference="registry.example/shop:7", is_opaque=True)
    assert find(world, text) == found


def test_a_prefix_of_two_names_both(world: World) -> None:
    register(world, "sha256:abcd" + "1" * 60)
    register(world, "sha256:abcd" + "2" * 60)
    with pytest.raises(Conflict, match=r"several releases of shop: REL-2 .*REL-1") as caught:
        find(world, "abcd")
    assert caught.value.details["candidates"] == ["REL-2", "REL-1"]


def test_one_commit_built_twice_is_ambiguous(world: World) -> None:
    register(world, A, commit_sha="c0ffee00")
    register(world, B, commit_sha="c0ffee00")
    with pytest.raises(Conflict):
        find(world, "c0ffee")


@pytest.mark.parametrize("text", ["REL-9", "abcd", "nothing/of:that", "sha256:0000"])
def test_what_is_not_there_is_said(world: World, text: str) -> None:
    with pytest.raises(NotFound, match="no release of shop matches"):
        find(world, text)


@pytest.mark.parametrize("text", ["", "  ", "sha256:zz", "sha256:ab"])
def test_what_can_name_nothing_is_refused(world: World, text: str) -> None:
    with pytest.raises(Invalid):
        find(world, text)


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        read_name(text)
    except Invalid as error:
        assert error.next_step


@given(st.text(max_size=80))
def test_only_a_whole_digest_is_a_digest(text: str) -> None:
    with pytest.raises(Invalid):
        check_digest(text)
    assert check_digest(A) == A


@pytest.mark.parametrize(
    "changed",
    [{"digest": "sha256:12"}, {"commit_sha": "not hex"}, {"reference": " "}, {"tests_passed": ["unit"] * 101}],
)
def test_a_record_that_cannot_be_is_refused(world: World, changed: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        register(world, **{"digest": A, **changed})  # type: ignore[arg-type]
    assert world.read(queries.list_releases, limit=1).items == ()


def test_where_a_release_went_is_learned_once(world: World) -> None:
    release = register(world, A)
    event = DeploymentCompleted(
        subject="DEP-1", service="shop", environment="production", is_proven=True, release=release.id, digest=A,
        commit_sha="", is_first=True,
    )  # fmt: skip
    for _ in range(2):
        world.write(on_deployment_completed, Recorded(1, world.clock.now(), CI, event))
    (arrival,) = world.read(queries.arrivals, [release.id])[release.id]
    assert (arrival.environment, arrival.deployment) == ("production", "DEP-1")


def test_lists_come_in_pages(world: World) -> None:
    for number in range(5):
        register(world, digest_of(str(number)))
    page = world.read(queries.list_releases, limit=2)
    rest = world.read(queries.list_releases, limit=10, cursor=page.next_cursor)
    assert [each.id for each in (*page.items, *rest.items)] == ["REL-5", "REL-4", "REL-3", "REL-2", "REL-1"]
