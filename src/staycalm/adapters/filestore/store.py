"""A directory of read-only files named by their digest: `sha256/ab/abcd…`."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staycalm.packing import BLOCK_SIZE, HashSink, file_digest, pack_directory
from staycalm.ports.artifacts import StoredArtifact
from staycalm.ports.errors import DigestMismatch, InvalidSpec, OutsideUnavailable, PortError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})\Z")
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileStore:
    """Artifacts in one local directory, which nobody else may write to.

    Bytes are hashed while they are copied, synced to disk, and appear under their digest by one rename:
    an artifact is there in whole or not at all, whatever is killed when. Any number of processes may put.
    """

    def __init__(self, directory: Path) -> None:
        self._objects = directory / "sha256"
        self._incoming = directory / "incoming"

    @property
    def incoming(self) -> Path:
        """Return where artifacts are until they are whole; `sweep` removes what killed processes left."""
        return self._incoming

    async def put(self, chunks_path: str) -> StoredArtifact:
        """The file's bytes are in the store under their digest; the same bytes twice are one artifact.

        A directory is packed first (`pack.py`). Raises InvalidSpec (absent, not a file), and
        OutsideUnavailable when the disk is full, with nothing half written left behind.
        """
        return await asyncio.to_thread(self._put, Path(chunks_path))

    async def find(self, digest: str) -> StoredArtifact | None:
        """Return the artifact, or None; the digest is not recomputed."""
        return await asyncio.to_thread(self._find, digest)

    async def verify(self, digest: str) -> StoredArtifact:
        """Return the artifact after hashing its bytes again; raises DigestMismatch or InvalidSpec (absent)."""
        return await asyncio.to_thread(self._verify, digest)

    async def list_by_prefix(self, prefix: str, *, limit: int = 10) -> tuple[str, ...]:
        """Return at most `limit` digests that begin with `prefix` (4-64 hex digits), in order."""
        return await asyncio.to_thread(self._list_by_prefix, prefix, limit)

    async def sweep(self) -> int:
        """What killed processes left half copied is gone; returns the number of files."""
        return await asyncio.to_thread(self._sweep)

    def _put(self, source: Path) -> StoredArtifact:
        with disk_errors(source):
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=self._incoming)
            try:
                with os.fdopen(handle, "wb") as target:
                    sink = HashSink(target)
                    if source.is_dir():
                        pack_directory(source, sink)
                    elif source.is_file():
                        with source.open("rb") as file:
                            shutil.copyfileobj(file, sink, BLOCK_SIZE)
                    else:
                        raise InvalidSpec(f"there is no file or directory {source}")
                    target.flush()
                    os.fchmod(target.fileno(), 0o444)
                    os.fsync(target.fileno())
                final = self._path(sink.digest)
                final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # Equal names are equal bytes: a rename over another's file harms nobody, and mends a damaged one.
                os.replace(name, final)
                for directory in (final.parent, self._objects, self._objects.parent):
                    _sync_directory(directory)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        return StoredArtifact(sink.digest, sink.size, str(final))

    def _find(self, digest: str) -> StoredArtifact | None:
        path = self._path(digest)
        with disk_errors(path):
            try:
                found = path.stat()
            except FileNotFoundError:
                return None
            return StoredArtifact(digest, found.st_size, str(path))

    def _verify(self, digest: str) -> StoredArtifact:
        path = self._path(digest)
        with disk_errors(path):
            try:
                with path.open("rb") as file:
                    actual, size = file_digest(file)
            except FileNotFoundError:
                raise InvalidSpec(f"the store has no artifact {digest}") from None
        if actual != digest:
            raise DigestMismatch(f"the store's file for {digest} has the digest {actual}; put the artifact again")
        return StoredArtifact(digest, size, str(path))

    def _list_by_prefix(self, prefix: str, limit: int) -> tuple[str, ...]:
        match = _PREFIX.match(prefix)
        if match is None:
            raise InvalidSpec(f"{prefix!r} is no digest prefix; give 4 to 64 hex digits, or sha256: and them")
        digits = match.group(1)
        directory = self._objects / digits[:2]
        with disk_errors(directory):
            names = sorted(os.listdir(directory)) if directory.is_dir() else []
        return tuple(f"sha256:{name}" for name in names if name.startswith(digits))[:limit]

    def _sweep(self) -> int:
        removed = 0
        with disk_errors(self._incoming):
            for path in sorted(self._incoming.glob("*-*")):
                if not _is_running(path.name.partition("-")[0]):
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            raise InvalidSpec(f"{digest!r} is no digest; one is sha256: and 64 hex digits")
        digits = digest.removeprefix("sha256:")
        return self._objects / digits[:2] / digits


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """An OSError leaves as a PortError with the path and the reason; a full disk may be retried."""
    try:
        yield
    except PortError:
        raise
    except OSError as error:
        place = error.filename or path
        if error.errno in _FULL_DISK:
            raise OutsideUnavailable(f"the disk is full at {place}; free some space and try again") from None
        raise OutsideUnavailable(f"cannot use {place}: {error.strerror or error}") from None


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ValueError:
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
