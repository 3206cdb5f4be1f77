"""Backups: one portable archive for both engines, taken online, verified by restoring it.

A backup is a gzip-compressed tar of `manifest.json` and one JSON-lines file per table, read in one
snapshot. Because it holds rows and not pages, a SQLite backup restores into PostgreSQL and back.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid, Unavailable
from staycalm.kit.database import migrate
from staycalm.kit.database.database import Database
from staycalm.kit.database.tables import metadata

FORMAT = 1
CHUNK = 1000


@dataclass(frozen=True)
class Backup:
    """A verified backup: its file, its size in bytes, how many rows it holds, and the schema's revision."""

    file: Path
    size: int
    rows: int
    revision: str


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$utc": value.isoformat()}
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    return value


def _revive(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        if "$utc" in value:
            return datetime.fromisoformat(value["$utc"])
        if "$hex" in value:
            return bytes.fromhex(value["$hex"])
    return value


def _lines(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    result = connection.execution_options(yield_per=CHUNK).execute(sa.select(table).order_by(*table.primary_key))
    for row in result.mappings():
        yield json.dumps({k: _plain(v) for k, v in row.items()}, sort_keys=True).encode() + b"\n"


def _snapshot(database: Database) -> sa.Connection:
    """Return a connection whose reads all see one instant."""
    connection = database.reading_engine.connect()
    if not database.is_sqlite:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def write(database: Database, folder: Path, *, kept: int) -> Backup:
    """A verified backup is in `folder`; older ones beyond `kept` are gone. Nothing half is left on failure."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"staycalm-{database.clock.now():%Y%m%d-%H%M%S}.tar.gz"
    temporary = folder / f".{name}.new"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            revision, rows = _archive(database, raw)
            raw.flush()
            os.fsync(raw.fileno())
        verify(temporary)
        temporary.replace(folder / name)
    except OSError as error:
        raise Unavailable(
            "backup-failed", f"the backup could not be written: {error.strerror}", next_step="Free some space."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    for old in sorted(folder.glob("staycalm-*.tar.gz"))[: -max(kept, 1)]:
        old.unlink(missing_ok=True)
    file = folder / name
    return Backup(file, file.stat().st_size, rows, revision)


def _archive(database: Database, raw: Any) -> tuple[str, int]:
    tables: dict[str, dict[str, Any]] = {}
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
        _snapshot(database) as connection,
        connection.begin(),
    ):
        revision = migrate.current_revision(connection) or "none"
        present = set(sa.inspect(connection).get_table_names())
        for table in metadata.sorted_tables:
            if table.name not in present:
                continue
            with tempfile.TemporaryFile() as spool:
                digest, count = hashlib.sha256(), 0
                for line in _lines(connection, table):
                    spool.write(line)
                    digest.update(line)
                    count += 1
                _add(tar, f"tables/{table.name}.jsonl", spool)
            tables[table.name] = {"rows": count, "sha256": digest.hexdigest()}
        manifest = {
            "format": FORMAT, "revision": revision, "at": database.clock.now().isoformat(), "tables": tables,
        }  # fmt: skip
        _add(tar, "manifest.json", io.BytesIO(json.dumps(manifest, indent=1).encode()))
    return revision, sum(t["rows"] for t in tables.values())


def _add(tar: tarfile.TarFile, name: str, content: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = content.seek(0, os.SEEK_END)
    content.seek(0)
    tar.addfile(info, content)


def _manifest(file: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, "r:gz") as tar:
            member = tar.extractfile("manifest.json")
            assert member is not None
            manifest: dict[str, Any] = json.load(member)
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError, AssertionError):
        raise Invalid(
            "bad-backup", f"{file} is not a StayCalm backup", next_step="Nothing was changed; name another file."
        ) from None
    if manifest.get("format") != FORMAT:
        raise Invalid("bad-backup", f"{file} has format {manifest.get('format')}, this code reads {FORMAT}")
    return manifest


def verify(file: Path) -> dict[str, Any]:
    """Return the manifest once the backup was restored into a scratch database and every table's bytes agree."""
    from staycalm.kit.clock import SystemClock
    from staycalm.kit.ids import Ids

    manifest = _manifest(file)
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="sc-verify-") as scratch:
        database = Database(f"sqlite:///{scratch}/verify.db", clock, Ids(clock), inline=True)
        try:
            if manifest["revision"] == "none":
                metadata.create_all(database.engine)
            _load(database, file, manifest)
            with database.engine.connect() as connection, connection.begin():
                for name, expected in manifest["tables"].items():
                    digest = hashlib.sha256()
                    for line in _lines(connection, metadata.tables[name]):
                        digest.update(line)
                    if digest.hexdigest() != expected["sha256"]:
                        raise Invalid("bad-backup", f"table {name} did not come back as it was")
        finally:
            database.close()
    return manifest


def restore(database: Database, file: Path) -> dict[str, Any]:
    """The empty database holds exactly what the backup held. Raises Conflict when it is not empty."""
    manifest = verify(file)
    with database.engine.connect() as connection:
        if sa.inspect(connection).get_table_names():
            raise Conflict(
                "not-empty",
                "the database is not empty",
                next_step="Restore into a new data directory or database.",
            )
    _load(database, file, manifest)
    return manifest


def _load(database: Database, file: Path, manifest: dict[str, Any]) -> None:
    """The rows are in, in one transaction, at the schema revision they were written with."""
    with database.engine.connect() as connection:
        if manifest["revision"] != "none":
            with connection.begin():
                migrate.to_revision(connection, manifest["revision"])
        with connection.begin(), tarfile.open(file, "r:gz") as tar:
            if database.is_sqlite:
                connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for table in metadata.sorted_tables:
                if table.name in manifest["tables"]:
                    member = tar.extractfile(f"tables/{table.name}.jsonl")
                    assert member is not None
                    _insert(connection, table, member)
            if not database.is_sqlite:
                _advance_sequences(connection)


def _insert(connection: sa.Connection, table: sa.Table, lines: Any) -> None:
    chunk: list[dict[str, Any]] = []
    for line in lines:
        chunk.append({k: _revive(v) for k, v in json.loads(line).items()})
        if len(chunk) == CHUNK:
            connection.execute(table.insert(), chunk)
            chunk = []
    if chunk:
        connection.execute(table.insert(), chunk)


def _advance_sequences(connection: sa.Connection) -> None:
    """Restored ids are not given out a second time."""
    for table in metadata.sorted_tables:
        for column in table.primary_key:
            sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
            if sequence:
                highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sequence, highest, False)))
