"""Under crashes and replays at random points no step is skipped or taken twice, and every repeat is marked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.public import OncallSettings
from staycalm.kit.database import Database, Tx
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.ports.errors import OutsideUnavailable, PortError, Unconfirmed
from tests.conftest import VirtualClock, drive
from tests.domains.oncall.world import BOB, World

ORDER = [(r, n, [who]) for r in (0, 1) for n, who in enumerate(("alice", "bob", "carol"), 1)]


class Crash(BaseException):
    """The process is gone before the commit."""


def fresh_world() -> World:
    clock = VirtualClock()
    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    metadata.create_all(database.engine)
    world = World(database, clock, PATIENT)
    world.apply()
    world.settle()
    return world


def crash_after(use_case: Any, *args: Any) -> Any:
    """Return a use case that does all its work and is then undone."""

    def undone(tx: Tx) -> None:
        use_case(tx, *args)
        raise Crash

    return undone


def step_once(world: World, name: str, action: str) -> None:
    """Drive the first due row of one reconciler up to the point where `action` strikes."""
    runner = next(r.reconciler for r in world.engine.runners if r.reconciler.name == name)
    due = world.read(runner.due, 10)
    if not due:
        return
    if action == "crash in plan":
        with pytest.raises(Crash):
            world.write(crash_after(runner.plan, due[0]))
        return
    effect = world.write(runner.plan, due[0])
    if action == "plan twice":
        world.write(runner.plan, due[0])
    if effect is None or action == "crash after plan":
        return
    outcome: Any
    try:
        outcome = drive(runner.perform(effect))
    except PortError as error:
        outcome = error
    if action == "crash after send":
        return
    if action == "crash in settle":
        with pytest.raises(Crash):
            world.write(crash_after(runner.settle, due[0], effect, outcome))
        return
    world.write(runner.settle, due[0], effect, outcome)
    if action == "settle twice":
        world.write(runner.settle, due[0], effect, outcome)


ACTIONS = (
    "nothing",
    "crash in plan",
    "plan twice",
    "crash after plan",
    "crash after send",
    "crash in settle",
    "settle twice",
)
RECONCILERS = ("oncall.escalations", "oncall.notifications")
FAILURES = (None, None, OutsideUnavailable("no route"), Unconfirmed("no answer"))
Move = tuple[str, str, PortError | None, int]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(RECONCILERS), st.sampled_from(ACTIONS), st.sampled_from(FAILURES), st.integers(0, 400)
    ),
    max_size=25,
)
# A message is tried for a day here: the moves may take hours, and giving up is tested elsewhere.
PATIENT = OncallSettings(page_deadline_s=86400.0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MOVES)
def test_no_step_is_skipped_or_doubled(moves: list[Move]) -> None:
    world = fresh_world()
    world.start("P0")
    for name, action, failure, seconds in moves:
        if failure is not None:
            world.email.fail(failure)
        step_once(world, name, action)
        world.clock.advance(seconds=seconds)
    world.forward(hours=3)
    found = world.steps()
    assert found == [each for each in ORDER if each in found], "a step came twice or out of order"
    exhausted = world.events("escalation_exhausted")
    assert len(exhausted) == 1
    assert found == ORDER
    deliveries = world.read(oncall.pages_for, "INC-1")
    assert len(deliveries) == len(ORDER), "one message per step and person"
    assert {d.state for d in deliveries} == {"sent"}
    keys = [each.message.idempotency_key for each in world.email.arrived]
    for key in set(keys):
        repeats = [a.message for a in world.email.arrived if a.message.idempotency_key == key]
        assert all(message.is_duplicate_possible for message in repeats[1:])
    world.database.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 3600), MOVES)
def test_after_an_acknowledgement_nothing_is_sent_any_more(seconds: int, moves: list[Move]) -> None:
    world = fresh_world()
    world.start("P0")
    world.forward(seconds=seconds)
    world.write(oncall.acknowledge, BOB, "INC-1")
    before = len(world.email.arrived)
    for name, action, _, advance in moves:
        step_once(world, name, action)
        world.clock.advance(seconds=advance)
    world.forward(hours=3)
    assert len(world.email.arrived) == before
    world.database.close()
