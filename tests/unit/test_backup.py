"""A backup is whole or absent, comes back on either engine, and never overwrites anything."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from staycalm.core.errors import Conflict, Unavailable
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, Tx, backup, leases, log, migrate
from staycalm.kit.database.tables import deliveries
from staycalm.kit.ids import Ids
from tests import databases
from tests.conftest import drive
from tests.unit import backups
from tests.unit.backups import ODD, ODD_JSON, Make, everything, paint

make, filled = backups.make, backups.filled


@pytest.mark.parametrize("into", databases.ENGINES)
def test_what_was_backed_up_comes_back_on_either_engine_and_back_again(
    filled: Database, make: Make, into: str, tmp_path: Path
) -> None:
    before = drive(filled.read(everything))
    made = backup.write(filled, tmp_path / "b", kept=3)
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert made.rows == len(ODD) * len(ODD_JSON) + 2 * len(ODD)
    there = make(into)
    backup.restore(there, made.file)
    assert drive(there.read(everything)) == before
    again = make("sqlite")
    backup.restore(again, backup.write(there, tmp_path / "c", kept=3).file)
    assert drive(again.read(everything)) == before
    assert [p.name for p in (tmp_path / "b").iterdir()] == [made.file.name]


@pytest.mark.parametrize("into", databases.ENGINES)
def test_numbers_go_on_after_the_highest_that_was_restored(
    filled: Database, make: Make, into: str, tmp_path: Path
) -> None:
    there = make(into)
    backup.restore(there, backup.write(filled, tmp_path, kept=1).file)
    newest = drive(filled.read(log.newest_seq))
    assert drive(there.write(paint, "DOOR-1", "red")) > newest
    there.subscriptions = lambda _name: [("t.hear", 1)]
    drive(there.write(paint, "DOOR-1", "blue"))
    assert drive(there.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(deliveries)))) == 1


def test_nobody_holds_a_lease_after_a_restore(filled: Database, make: Make, tmp_path: Path) -> None:
    there = make("sqlite")
    backup.restore(there, backup.write(filled, tmp_path, kept=1).file)
    assert drive(there.write(leases.acquire, "plain", "another", ttl_s=5)) is not None


def test_a_restore_into_a_database_that_is_not_empty_is_refused(filled: Database, tmp_path: Path) -> None:
    made = backup.write(filled, tmp_path, kept=1)
    before = drive(filled.read(everything))
    with pytest.raises(Conflict, match="not empty"):
        backup.restore(filled, made.file)
    assert drive(filled.read(everything)) == before


def test_only_the_newest_are_kept(filled: Database, tmp_path: Path) -> None:
    for second in range(5):
        (tmp_path / f"staycalm-2001010{second}-000000.tar.gz").write_bytes(b"old")
    (tmp_path / "mine.txt").write_bytes(b"not a backup")
    made = backup.write(filled, tmp_path, kept=3)
    assert sorted(p.name for p in tmp_path.glob("*.*")) == sorted(
        ["mine.txt", "staycalm-20010103-000000.tar.gz", "staycalm-20010104-000000.tar.gz", made.file.name]
        + [p.name for p in tmp_path.glob("*.db*")]
    )


def test_a_backup_taken_while_others_write_holds_one_instant(tmp_path: Path) -> None:
    """Two events are always written together, so that an odd number would be half a transaction."""
    engines = ["sqlite", *databases.ENGINES[1:]]
    for engine in engines:
        with ExitStack() as stack:
            url = (
                f"sqlite:///{tmp_path}/w.db"
                if engine == "sqlite"
                else stack.enter_context(databases.empty_postgres())
            )
            clock = SystemClock()
            database = Database(url, clock, Ids(clock))
            stack.callback(database.close)
            migrate.upgrade(database, backups=tmp_path, kept=1)
            made = asyncio.run(back_up_under_load(database, tmp_path / engine))
            there = Database(f"sqlite:///{tmp_path}/{engine}-restored.db", clock, Ids(clock), inline=True)
            stack.callback(there.close)
            backup.restore(there, made.file)
            colours = [colour for _, colour, _ in drive(there.read(everything))]
            assert len(colours) >= 20
            assert sorted(colours) == sorted([n for n in set(colours) for _ in range(2)])


async def back_up_under_load(database: Database, folder: Path) -> backup.Backup:
    def pair(tx: Tx, n: int) -> None:
        paint(tx, "DOOR-1", n)
        paint(tx, "DOOR-2", n)

    stop = asyncio.Event()

    async def keep_writing(first: int) -> None:
        n = first
        while not stop.is_set():
            await database.write(pair, n)
            n += 4

    for n in range(10):
        await database.write(pair, -1 - n)
    writers = [asyncio.create_task(keep_writing(n)) for n in range(4)]
    made = await asyncio.to_thread(backup.write, database, folder, kept=2)
    stop.set()
    await asyncio.gather(*writers)
    return made


def test_a_folder_that_cannot_be_written_is_said_in_words(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="could not be written"):
        backup.write(filled, tmp_path / "file" / "b", kept=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_leaves_no_half_backup_and_the_older_ones(filled: Database, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        older = small / "staycalm-20010101-000000.tar.gz"
        older.write_bytes(b"older")
        drive(filled.write(lambda tx: [paint(tx, "DOOR-1", os.urandom(500).hex()) for _ in range(200)]))
        with pytest.raises(Unavailable, match=r"No space left|full"):
            backup.write(filled, small, kept=1)
        assert list(small.iterdir()) == [older]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_what_others_put_beside_our_tables_is_left_to_them(filled: Database, make: Make, tmp_path: Path) -> None:
    with filled.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE by_hand (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("ALTER TABLE counters ADD COLUMN by_hand TEXT")
    made, there = backup.write(filled, tmp_path / "b", kept=1), make("sqlite")
    backup.restore(there, made.file)
    assert drive(there.read(everything)) == drive(filled.read(everything))
