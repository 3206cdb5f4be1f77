"""How people declare incidents: who is paged, what is refused, and that it is one incident, never two."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from staycalm.core.errors import Invalid, NotFound
from staycalm.domains.incidents.model import incidents
from staycalm.kit.database import ReadTx
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import BOB, CAROL

# alice is primary, bob secondary, carol the last step; see tests/domains/oncall/world.py.


def test_a_hand_declared_p0_pages_the_primary_in_the_same_transaction(world: IncidentWorld) -> None:
    declared = world.declare(BOB, "Service down", "P0", service="shop", environment="production")
    assert (declared.incident.id, declared.is_new, declared.paged) == ("INC-1", True, ("alice",))
    assert not declared.nobody_paged
    assert world.paged() == ["alice"]
    (told,) = world.told("declared")
    assert told.actor == BOB and told.body["title"] == "Service down"


def test_without_a_service_the_organisations_default_policy_is_paged(world: IncidentWorld) -> None:
    assert set(world.declare(BOB, "Everything is on fire").paged) == {"alice", "bob", "carol"}


def test_nobody_paged_is_said(world: IncidentWorld) -> None:
    world.apply("organisation: {name: Acme, time_zone: Europe/Berlin}\npeople: {}\n")
    declared = world.declare(BOB, "Service down")
    assert declared.paged == () and declared.nobody_paged
    assert "NOBODY PAGED: no escalation policy is declared" in world.timeline()


def test_a_p2_pages_nobody_and_that_is_no_failure(world: IncidentWorld) -> None:
    declared = world.declare(BOB, "Slow search", "P2", service="shop", environment="production")
    assert declared.paged == () and not declared.nobody_paged
    assert world.paged() == []


def test_two_incidents_without_a_placement_are_two(world: IncidentWorld) -> None:
    assert [world.declare(BOB, title).incident.id for title in ("a", "b")] == ["INC-1", "INC-2"]


def test_declaring_again_with_the_same_cause_changes_nothing(world: IncidentWorld) -> None:
    first = world.declare(BOB, cause="hand/bob/retry-1")
    again = world.declare(BOB, cause="hand/bob/retry-1")
    assert first.is_new and not again.is_new
    assert again.incident.id == "INC-1"
    assert len(world.told("declared", "cause_attached")) == 1


@pytest.mark.parametrize("title", ["", "   ", "\n\x00"])
def test_a_title_without_text_is_refused(world: IncidentWorld, title: str) -> None:
    with pytest.raises(Invalid):
        world.declare(BOB, title)


def test_an_unknown_service_or_environment_is_refused(world: IncidentWorld) -> None:
    with pytest.raises(NotFound):
        world.declare(BOB, service="shoop")
    with pytest.raises(NotFound):
        world.declare(BOB, service="shop", environment="prodution")
    assert world.incidents() == []


def test_a_person_joins_what_is_open_on_the_placement(world: IncidentWorld) -> None:
    world.raise_alert("P1")
    joined = world.declare(CAROL, "Shop is down!", "P0", service="shop", environment="production")
    assert (joined.incident.id, joined.is_new, joined.incident.priority) == ("INC-1", False, "P0")
    assert joined.paged == ("alice",)


def test_the_database_refuses_a_second_open_incident_on_a_placement(world: IncidentWorld) -> None:
    world.raise_alert("P0")

    def second(tx: ReadTx) -> None:
        tx.execute(
            incidents.insert().values(
                id="INC-9", number=9, open_placement="shop@production", title="t", priority="P0", state="triage",
                declared_by="x", declared_at=tx.now,
            )
        )  # fmt: skip

    with pytest.raises(sa.exc.IntegrityError):
        world.write(second)
