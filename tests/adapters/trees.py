"""Trees and tars for tests to store: a good one, and those that nobody may unpack."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from staycalm.adapters.filestore import pack_directory


def written(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def files_below(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()]


def make_tree(root: Path) -> Path:
    written(root / "bin" / "run", b"#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o750)
    written(root / "data" / "grüße.txt", b"hallo")
    (root / "empty").mkdir()
    (root / "current").symlink_to("data")
    (root / "bin" / "greeting").symlink_to("../data/grüße.txt")
    return root


def packed(root: Path) -> bytes:
    buffer = io.BytesIO()
    pack_directory(root, buffer)
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size
    return entry


def tar_of(*members: tarfile.TarInfo) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in members:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    buffer.seek(0)
    return buffer


HOSTILE = {
    "a path upwards": [member("../evil", size=1)],
    "a path up and down": [member("a/../../evil", size=1)],
    "an absolute path": [member("/tmp/evil", size=1)],
    "a link upwards": [member("l", tarfile.SYMTYPE, "..")],
    "an absolute link": [member("l", tarfile.SYMTYPE, "/tmp")],
    "a file through a link": [member("l", tarfile.SYMTYPE, "d"), member("d", tarfile.DIRTYPE), member("l/evil")],
    "a link through a link": [
        member("d/up", tarfile.SYMTYPE, ".."),
        member("out", tarfile.SYMTYPE, "d/up/../.."),
    ],
    "a hard link to the outside": [member("l", tarfile.LNKTYPE, "/etc/passwd")],
    "a device": [member("null", tarfile.CHRTYPE)],
    "a pipe": [member("pipe", tarfile.FIFOTYPE)],
    "the same name twice": [member("a", size=1), member("a", size=2)],
    "a file below a file": [member("a", size=1), member("a/b", size=1)],
}
