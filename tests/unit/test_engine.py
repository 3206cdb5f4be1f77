"""Deliveries come once, in order, and one poison event never blocks the others for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import psycopg
import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Unavailable
from staycalm.core.events import Event, Recorded
from staycalm.core.self_events import DeliveryDied
from staycalm.engine.dispatch import MAX_ATTEMPTS, deliver_batch
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database, ReadTx, Tx, leases
from staycalm.kit.database.tables import deliveries, events
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler
from staycalm.kit.subscriptions import Subscription, Subscriptions
from staycalm.ports.errors import OutsideUnavailable
from tests import databases
from tests.conftest import VirtualClock, drive


@dataclass(frozen=True, kw_only=True)
class Knocked(Event):
    name: ClassVar[str] = "test.knocked"
    n: int


def knock(tx: Tx, door: str, n: int) -> None:
    tx.emit(SYSTEM, Knocked(subject=door, n=n))


def engine_of(
    database: Database,
    listed: list[Subscription],
    reconcilers: list[AnyReconciler] | None = None,
    holder: str = "a",
) -> Engine:
    subscriptions = Subscriptions(listed)
    database.subscriptions = subscriptions
    engine = Engine(database, subscriptions, reconcilers or [], holder=holder, uses_leases=True, spawn=drive)
    drive(engine.back_fill())
    return engine


def run_until(engine: Engine, clock: VirtualClock, end: datetime) -> None:
    """Drive the engine through virtual time, jumping from due time to due time."""
    while clock.now() < end:
        while drive(engine.turn()) == 0.0:
            pass
        due = drive(engine.next_due())
        clock.move_to(min(end, max(due, clock.now() + timedelta(milliseconds=1))) if due else end)


def test_deliveries_come_in_order_and_once(world_db: Database, clock: VirtualClock) -> None:
    heard: list[tuple[str, int]] = []
    engine = engine_of(
        world_db, [Subscription("t.hear", Knocked, lambda tx, r: heard.append((r.event.subject, r.event.n)))]
    )
    for n in range(250):
        drive(world_db.write(knock, f"DOOR-{n % 3}", n))
    run_until(engine, clock, clock.now() + timedelta(seconds=5))
    assert sorted(n for _, n in heard) == list(range(250))
    for door in ("DOOR-0", "DOOR-1", "DOOR-2"):
        order = [n for subject, n in heard if subject == door]
        assert order == sorted(order)


def test_a_poison_event_holds_back_its_own_subject_only_until_it_is_dead(
    world_db: Database, clock: VirtualClock
) -> None:
    heard: list[tuple[str, int, datetime]] = []

    def hear(tx: Tx, recorded: Recorded[Knocked]) -> None:
        if (recorded.event.subject, recorded.event.n) == ("DOOR-0", 0):
            raise ValueError("poison")
        heard.append((recorded.event.subject, recorded.event.n, clock.now()))

    engine = engine_of(world_db, [Subscription("t.hear", Knocked, hear)])
    start = clock.now()
    for n in range(2):
        for door in ("DOOR-0", "DOOR-1"):
            drive(world_db.write(knock, door, n))
    run_until(engine, clock, start + timedelta(minutes=10))
    assert [(d, n) for d, n, at in heard if at == start] == [("DOOR-1", 0), ("DOOR-1", 1)]
    assert [(d, n) for d, n, at in heard if at > start] == [("DOOR-0", 1)]
    dead = drive(world_db.read(lambda tx: tx.rows(sa.select(deliveries).where(deliveries.c.state == "dead"))))
    assert [(row.attempts, row.last_error) for row in dead] == [(MAX_ATTEMPTS, "ValueError: poison")]


def test_a_handler_whose_statement_can_never_run_is_told_like_any_other_that_fails(
    world_db: Database, clock: VirtualClock
) -> None:
    heard: list[str] = []

    def hear(tx: Tx, recorded: Recorded[Knocked]) -> None:
        if recorded.event.subject == "DOOR-0" and tx.dialect == "sqlite":
            tx.connection.exec_driver_sql("SELECT missing FROM events")
        elif recorded.event.subject == "DOOR-0":
            tx.connection.exec_driver_sql("SELECT " + ", ".join("1" for _ in range(2000)))
        heard.append(recorded.event.subject)

    died = Subscription("t.died", DeliveryDied, lambda tx, r: heard.append(r.event.subscriber))
    engine = engine_of(world_db, [Subscription("t.hear", Knocked, hear), died])
    for door in ("DOOR-0", "DOOR-1"):
        drive(world_db.write(knock, door, 0))
    drive(engine.turn())
    assert heard == ["DOOR-1"]
    run_until(engine, clock, clock.now() + timedelta(minutes=10))
    assert heard == ["DOOR-1", "t.hear"]


@pytest.mark.parametrize(
    "error",
    [
        sa.exc.OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full")),
        sa.exc.OperationalError("INSERT", None, psycopg.OperationalError("the connection is lost")),
        sa.exc.OperationalError("INSERT", None, psycopg.errors.QueryCanceled("due to statement timeout")),
        sa.exc.InterfaceError("INSERT", None, psycopg.InterfaceError("the connection is closed")),
    ],
)
def test_a_database_that_is_away_for_an_hour_loses_no_event(
    world_db: Database, clock: VirtualClock, error: Exception
) -> None:
    heard: list[int] = []
    back_at = clock.now() + timedelta(hours=1)

    def hear(tx: Tx, recorded: Recorded[Knocked]) -> None:
        if tx.now < back_at:
            raise error
        heard.append(recorded.event.n)

    engine = engine_of(world_db, [Subscription("t.hear", Knocked, hear)])
    drive(world_db.write(knock, "DOOR-0", 1))
    while clock.now() < back_at:
        with pytest.raises(Unavailable):
            drive(engine.turn())
        clock.advance(minutes=10)
    drive(engine.turn())
    assert heard == [1]


def test_what_sqlite_undid_by_itself_is_no_try_of_a_handler(clock: VirtualClock) -> None:
    def hear(tx: Tx, _recorded: Recorded[Knocked]) -> None:
        # As it does on a full disk: the savepoint is then unknown, which reads like a fault of the statement.
        tx.connection.exec_driver_sql("ROLLBACK")
        raise ValueError("the disk is full")

    with databases.opened("sqlite", clock) as database:
        engine = engine_of(database, [Subscription("t.hear", Knocked, hear)])
        drive(database.write(knock, "DOOR-0", 1))
        with pytest.raises(Unavailable):
            drive(engine.turn())
        (attempts,) = drive(database.read(lambda tx: tx.execute(sa.select(deliveries.c.attempts)).scalars().all()))
        assert attempts == 0


def test_a_long_queue_of_one_subject_takes_few_transactions(world_db: Database, clock: VirtualClock) -> None:
    heard: list[int] = []
    listed = [Subscription("t.hear", Knocked, lambda tx, r: heard.append(r.event.n))]
    engine_of(world_db, listed)
    drive(world_db.write(lambda tx: [knock(tx, "DOOR-0", n) for n in range(350)]))
    tries = [drive(world_db.write(deliver_batch, Subscriptions(listed))) for _ in range(5)]
    assert heard == list(range(350))
    assert tries == [100, 100, 100, 50, 0]


def test_an_event_that_is_not_due_yet_is_not_overtaken_by_a_younger_one(
    world_db: Database, clock: VirtualClock
) -> None:
    """Another server's clock may be ahead: its event is due a little later than ours that came after it."""
    heard: list[int] = []
    engine = engine_of(world_db, [Subscription("t.hear", Knocked, lambda tx, r: heard.append(r.event.n))])
    for n in range(4):
        drive(world_db.write(knock, "DOOR-0", n))
    ahead = deliveries.update().where(deliveries.c.event_seq == 2)
    drive(world_db.write(lambda tx: tx.execute(ahead.values(due_at=tx.now + timedelta(seconds=1)))))
    drive(engine.turn())
    assert heard == [0]
    run_until(engine, clock, clock.now() + timedelta(seconds=3))
    assert heard == [0, 1, 2, 3]


