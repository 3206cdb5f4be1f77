"""The history of the schema leads to what the code declares, and back to nothing."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import staycalm.app.tables
import staycalm.migrations
from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Conflict, Unavailable
from staycalm.core.self_events import ClockStepped
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, backup, history, log, migrate, steps
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.migrations.__main__ import write_step
from tests import databases
from tests.conftest import drive


@pytest.fixture(params=databases.ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    clock = SystemClock()
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/a.db", clock, Ids(clock), inline=True)
        yield database
        database.close()
        return
    with databases.empty_postgres() as url:
        database = Database(url, clock, Ids(clock), inline=True)
        yield database
        database.close()


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def tables(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


LATER = """
import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "{newest}"
branch_labels = depends_on = None


def upgrade():
    op.create_table("added_later", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("added_later")
"""


@contextlib.contextmanager
def a_later_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The code's history has one step more while the block runs."""
    folder = tmp_path / "history"
    shutil.copytree(Path(staycalm.migrations.__file__).parent, folder)
    (folder / "versions" / "later.py").write_text(LATER.format(newest=history.newest_revision()))
    with monkeypatch.context() as patch:
        patch.setattr(history, "FOLDER", folder)
        yield


def declare(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


def test_the_history_leads_to_what_the_code_declares(empty: Database, backups: Path) -> None:
    assert migrate.upgrade(empty, backups=backups, kept=1) == "empty"
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert history.current_revision(connection) == history.newest_revision()
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            declared = {str(index.name) for index in table.indexes}
            found = {str(index["name"]) for index in inspector.get_indexes(table.name)}
            assert declared <= found, table.name
    assert not backups.exists(), "an empty database needs no backup"


def test_a_second_time_nothing_is_done(empty: Database, backups: Path) -> None:
    migrate.upgrade(empty, backups=backups, kept=1)
    assert migrate.upgrade(empty, backups=backups, kept=1) is None


def test_down_to_the_start_leaves_nothing_and_up_again_works(empty: Database, backups: Path) -> None:
    migrate.upgrade(empty, backups=backups, kept=1)
    migrate.downgrade(empty, "base")
    assert tables(empty) <= {history.VERSION_TABLE}
    migrate.upgrade(empty, backups=backups, kept=1)
    assert set(metadata.tables) <= tables(empty)


def test_each_step_goes_down_and_up_again(empty: Database, backups: Path) -> None:
    migrate.upgrade(empty, backups=backups, kept=1)
    scripts = list(ScriptDirectory.from_config(steps.configuration()).walk_revisions())
    assert history.newest_revision() == scripts[0].revision
    assert history.known_revisions() == {script.revision for script in scripts}
    for script in scripts:
        migrate.downgrade(empty, script.down_revision or "base")  # type: ignore[arg-type]
        with empty.engine.connect() as connection:
            assert history.current_revision(connection) == script.down_revision
    migrate.upgrade(empty, backups=backups, kept=1)
    with empty.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_schema_of_newer_code_is_left_alone(empty: Database, backups: Path) -> None:
    migrate.upgrade(empty, backups=backups, kept=1)
    declare(empty, "9999")
    assert migrate.upgrade(empty, backups=backups, kept=1) is None
    with empty.engine.connect() as connection:
        assert history.current_revision(connection) == "9999"
    assert not backups.exists()


@pytest.mark.parametrize("has_versions", [False, True], ids=["no history", "another history"])
def test_somebody_elses_database_is_refused_and_untouched(
    empty: Database, backups: Path, has_versions: bool
) -> None:
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
        if has_versions:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('abc')")
    before = tables(empty)
    with pytest.raises(Conflict, match="not StayCalm's"):
        migrate.upgrade(empty, backups=backups, kept=1)
    assert tables(empty) == before


def test_a_database_with_rows_is_backed_up_before_it_changes(
    empty: Database, backups: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A step is appended to a copy of the history, as the next version of the code would."""
    migrate.upgrade(empty, backups=backups, kept=2)
    drive(empty.write(lambda tx: tx.emit(SYSTEM, ClockStepped(subject="a", step_s=2.0))))
    with empty.engine.connect() as connection:
        newest = history.current_revision(connection)
    with a_later_history(tmp_path, monkeypatch):
        assert migrate.upgrade(empty, backups=backups, kept=2) == newest
        assert "added_later" in tables(empty)
    (made,) = backups.iterdir()
    clock = SystemClock()
    restored = Database(f"sqlite:///{tmp_path}/restored.db", clock, Ids(clock), inline=True)
    backup.restore(restored, made)
    assert [entry.subject for entry in drive(restored.read(log.after, 0))] == ["a"]
    assert "added_later" not in tables(restored)
    restored.close()


def test_without_room_for_the_backup_nothing_is_migrated(
    empty: Database, backups: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    migrate.upgrade(empty, backups=backups, kept=2)
    backups.write_text("a file is in the way")
    with a_later_history(tmp_path, monkeypatch), pytest.raises(Unavailable, match="backup could not be written"):
        migrate.upgrade(empty, backups=backups, kept=2)
    assert "added_later" not in tables(empty)


def test_a_step_is_drafted_from_what_is_declared_and_leads_there(
    empty: Database, backups: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "history"
    shutil.copytree(Path(staycalm.migrations.__file__).parent, folder, ignore=shutil.ignore_patterns("0*.py"))
    monkeypatch.setattr(history, "FOLDER", folder)
    file = write_step("All of it at once")
    assert file is not None
    assert file.name == "0001_all_of_it_at_once.py"
    assert write_step("Once more") is None
    migrate.upgrade(empty, backups=backups, kept=1)
    with empty.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_only_the_step_itself_is_in_the_log(
    empty: Database, backups: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from staycalm.kit.logs import set_up_logs

    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_logs()
        root.addHandler(caplog.handler)
        migrate.upgrade(empty, backups=backups, kept=1)
    finally:
        root.handlers[:], root.level = before[0], before[1]
    assert [record.getMessage() for record in caplog.records] == ["Running upgrade"]


def test_a_database_that_does_not_answer_is_said_in_one_sentence(backups: Path) -> None:
    clock = SystemClock()
    database = Database("postgresql://nobody@127.0.0.1:1/none", clock, Ids(clock), inline=True)
    with pytest.raises(Unavailable, match="the database cannot be used"):
        migrate.upgrade(database, backups=backups, kept=1)
    database.close()


def test_a_file_that_is_no_database_is_said_in_one_sentence(backups: Path, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database at all " * 100)
    clock = SystemClock()
    database = Database(f"sqlite:///{tmp_path}/a.db", clock, Ids(clock), inline=True)
    with pytest.raises(Unavailable, match="file is not a database"):
        migrate.upgrade(database, backups=backups, kept=1)
    database.close()
