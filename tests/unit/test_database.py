"""A state change and its event are one transaction; answers leave after the commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Conflict, Unavailable
from staycalm.core.events import Event
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx, Tx, leases, log
from staycalm.kit.database.tables import leases as leases_table
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from tests import databases
from tests.conftest import VirtualClock, drive


@dataclass(frozen=True, kw_only=True)
class Painted(Event):
    name: ClassVar[str] = "test.painted"
    colour: str


def paint(tx: Tx, subject: str, colour: str) -> int:
    return tx.emit(SYSTEM, Painted(subject=subject, colour=colour))


def paint_and_fail(tx: Tx) -> None:
    paint(tx, "DOOR-1", "red")
    raise Conflict("no", "changed my mind")


def seen(tx: ReadTx) -> list[str]:
    return [entry.body["colour"] for entry in log.after(tx, 0)]


def test_an_event_is_in_the_log_once_its_use_case_has_answered(world_db: Database) -> None:
    drive(world_db.write(paint, "DOOR-1", "red"))
    assert drive(world_db.read(seen)) == ["red"]


def test_a_use_case_that_raises_leaves_nothing_behind(world_db: Database) -> None:
    with pytest.raises(Conflict):
        drive(world_db.write(paint_and_fail))
    assert drive(world_db.read(seen)) == []


def test_a_failing_neighbour_in_the_same_batch_takes_nobody_with_it(tmp_path: Path) -> None:
    async def story() -> tuple[list[object], list[str]]:
        clock = SystemClock()
        database = Database(f"sqlite:///{tmp_path}/a.db", clock, Ids(clock))
        metadata.create_all(database.engine)
        jobs = [
            database.write(paint_and_fail) if n % 3 == 0 else database.write(paint, f"DOOR-{n}", str(n))
            for n in range(60)
        ]
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        colours = await database.read(seen)
        database.close()
        return list(answers), colours

    answers, colours = asyncio.run(story())
    assert [isinstance(a, Conflict) for a in answers] == [n % 3 == 0 for n in range(60)]
    assert sorted(map(int, colours)) == [n for n in range(60) if n % 3]


def test_a_database_locked_by_another_program_is_said_in_one_sentence(tmp_path: Path) -> None:
    clock = SystemClock()
    url = f"sqlite:///{tmp_path}/a.db"
    database = Database(url, clock, Ids(clock), inline=True, busy_timeout_ms=20)
    metadata.create_all(database.engine)
    other = sa.create_engine(url).connect()
    other.exec_driver_sql("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="locked"):
        drive(database.write(paint, "DOOR-1", "red"))
    other.close()
    drive(database.write(paint, "DOOR-1", "blue"))
    assert drive(database.read(seen)) == ["blue"]
    database.close()


@pytest.mark.parametrize("step_s", [-3600, 0, 3600])
def test_a_lease_belongs_to_one_holder_until_another_has_not_seen_it_renewed_whatever_the_clock_says(
    world_db: Database, clock: VirtualClock, step_s: float
) -> None:
    passed_s = [0.0]
    sightings = leases.Sightings(lambda: passed_s[0])

    def take(holder: str) -> int | None:
        over = sightings.find_over("edge", 5) if holder == "b" else None
        return drive(world_db.write(leases.acquire, "edge", holder, ttl_s=5, over=over))

    def after(seconds: float) -> int | None:
        """Return what b gets so much later."""
        passed_s[0] += seconds
        clock.advance(seconds=seconds)
        sightings.look(drive(world_db.read(leases.held_by_others, "b")))
        return take("b")

    assert take("a") == 1
    assert after(0) is None
    clock.advance(seconds=step_s)
    assert after(3) is None
    assert take("a") == 1, "renewing keeps the fence"
    assert after(3) is None
    assert after(4.9) is None
    assert after(0.1) == 2, "taking over raises it"
    assert take("a") is None


def test_a_lease_that_was_renewed_after_it_was_seen_is_not_taken(world_db: Database, clock: VirtualClock) -> None:
    sightings = leases.Sightings(clock.monotonic)
    drive(world_db.write(leases.acquire, "edge", "a", ttl_s=5))
    sightings.look(drive(world_db.read(leases.held_by_others, "b")))
    clock.advance(seconds=9)
    over = sightings.find_over("edge", 5)
    assert over is not None
    assert drive(world_db.write(leases.renew, "edge", "a", ttl_s=5))
    assert drive(world_db.write(leases.acquire, "edge", "b", ttl_s=5, over=over)) is None
    assert not drive(world_db.write(leases.bury, "edge", over))


def test_ids_grow_and_never_repeat(clock: VirtualClock) -> None:
    ids = Ids.seeded(clock, 7)
    made = [ids.uuid() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert {uuid[14] for uuid in made} == {"7"}


@pytest.mark.skipif(databases.SERVER is None, reason="SC_TEST_POSTGRES names no server")
class TestACursorOnPostgres:
    """Two transactions draw their seqs in one order and commit in the other."""

    @pytest.fixture
    def database(self) -> Iterator[Database]:
        clock = SystemClock()
        with databases.opened("postgres", clock, Ids(clock)) as made:
            yield made

    def begin(self, database: Database, stack: ExitStack) -> tuple[sa.Connection, Tx]:
        connection = stack.enter_context(database.engine.connect())
        connection.begin()
        return connection, Tx(connection, database.clock.now(), database.ids, database.subscriptions)

    def test_waits_for_the_transaction_that_drew_the_lower_seq(self, database: Database) -> None:
        with ExitStack() as stack:
            slow, slow_tx = self.begin(database, stack)
            quick, quick_tx = self.begin(database, stack)
            # The quick one has the lower transaction number, and the higher seq.
            quick_tx.next_number("INC")
            paint(slow_tx, "DOOR-1", "first")
            paint(quick_tx, "DOOR-2", "second")
            quick.commit()
            assert drive(database.read(seen)) == []
            slow.commit()
            assert drive(database.read(seen)) == ["first", "second"]

    def test_does_not_wait_for_one_that_was_undone_or_writes_no_events(self, database: Database) -> None:
        with ExitStack() as stack:
            undone, undone_tx = self.begin(database, stack)
            _, silent_tx = self.begin(database, stack)
            silent_tx.next_number("INC")
            paint(undone_tx, "DOOR-1", "first")
            undone.rollback()
            drive(database.write(paint, "DOOR-2", "second"))
            assert drive(database.read(seen)) == ["second"]

    def test_waits_for_one_that_writes_again_after_an_undone_savepoint(self, database: Database) -> None:
        with ExitStack() as stack:
            slow, slow_tx = self.begin(database, stack)
            with suppress(Conflict), slow_tx.savepoint():
                paint_and_fail(slow_tx)
            paint(slow_tx, "DOOR-1", "first")
            drive(database.write(paint, "DOOR-2", "second"))
            assert drive(database.read(seen)) == []
            slow.commit()
            assert drive(database.read(seen)) == ["first", "second"]

    def test_sees_every_event_once_while_many_write(self, database: Database) -> None:
        async def story() -> tuple[list[int], list[int]]:
            clock = SystemClock()
            busy = Database(database.url, clock, Ids(clock), threads=8)
            followed: list[int] = []
            written: list[int] = []

            def paint_two(tx: Tx, n: int) -> tuple[int, int]:
                return paint(tx, f"DOOR-{n}", "red"), paint(tx, f"DOOR-{n}", "blue")

            async def write_many(first: int) -> None:
                for n in range(first, first + 60):
                    written.extend(await busy.write(paint_two, n))

            async def follow() -> None:
                while len(followed) < 8 * 60 * 2:
                    at = followed[-1] if followed else 0
                    followed.extend(entry.seq for entry in await busy.read(log.after, at, limit=7))

            async with asyncio.timeout(200):
                await asyncio.gather(follow(), *(write_many(n * 100) for n in range(8)))
            busy.close()
            return followed, written

        followed, written = asyncio.run(story())
        assert followed == sorted(written)


def test_a_lost_race_is_run_again_and_sees_who_won() -> None:
    """Both look, neither sees the row, both insert: the loser runs again instead of failing."""
    if databases.SERVER is None:
        pytest.skip("SC_TEST_POSTGRES names no server")
    barrier = threading.Barrier(2, timeout=60)

    def name_once(tx: Tx, who: str) -> str:
        found = tx.scalar(sa.select(leases_table.c.holder).where(leases_table.c.name == "x"))
        if found is not None:
            return str(found)
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        tx.execute(leases_table.insert().values(name="x", holder=who, until=tx.now, fence=1))
        return who

    async def story(url: str) -> list[str]:
        clock = SystemClock()
        database = Database(url, clock, Ids(clock))
        answers = await asyncio.gather(database.write(name_once, "a"), database.write(name_once, "b"))
        database.close()
        return list(answers)

    clock = SystemClock()
    with databases.opened("postgres", clock) as database:
        answers = asyncio.run(story(database.url))
    assert answers in (["a", "a"], ["b", "b"])


def test_a_listener_that_fails_does_not_undo_the_answer(tmp_path: Path) -> None:
    async def story() -> list[int]:
        clock = SystemClock()
        database = Database(f"sqlite:///{tmp_path}/a.db", clock, Ids(clock))
        metadata.create_all(database.engine)
        database.commit_listeners.append(lambda emitted: 1 // 0)  # type: ignore[arg-type,return-value]
        answers = [await database.write(paint, "DOOR-1", "red") for _ in range(2)]
        database.close()
        with pytest.raises(Unavailable, match="stopping"):
            await database.write(paint, "DOOR-1", "blue")
        return answers

    assert asyncio.run(story()) == [1, 2]
