"""How incidents come to be by themselves: by a rollback, by an alert. What belongs together is one incident."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from staycalm.domains.incidents.model import incident_causes, incidents
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.database.tables import deliveries
from tests.conftest import VirtualClock
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import ALICE, BOB

# alice is primary, bob secondary, carol the last step; see tests/domains/oncall/world.py.

# -- rollbacks ----------------------------------------------------------------------------------


def test_an_automatic_rollback_with_a_healthy_stable_is_a_p2_that_on_call_hears_of(world: IncidentWorld) -> None:
    world.roll_back()
    incident = world.incident
    assert (incident.priority, incident.state) == ("P2", "triage")
    assert (incident.service, incident.environment) == ("shop", "production")
    assert incident.title == "shop rolled back: error rate rose by 5.1 points"
    assert world.paged() == ["alice"]
    (notice,) = world.email.arrived
    assert notice.message.data["kind"] == "notice"
    assert world.open() is None


def test_a_rollback_to_an_unhealthy_stable_is_a_p1(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    assert world.incident.priority == "P1"
    assert world.incident.impact_ended_at is None
    assert world.open() is not None


def test_the_settings_may_make_every_rollback_a_p0(world_db: Database, clock: VirtualClock) -> None:
    world = IncidentWorld(world_db, clock, IncidentsSettings(rollback_priority="P0"))
    world.roll_back()
    assert world.incident.priority == "P0"
    assert world.steps() == [(0, 1, ["alice"])]


def test_the_rollback_knows_when_the_impact_began_and_ended(world: IncidentWorld) -> None:
    world.roll_back(detected_after_s=41.0, rollback_took_s=1.0)
    now, incident = world.clock.now(), world.incident
    assert incident.impact_started_at == now - timedelta(seconds=42)
    assert incident.detected_at == now - timedelta(seconds=1)
    assert incident.impact_ended_at == now


def test_a_healthy_rollback_suggests_what_to_do_next(world: IncidentWorld) -> None:
    world.roll_back()
    (note,) = world.told("note_added")
    assert note.body["text"] == (
        "Stable serves all traffic of shop@production and is healthy: verify it, then mark the incident as "
        "mitigated or resolved."
    )


def test_a_rollback_by_hand_opens_no_incident(world: IncidentWorld) -> None:
    world.roll_back(is_automatic=False)
    assert world.incidents() == []


def test_a_rollback_by_hand_joins_the_open_incident(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.roll_back(is_automatic=False, stable_is_healthy=True)
    assert world.incident.priority == "P0"
    assert any(line.startswith("DEP-3 rolled back") for line in world.timeline())
    assert world.paged() == ["alice"]


# -- alerts -------------------------------------------------------------------------------------


def test_a_p0_alert_opens_an_incident_and_pages(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    assert (world.incident.priority, world.incident.title) == ("P0", "error rate of shop is 7 %")
    assert world.incident.detected_at == world.clock.now()
    assert world.incident.impact_started_at is None
    assert world.paged() == ["alice"]


@pytest.mark.parametrize("escalates", ["group", "none"])
def test_an_alert_that_asks_for_no_incident_opens_none(world: IncidentWorld, escalates: str) -> None:
    world.raise_alert("P0", escalates=escalates)
    assert world.incidents() == []


def test_an_alert_that_pages_nobody_joins_and_raises_nothing(world: IncidentWorld) -> None:
    world.roll_back()
    world.raise_alert("P1", escalates="none")
    assert world.incident.priority == "P2"
    assert [each.body["cause_kind"] for each in world.told("cause_attached")] == ["alert"]


def test_an_alert_after_the_rollback_joins_its_incident(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.forward(minutes=1)
    world.raise_alert("P1")
    assert world.incident.priority == "P1"
    assert len(world.steps()) == 1


def test_it_pages_again_only_when_the_priority_rises(world: IncidentWorld) -> None:
    world.raise_alert("P1")
    world.forward(minutes=16)
    before = len(world.paged())
    world.raise_alert("P1", alert_id="alert-2")
    assert len(world.paged()) == before
    world.raise_alert("P0", alert_id="alert-3")
    assert world.incident.priority == "P0"
    assert len(world.paged()) == before + 1
    (change,) = world.told("priority_changed")
    assert (change.body["previous"], change.body["priority"]) == ("P1", "P0")


def test_a_p2_rollback_followed_by_a_p0_alert_pages(world: IncidentWorld) -> None:
    world.roll_back()
    world.raise_alert("P0")
    assert world.incident.priority == "P0"
    assert world.steps() == [(0, 1, ["alice"])]
    assert world.incident.impact_ended_at is None


def test_the_same_alert_with_a_higher_priority_raises_its_incident_once(world: IncidentWorld) -> None:
    world.raise_alert("P1")
    world.raise_alert("P0")
    world.raise_alert("P0")
    assert world.incident.priority == "P0"
    assert len(world.told("priority_changed")) == 1


def test_soon_after_the_rollback_a_resolved_incident_goes_on_and_pages(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.forward(minutes=2)
    world.respond("resolve", BOB)
    world.forward(minutes=7)
    world.raise_alert("P1")
    assert world.incident.state == "triage"
    paging = world.open()
    assert paging is not None and paging.title == world.told("cause_attached")[-1].body["summary"]
    assert paging.title != world.incident.title
    assert len(world.told("reopened")) == 1


def test_after_ten_minutes_it_is_another_incident(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.respond("resolve", BOB)
    world.forward(minutes=11)
    world.raise_alert("P1")
    assert [each.id for each in world.incidents()] == ["INC-1", "INC-2"]


def test_another_placement_has_its_own_incident(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.raise_alert("P0", alert_id="alert-2", environment="staging")
    assert [each.environment for each in world.incidents()] == ["production", "staging"]


def test_every_sign_is_another_chance_while_nobody_was_reached(world: IncidentWorld) -> None:
    world.apply("organisation: {name: Acme, time_zone: Europe/Berlin}\npeople: {}\n")
    world.raise_alert("P0")
    assert world.open() is None
    world.apply()
    world.raise_alert("P0", alert_id="alert-2")
    assert world.paged() == ["alice"]


def test_when_the_last_alert_ends_a_note_suggests_the_end(world: IncidentWorld) -> None:
    world.raise_alert("P0")
    world.raise_alert("P1", alert_id="alert-2")
    world.end_alert("alert-2")
    assert world.told("note_added") == []
    world.end_alert("alert-1")
    world.end_alert("alert-1")
    (note,) = world.told("note_added")
    assert note.body["text"].startswith("No alert of this incident fires any more")
    assert world.incident.state == "triage"


def test_an_alert_without_an_incident_may_end(world: IncidentWorld) -> None:
    world.end_alert("never-heard-of")
    assert world.incidents() == []


# -- delivered again -----------------------------------------------------------------------------


def count(tx: ReadTx, table: sa.Table) -> int:
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table)))


def redeliver(world: IncidentWorld) -> None:
    def again(tx: ReadTx) -> None:
        tx.execute(deliveries.update().values(state="pending", due_at=tx.now))

    world.write(again)
    world.settle()


def test_events_delivered_again_change_nothing(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.raise_alert("P0")
    world.end_alert()
    world.forward(minutes=5)
    seen = (world.incidents(), world.timeline(), world.paged(), world.read(count, incident_causes))
    redeliver(world)
    assert (world.incidents(), world.timeline(), world.paged(), world.read(count, incident_causes)) == seen
    assert world.read(count, incidents) == 1


def test_events_delivered_again_after_the_end_reopen_nothing(world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.raise_alert("P0")
    world.respond("acknowledge", ALICE)
    world.respond("resolve", ALICE)
    redeliver(world)
    assert world.incident.state == "resolved"
    assert world.open() is None