def test_a_clock_that_is_set_back_holds_no_event_back(world_db: Database, clock: VirtualClock) -> None:
    heard: list[int] = []
    engine = engine_of(world_db, [Subscription("t.hear", Knocked, lambda tx, r: heard.append(r.event.n))])
    drive(world_db.write(knock, "front", 1))
    clock.advance(hours=-1)
    drive(engine.back_fill())
    drive(engine.turn())
    assert heard == [1]


def test_an_event_that_cannot_be_read_any_more_becomes_a_dead_letter(
    world_db: Database, clock: VirtualClock
) -> None:
    heard: list[int] = []
    engine = engine_of(world_db, [Subscription("t.hear", Knocked, lambda tx, r: heard.append(r.event.n))])
    drive(world_db.write(knock, "DOOR-0", 0))
    drive(world_db.write(lambda tx: tx.execute(events.update().values(body={"m": 1}))))
    drive(world_db.write(knock, "DOOR-1", 1))
    run_until(engine, clock, clock.now() + timedelta(minutes=10))
    assert heard == [1]
    states = drive(world_db.read(lambda tx: tx.rows(sa.select(deliveries.c.state).order_by(deliveries.c.id))))
    assert [row.state for row in states] == ["dead", "done"]


def test_a_subscriber_that_appears_later_gets_what_was_emitted_since_it_registered(
    world_db: Database, clock: VirtualClock
) -> None:
    heard: list[int] = []
    listed = [Subscription("t.hear", Knocked, lambda tx, r: heard.append(r.event.n))]
    engine = engine_of(world_db, listed)
    world_db.subscriptions = Subscriptions([])  # old code, side by side, knows nothing of the subscriber
    drive(world_db.write(knock, "DOOR-1", 7))
    run_until(engine, clock, clock.now() + timedelta(seconds=2))
    assert heard == []
    assert drive(engine.back_fill()) == 1
    run_until(engine, clock, clock.now() + timedelta(seconds=2))
    assert heard == [7]


