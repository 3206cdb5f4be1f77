"""The artifact's bytes where they will run, and proof that they are those bytes.

A packed directory becomes `root/`, any other file becomes the program `root/artifact`. What lies there is
digested again from the files themselves: packing an unpacked tree gives the artifact's digest back. A tar
that StayCalm did not pack has another digest than its tree; for it `artifact.json` keeps the pair.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from staycalm.adapters.process.layout import RevisionPlace
from staycalm.packing import (
    READ_ONLY_PROGRAM,
    file_digest,
    is_packed,
    make_read_only,
    remove_tree,
    tree_digest,
    unpack,
)
from staycalm.ports.errors import DigestMismatch, InvalidSpec

SINGLE_FILE = "artifact"


@dataclass(frozen=True, slots=True)
class Measured:
    """The digest of what lies in a root, and by what it can be told that nothing has changed since."""

    digest: str
    fingerprint: str


def unpack_artifact(place: RevisionPlace, digest: str, source: Path) -> None:
    """`root/` holds the artifact, unpacked from bytes of this very digest. Blocking.

    Raises DigestMismatch, InvalidSpec, OSError. A root that was there is replaced in whole.
    """
    place.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for stale in place.directory.glob("unpacking-*"):
        remove_tree(stale)
    fresh = Path(tempfile.mkdtemp(prefix="unpacking-", dir=place.directory))
    try:
        with source.open("rb") as file:
            actual, _ = file_digest(file)
            if actual != digest:
                raise DigestMismatch(f"the stored bytes of {digest} have the digest {actual}; nothing was started")
            if is_packed(file):
                unpack(file, fresh)
            else:
                with (fresh / SINGLE_FILE).open("xb") as target:
                    shutil.copyfileobj(file, target)
                    os.fchmod(target.fileno(), READ_ONLY_PROGRAM)
        record = {"artifact": digest, "tree": _contents_digest(fresh)}
        fresh.chmod(0o755)
        remove_tree(place.root)
        fresh.rename(place.root)
        make_read_only(place.root)
        _write(place.record, json.dumps(record))
    except BaseException:
        remove_tree(fresh)
        raise


def measure(place: RevisionPlace, before: Measured | None) -> Measured | None:
    """Return what lies in the root now, or None when nothing does. Blocking.

    Contents are hashed only if a name, size, mode, inode, change or modification time differs from
    `before`: the files are read-only, and the kernel sets the change time at any write.
    """
    if not place.root.is_dir():
        return None
    fingerprint = _fingerprint(place.root)
    if before is not None and before.fingerprint == fingerprint:
        return before
    try:
        found = _contents_digest(place.root)
    except InvalidSpec:
        # Something that no artifact can hold was put there.
        found = "unknown"
    try:
        record = json.loads(place.record.read_text(encoding="utf-8"))
        digest = record["artifact"] if record["tree"] == found else found
    except (OSError, ValueError, KeyError):
        digest = found
    return Measured(digest, fingerprint)


def running_file_digest(place: RevisionPlace, pid: int) -> str | None:
    """Return the digest of the program file that the process was started from, if it is not the root's any more.

    None when the process runs another program (an interpreter), or exactly the file that lies in the root.
    """
    link = Path(f"/proc/{pid}/exe")
    try:
        path = Path(os.readlink(link).removesuffix(" (deleted)"))
        if not path.is_relative_to(place.root.resolve()):
            return None
        running = link.stat()
        if path.exists() and os.path.samestat(path.stat(), running):
            return None
        with link.open("rb") as file:
            return file_digest(file)[0]
    except OSError:
        return None


def _contents_digest(root: Path) -> str:
    if os.listdir(root) == [SINGLE_FILE] and (root / SINGLE_FILE).is_file():
        with (root / SINGLE_FILE).open("rb") as file:
            return file_digest(file)[0]
    return tree_digest(root)


def _fingerprint(root: Path) -> str:
    found = []
    todo = [str(root)]
    while todo:
        here = todo.pop()
        status = os.lstat(here)
        found.append((here, status.st_mode, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
        with os.scandir(here) as children:
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    todo.append(child.path)
                    continue
                s = child.stat(follow_symlinks=False)
                found.append((child.path, s.st_mode, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns))
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)
