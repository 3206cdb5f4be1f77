"""Backups: one portable archive for both engines, taken online, verified by restoring it.

A backup is a gzip-compressed tar of `manifest.json` and one JSON-lines file per table, read in one
snapshot. Because it holds rows and not pages, a SQLite backup restores into PostgreSQL and back.
It follows the tables as they are and not as this code would have them: new code backs the old schema up.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid, Unavailable
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import history, migrate
from staycalm.kit.database.database import Database
from staycalm.kit.database.tables import Utc, leases, metadata
from staycalm.kit.ids import Ids

FORMAT = 1
NO_HISTORY = "none"
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
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def _revived(value: Any, kind: sa.types.TypeEngine[Any]) -> Any:
    if isinstance(value, str) and isinstance(kind, Utc | sa.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and isinstance(kind, sa.LargeBinary):
        return bytes.fromhex(value)
    return value


def _tables(connection: sa.Connection, revision: str) -> list[sa.Table]:
    """Return the tables of the schema's revision, parents first. Tables that others put beside ours are not in.

    An older revision is taken as this database has it; a column this code knows has the type it has here.
    """
    if revision in (NO_HISTORY, history.newest_revision()):
        return list(metadata.sorted_tables)
    inspector = sa.inspect(connection)
    keys = {name: key["constrained_columns"] for (_, name), key in inspector.get_multi_pk_constraint().items()}
    found: dict[str, sa.Table] = {}
    for (_, name), columns in inspector.get_multi_columns().items():
        known = metadata.tables.get(name)
        found[name] = sa.Table(
            name,
            sa.MetaData(),
            *(
                sa.Column(
                    each["name"],
                    known.c[each["name"]].type if known is not None and each["name"] in known.c else each["type"],
                    primary_key=each["name"] in keys[name],
                )
                for each in columns
            ),
        )
    found.pop(history.VERSION_TABLE, None)
    rank = {table.name: number for number, table in enumerate(metadata.sorted_tables)}
    return sorted(found.values(), key=lambda table: (rank.get(table.name, len(rank)), table.name))


def _lines(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    by_bytes = "BINARY" if connection.dialect.name == "sqlite" else "C"
    order = [sa.collate(key, by_bytes) if isinstance(key.type, sa.String) else key for key in table.primary_key]
    streaming = connection.execution_options(yield_per=CHUNK)
    for row in streaming.execute(sa.select(table).order_by(*order)).mappings():
        yield json.dumps({k: _plain(v) for k, v in row.items()}, sort_keys=True).encode() + b"\n"


def _snapshot(database: Database) -> sa.Connection:
    """Return a connection whose reads all see one instant."""
    connection = database.reading_engine.connect()
    if not database.is_sqlite:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def write(database: Database, folder: Path, *, kept: int) -> Backup:
    """A verified backup is in `folder`; older ones beyond `kept` are gone. Nothing half is left on failure."""
    name = f"staycalm-{database.clock.now():%Y%m%d-%H%M%S}.tar.gz"
    with _failing_in_words("the backup could not be written"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
            temporary = Path(making) / name
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
                revision, rows = _archive(database, raw, Path(making))
                raw.flush()
                os.fsync(raw.fileno())
            verify(temporary, scratch=Path(making))
            temporary.replace(folder / name)
        for old in sorted(folder.glob("staycalm-*.tar.gz"))[: -max(kept, 1)]:
            old.unlink(missing_ok=True)
        file = folder / name
        return Backup(file, file.stat().st_size, rows, revision)


@contextlib.contextmanager
def _failing_in_words(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    else:
        return
    raise Unavailable(
        "backup-failed",
        f"{what}: {reason}",
        next_step="Free some space, or make the folder writable, and try again.",
    )


def _archive(database: Database, raw: IO[bytes], spools: Path) -> tuple[str, int]:
    tables: dict[str, dict[str, Any]] = {}
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
        _snapshot(database) as connection,
        connection.begin(),
    ):
        revision = history.current_revision(connection) or NO_HISTORY
        for table in _tables(connection, revision):
            with tempfile.TemporaryFile(dir=spools) as spool:
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


def _bad(file: Path, what: str) -> Invalid:
    return Invalid(
        "bad-backup", f"{file.name} {what}", next_step="Nothing was changed; use another backup.", file=str(file)
    )


@contextlib.contextmanager
def _read(file: Path) -> Iterator[tarfile.TarFile]:
    """Yield the open archive; raises Invalid for whatever is not one, or is cut, or was changed."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            yield tar
    except FileNotFoundError:
        raise _bad(file, "does not exist") from None
    except (OSError, EOFError, zlib.error, tarfile.TarError, KeyError, TypeError, AttributeError, ValueError):
        raise _bad(file, "is not a whole StayCalm backup") from None


