"""A server that stops without goodbye is missed; one that its host has started again is not, nor the only one."""

from __future__ import annotations

import pytest

from staycalm.app import heartbeats
from staycalm.kit.database import Database, leases, log
from tests.conftest import VirtualClock, drive


def told(database: Database, name: str) -> list[str]:
    return [entry.subject for entry in drive(database.read(log.after, 0, limit=100)) if entry.name == name]


@pytest.mark.parametrize("holder", ["here:1:abc", "under_score:1:abc"])
def test_a_server_without_a_beat_for_ten_seconds_is_told_once(
    world_db: Database, clock: VirtualClock, holder: str
) -> None:
    sightings = leases.Sightings(clock.monotonic)
    drive(world_db.write(heartbeats.beat, holder))
    drive(world_db.write(heartbeats.beat, "there:7:xyz"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    clock.advance(seconds=9.0)
    drive(world_db.write(heartbeats.beat, "there:7:xyz"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    assert told(world_db, "engine.went_silent") == []
    clock.advance(seconds=2.0)
    for _ in range(2):
        drive(world_db.write(heartbeats.look_for_silent, sightings))
    assert told(world_db, "engine.went_silent") == ([] if world_db.is_sqlite else [holder])


@pytest.mark.parametrize(
    ("other", "after_s", "missed"),
    [
        ("here:2:def", 6.0, []),
        ("here:2:def", 0.5, ["here:1:abc"]),  # both were started at once
        ("there:2:def", 6.0, ["here:1:abc"]),
    ],
)
def test_a_server_that_its_host_has_started_again_is_not_missed(
    world_db: Database, clock: VirtualClock, other: str, after_s: float, missed: list[str]
) -> None:
    sightings = leases.Sightings(clock.monotonic)
    drive(world_db.write(heartbeats.beat, "here:1:abc"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    clock.advance(seconds=after_s)
    drive(world_db.write(heartbeats.beat, other))
    clock.advance(seconds=9.0)
    drive(world_db.write(heartbeats.beat, other))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    clock.advance(seconds=3.0)
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    assert told(world_db, "engine.went_silent") == ([] if world_db.is_sqlite else missed)


def test_whoever_says_goodbye_is_not_missed(world_db: Database, clock: VirtualClock) -> None:
    sightings = leases.Sightings(clock.monotonic)
    drive(world_db.write(heartbeats.beat, "here:1:abc"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    drive(world_db.write(heartbeats.say_goodbye, "here:1:abc"))
    clock.advance(seconds=60.0)
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    assert told(world_db, "engine.went_silent") == []


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_keeps_no_server_from_being_missed_and_makes_none_be(
    world_db: Database, clock: VirtualClock, step_s: float
) -> None:
    # given two servers, one of which goes on beating after the clock is set
    passed_s = [0.0]
    sightings = leases.Sightings(lambda: passed_s[0])
    drive(world_db.write(heartbeats.beat, "here:1:abc"))
    drive(world_db.write(heartbeats.beat, "there:7:xyz"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    clock.advance(seconds=step_s)
    for _ in range(10):
        drive(world_db.write(heartbeats.look_for_silent, sightings))
        assert told(world_db, "engine.went_silent") == []
        passed_s[0] += 1.0
        clock.advance(seconds=1.0)
        drive(world_db.write(heartbeats.beat, "there:7:xyz"))
    drive(world_db.write(heartbeats.look_for_silent, sightings))
    assert told(world_db, "engine.went_silent") == ([] if world_db.is_sqlite else ["here:1:abc"])


@pytest.mark.parametrize(("step_s", "found_s"), [(-3600.0, -3600.0), (-3.0, None), (0.0, None), (3600.0, None)])
def test_a_clock_that_was_set_back_while_no_server_was_there_is_found_at_the_next_start(
    world_db: Database, clock: VirtualClock, step_s: float, found_s: float | None
) -> None:
    assert drive(world_db.read(heartbeats.find_step_back)) is None
    drive(world_db.write(heartbeats.beat, "here:1:abc"))
    clock.advance(seconds=60.0)
    drive(world_db.write(heartbeats.beat, "here:1:abc"))
    clock.advance(seconds=step_s)
    assert drive(world_db.read(heartbeats.find_step_back)) == found_s
