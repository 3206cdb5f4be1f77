"""A state change and its event are one transaction; answers leave after the commit."""

from __future__ import annotations

import asyncio
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
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
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


def test_a_lease_belongs_to_one_holder_until_it_ends(world_db: Database, clock: VirtualClock) -> None:
    def take(holder: str) -> int | None:
        return drive(world_db.write(leases.acquire, "edge", holder, ttl_s=5))

    assert take("a") == 1
    assert take("b") is None
    clock.advance(seconds=3)
    assert take("a") == 1, "renewing keeps the fence"
    clock.advance(seconds=5)
    assert take("b") == 2, "taking over raises it"
    assert take("a") is None


def test_ids_grow_and_never_repeat(clock: VirtualClock) -> None:
    ids = Ids.seeded(clock, 7)
    made = [ids.uuid() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert {uuid[14] for uuid in made} == {"7"}