def _manifest(file: Path) -> dict[str, Any]:
    """Return the manifest once every table's bytes are those it names."""
    with _read(file) as tar:
        manifest: dict[str, Any] = json.load(_member(tar, "manifest.json"))
        if manifest["format"] != FORMAT:
            raise _bad(file, f"has format {manifest['format']}; this code reads {FORMAT}")
        for name, expected in manifest["tables"].items():
            digest = hashlib.sha256()
            for line in _member(tar, f"tables/{name}.jsonl"):
                digest.update(line)
            if digest.hexdigest() != expected["sha256"]:
                raise _bad(file, f"was changed after it was made: table {name} is not what it was")
        str(manifest["revision"]), str(manifest["at"])
        return manifest


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.extractfile(name)
    if member is None:
        raise tarfile.TarError(f"{name} is no file")
    return member


def verify(file: Path, *, scratch: Path | None = None) -> dict[str, Any]:
    """Return the manifest once the backup was restored into a scratch database and every table's bytes agree."""
    manifest = _manifest(file)
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix=".verifying-", dir=scratch) as folder:
        database = Database(f"sqlite:///{folder}/verify.db", clock, Ids(clock), inline=True)
        try:
            _load(database, file, manifest)
            with database.engine.connect() as connection, connection.begin():
                for table in _tables(connection, manifest["revision"]):
                    digest = hashlib.sha256()
                    for line in _lines(connection, table):
                        digest.update(line)
                    if digest.hexdigest() != manifest["tables"][table.name]["sha256"]:
                        raise _bad(file, f"does not restore: table {table.name} did not come back as it was")
        finally:
            database.close()
    return manifest


def restore(database: Database, file: Path) -> dict[str, Any]:
    """The empty database holds exactly what the backup held, except leases: no process has any now.

    Raises Conflict when it is not empty, Invalid for a bad backup; either leaves it as it was.
    """
    with _failing_in_words("the backup could not be restored"):
        manifest = verify(file)
        with database.engine.connect() as connection:
            if set(sa.inspect(connection).get_table_names()) - {history.VERSION_TABLE}:
                raise Conflict(
                    "not-empty",
                    "the database is not empty",
                    next_step="Restore into a new data directory or database.",
                )
        _load(database, file, manifest, keeps_leases=False)
    return manifest


def _load(database: Database, file: Path, manifest: dict[str, Any], *, keeps_leases: bool = True) -> None:
    """The rows are in, in one transaction with the schema of the revision they were written with."""
    with database.engine.connect() as connection, connection.begin():
        if manifest["revision"] == NO_HISTORY:
            metadata.create_all(connection)
        else:
            migrate.to_revision(connection, manifest["revision"])
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        tables = _tables(connection, manifest["revision"])
        if {table.name for table in tables} != set(manifest["tables"]):
            raise _bad(file, f"does not hold the tables of schema {manifest['revision']}")
        with _read(file) as tar:
            for table in tables:
                _insert(connection, table, _member(tar, f"tables/{table.name}.jsonl"))
        if not keeps_leases:
            connection.execute(leases.delete())
        if not database.is_sqlite:
            _advance_sequences(connection, tables)


def _insert(connection: sa.Connection, table: sa.Table, lines: IO[bytes]) -> None:
    kinds = {column.name: column.type for column in table.c}
    chunk: list[dict[str, Any]] = []
    for line in lines:
        row = json.loads(line)
        if row.keys() != kinds.keys():
            raise Invalid("bad-backup", f"the backup's table {table.name} has other columns than its schema has")
        chunk.append({name: _revived(value, kinds[name]) for name, value in row.items()})
        if len(chunk) == CHUNK:
            connection.execute(table.insert(), chunk)
            chunk = []
    if chunk:
        connection.execute(table.insert(), chunk)


def _advance_sequences(connection: sa.Connection, tables: list[sa.Table]) -> None:
    """Restored ids are not given out a second time."""
    for table in tables:
        for column in table.primary_key:
            sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
            if sequence:
                highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sequence, highest, False)))