TASKS = sa.Table(
    "test_tasks", sa.MetaData(), sa.Column("id", sa.String, primary_key=True), sa.Column("left", sa.Integer)
)


def counting_down(perform: Callable[[str], None]) -> AnyReconciler:
    """A reconciler over TASKS: each step performs once and takes one from `left`."""

    async def act(effect: Effect) -> str:
        perform(effect.key)
        return "done"

    def due(tx: ReadTx, limit: int) -> list[str]:
        return [row.id for row in tx.rows(sa.select(TASKS).where(TASKS.c.left > 0).limit(limit))]

    def settle(tx: Tx, id: str, effect: Effect, outcome: object) -> None:
        if outcome == "done":
            tx.execute(TASKS.update().where(TASKS.c.id == id).values(left=TASKS.c.left - 1))

    return Reconciler(
        name="tasks",
        due=due,
        next_due=lambda tx: tx.now if due(tx, 1) else None,
        plan=lambda tx, id: Effect(key=id),
        perform=act,
        settle=settle,
    )


@pytest.fixture
def tasks(world_db: Database) -> Database:
    TASKS.create(world_db.engine)
    drive(world_db.write(lambda tx: tx.execute(TASKS.insert(), [{"id": f"T-{n}", "left": 3} for n in range(5)])))
    return world_db


def test_every_step_of_every_task_is_performed_once(tasks: Database) -> None:
    done: list[str] = []
    engine = engine_of(tasks, [], [counting_down(done.append)])
    while drive(engine.turn()) == 0.0:
        pass
    assert sorted(done) == sorted(f"T-{n}" for n in range(5) for _ in range(3))


def test_a_port_that_fails_is_told_to_settle_and_tried_again(tasks: Database) -> None:
    tries: list[str] = []

    def fail_twice(key: str) -> None:
        tries.append(key)
        if tries.count(key) <= 2:
            raise OutsideUnavailable("not yet")

    engine = engine_of(tasks, [], [counting_down(fail_twice)])
    while drive(engine.turn()) == 0.0:
        pass
    assert {key: tries.count(key) for key in set(tries)} == {f"T-{n}": 5 for n in range(5)}


def test_what_one_process_drives_another_leaves_alone(tasks: Database) -> None:
    done: list[str] = []

    def interrupted_by_the_other(key: str) -> None:
        if not done:
            done.append(key)
            drive(other.turn())
        else:
            done.append(key)

    engine = engine_of(tasks, [], [counting_down(interrupted_by_the_other)], holder="a")
    other = engine_of(tasks, [], [counting_down(done.append)], holder="b")
    drive(engine.turn())
    assert done.count(done[0]) == 1


def test_an_outcome_that_comes_after_another_process_took_over_does_not_count(
    tasks: Database, clock: VirtualClock
) -> None:
    """The first is cut off for longer than its lease lasts; the second acts; then the first comes back."""
    done: list[tuple[str, str]] = []

    def cut_off(key: str) -> None:
        done.append(("a", key))
        if len(done) == 1:
            drive(other.turn())
            clock.advance(seconds=10)
            while drive(other.turn()) == 0.0:
                pass

    one_at_a_time = replace(counting_down(cut_off), batch=1)
    engine = engine_of(tasks, [], [one_at_a_time], holder="a")
    other = engine_of(tasks, [], [counting_down(lambda key: done.append(("b", key)))], holder="b")
    drive(engine.turn())
    left = drive(tasks.read(lambda tx: tx.rows(sa.select(TASKS).where(TASKS.c.left < 0))))
    assert left == [], "the late outcome was counted a second time"
    first = done[0][1]
    assert [who for who, key in done if key == first] == ["a", "b", "b", "b"]
    assert drive(tasks.read(leases.held_by_others, "nobody")) == {}


def test_what_others_drive_does_not_keep_this_process_from_the_rest(tasks: Database) -> None:
    """More is in the hands of another process than one look returns: the rest is driven here."""
    for n in range(2):
        drive(tasks.write(leases.acquire, f"tasks:T-{n}", "other", ttl_s=60))
    done: list[str] = []
    few = replace(counting_down(done.append), batch=2)
    engine = engine_of(tasks, [], [few], holder="a")
    for _ in range(20):
        drive(engine.turn())
    assert sorted(set(done)) == ["T-2", "T-3", "T-4"]
