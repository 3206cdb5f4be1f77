"""A file that is not the backup that was made is refused, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, backup, migrate
from staycalm.kit.ids import Ids
from tests.conftest import drive
from tests.unit import backups
from tests.unit.backups import Make, fill

make = backups.make


def repack(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write the archive anew, each member as `change` returns it, without those it returns None for."""
    with tarfile.open(file, "r:gz") as tar:
        content = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    with tarfile.open(file, "w:gz") as tar:
        for name, data in content.items():
            changed = change(name, data)
            if changed is not None:
                info = tarfile.TarInfo(name)
                info.size = len(changed)
                tar.addfile(info, io.BytesIO(changed))


def flip_a_byte(file: Path) -> None:
    data = bytearray(gzip.decompress(file.read_bytes()))
    data[len(data) // 2] ^= 1
    file.write_bytes(gzip.compress(bytes(data)))


def with_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def rewrite(name: str, data: bytes) -> bytes:
        if name != "manifest.json":
            return data
        manifest = json.loads(data)
        change(manifest)
        return json.dumps(manifest).encode()

    return lambda file: repack(file, rewrite)


TAMPERED: list[tuple[str, Callable[[Path], Any], str]] = [
    ("cut off", lambda f: f.write_bytes(f.read_bytes()[:-500]), "is not a whole StayCalm backup"),
    ("something else", lambda f: f.write_bytes(b"hello"), "is not a whole StayCalm backup"),
    ("nothing", lambda f: f.write_bytes(b""), "is not a whole StayCalm backup"),
    ("missing", lambda f: f.unlink(), "does not exist"),
    ("one bit", flip_a_byte, "is not what it was|is not a whole StayCalm backup"),
    ("a table gone", lambda f: repack(f, lambda n, d: None if n == "tables/events.jsonl" else d), "not a whole"),
    ("a row more", lambda f: repack(f, lambda n, d: d + d[: d.index(b"\n") + 1] if "events" in n else d),
     "events is not what it was"),
    ("no manifest", lambda f: repack(f, lambda n, d: None if n == "manifest.json" else d), "not a whole"),
    ("a list for a manifest", lambda f: repack(f, lambda n, d: b"[]" if "manifest" in n else d), "not a whole"),
    ("another format", with_manifest(lambda m: m.update(format=9)), "has format 9; this code reads 1"),
    ("a later schema", with_manifest(lambda m: m.update(revision="9999")), "made by newer code"),
    ("a table unknown", with_manifest(lambda m: m["tables"].pop("events")), "does not hold the tables"),
]  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good backup."""
    folder, clock = tmp_path_factory.mktemp("good"), SystemClock()
    database = Database(f"sqlite:///{folder}/a.db", clock, Ids(clock), inline=True)
    migrate.upgrade(database, backups=folder, kept=1)
    drive(database.write(fill))
    made = backup.write(database, folder, kept=1)
    database.close()
    return made.file.read_bytes()


@pytest.mark.parametrize(("tamper", "said"), [each[1:] for each in TAMPERED], ids=[each[0] for each in TAMPERED])
def test_what_is_not_what_was_made_is_refused_and_leaves_nothing(
    make: Make, good: bytes, tmp_path: Path, tamper: Callable[[Path], Any], said: str
) -> None:
    there, file = make("sqlite"), tmp_path / "staycalm-1.tar.gz"
    file.write_bytes(good)
    tamper(file)
    with pytest.raises((Invalid, Conflict), match=said):
        backup.restore(there, file)
    with there.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
