"""Where everything of one proxy lies on disk, and how a file is replaced."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from staycalm.ports.errors import Fenced, OutsideUnavailable

Json = dict[str, Any]
OWN_ACCESS_LOG = "access/access.log"


@dataclass(frozen=True, slots=True)
class Layout:
    """One directory per watched file, because the proxy watches directories; drafts lie elsewhere.

    All of it is on one file system, so that a rename is atomic. Only the owner can read it.
    """

    root: Path

    @property
    def bootstrap(self) -> Path:
        return self.root / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        return self.root / "cds" / "clusters.json"

    @property
    def listeners(self) -> Path:
        return self.root / "lds" / "listeners.json"

    def routes(self, listener: str) -> Path:
        return self.root / "rds" / listener / "routes.json"

    def secret(self, listener: str) -> Path:
        return self.root / "sds" / listener / "secret.json"

    def rollback(self, placement: object) -> Path:
        """The reserved rollback file of a placement; nothing watches it."""
        return self.root / "reserved" / f"{placement}.json"

    def draft(self, name: str) -> Path:
        return self.root / "drafts" / name

    @property
    def specs(self) -> Path:
        return self.root / "specs.json"

    @property
    def pid(self) -> Path:
        return self.root / "envoy.pid"

    @property
    def log(self) -> Path:
        return self.root / "envoy.log"

    @property
    def access_log(self) -> Path:
        return self.root / OWN_ACCESS_LOG

    def prepare(self) -> None:
        """Every directory exists; raises OutsideUnavailable when that cannot be."""
        try:
            for name in ("", "cds", "lds", "rds", "sds", "reserved", "drafts", "access"):
                (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise disk_trouble(self.root, error) from None


def disk_trouble(path: Path, error: OSError) -> OutsideUnavailable:
    """Return the error that tells which file could not be written or read, and why."""
    return OutsideUnavailable(f"{path}: {error.strerror or error}")


def draft(layout: Layout, name: str, content: bytes, *, is_synced: bool = True) -> Path:
    """Return a complete file on the proxy's file system that nothing watches, readable by the owner only."""
    path = layout.draft(name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if is_synced:
            os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return path


def replace(layout: Layout, target: Path, content: bytes, *, is_synced: bool = True) -> None:
    """The file holds the content, seen whole or not at all; raises OutsideUnavailable.

    One that holds it already is left alone: no space is needed for that.
    """
    try:
        if target.is_file() and target.read_bytes() == content:
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = "-".join(target.relative_to(layout.root).parts)
        os.replace(draft(layout, name, content, is_synced=is_synced), target)
    except OSError as error:
        raise disk_trouble(target, error) from None


def offer_again(layout: Layout, target: Path) -> None:
    """The proxy reads the file once more, which is as it was; raises OutsideUnavailable."""
    try:
        os.replace(draft(layout, "again.json", target.read_bytes(), is_synced=False), target)
    except OSError as error:
        raise disk_trouble(target, error) from None


def overwrite(path: Path, content: bytes) -> None:
    """The unwatched file holds the content, in the space it already has: the way that is left on a full disk."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Json | None:
    """Return the file's object, or None when there is none or it cannot be understood."""
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def take_lock(layout: Layout) -> int:
    """Return the descriptor that makes this process the only writer. Raises Fenced, OutsideUnavailable."""
    path = layout.root / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise disk_trouble(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Fenced(f"another process already drives the proxy in {layout.root}") from None
    return descriptor
