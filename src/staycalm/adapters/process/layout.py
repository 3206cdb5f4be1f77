"""Where everything of a revision lies, and what its shims have written there.

DIRECTORY/<revision>/
    root/                what was unpacked; a single file is root/artifact
    artifact.json        which artifact that is, and the digest of the tree it became
    instances/<number>/  lock, state.json, log.jsonl, log.1.jsonl ..., shim.err, work/ (writable)
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from staycalm.adapters.process import proc
from staycalm.ports.errors import InvalidSpec

Phase = Literal["running", "waiting", "stopping", "stopped", "failed"]
_REVISION = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?\Z")
# Every process of an instance carries this variable: how left-over ones are found.
MARK = "SC_INSTANCE_DIRECTORY"


@dataclass(frozen=True, slots=True)
class ShimState:
    """What the shim of an instance wrote last. `started_at_s` is seconds since the epoch."""

    boot: str
    phase: Phase
    shim_pid: int
    shim_ticks: int | None
    pid: int | None
    ticks: int | None
    started_at_s: float | None
    restarts: int
    port: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """The files of one instance."""

    revision: str
    number: int
    directory: Path

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def work(self) -> Path:
        return self.directory / "work"

    def read_state(self) -> ShimState | None:
        """Return what the shim wrote, or None when it never did (or the disk was full then)."""
        try:
            raw = json.loads((self.directory / "state.json").read_text(encoding="utf-8"))
            return ShimState(
                boot=raw["boot"],
                phase=raw["phase"],
                shim_pid=raw["shim_pid"],
                shim_ticks=raw["shim_ticks"],
                pid=raw["pid"],
                ticks=raw["ticks"],
                started_at_s=raw["started_at"],
                restarts=raw["restarts"],
                port=raw["port"],
                reason=raw["reason"],
            )
        except (OSError, ValueError, KeyError):
            return None

    def mark_stopped(self, reason: str) -> None:
        """The state says stopped, for a shim that can no longer say it itself."""
        path = self.directory / "state.json"
        raw = json.loads(path.read_text(encoding="utf-8"))
        fresh = path.with_suffix(".stopped")
        fresh.write_text(json.dumps({**raw, "phase": "stopped", "pid": None, "reason": reason}), encoding="utf-8")
        os.replace(fresh, path)

    def is_supervised(self) -> bool:
        """Return whether its shim lives: the same pid with the same start, or, without /proc, its lock is held."""
        state = self.read_state()
        if state is None or state.phase in ("stopped", "failed") or state.boot != proc.boot_id():
            return False
        if proc.HAS_PROC:
            return proc.is_alive(state.shim_pid, state.shim_ticks)
        return self._is_locked()

    def _is_locked(self) -> bool:
        with self.locked() as is_ours:
            return not is_ours

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Inside, no shim can begin; yields False when one lives, and holds the lock for as long as it does."""
        handle = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except BlockingIOError:
            is_ours = False
        try:
            yield is_ours
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class RevisionPlace:
    """The files of one revision."""

    revision: str
    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def record(self) -> Path:
        return self.directory / "artifact.json"

    def instance(self, number: int) -> InstancePlace:
        return InstancePlace(self.revision, number, self.directory / "instances" / str(number))

    def instances(self) -> tuple[InstancePlace, ...]:
        """Return every instance that ever was, by number."""
        try:
            names = os.listdir(self.directory / "instances")
        except OSError:
            return ()
        return tuple(self.instance(n) for n in sorted(int(name) for name in names if name.isdigit()))


def place_of(directory: Path, revision: str) -> RevisionPlace:
    """Return the revision's place; raises InvalidSpec when its name could be a path."""
    if not _REVISION.match(revision):
        raise InvalidSpec(f"{revision!r} cannot name a revision; use lower-case letters, digits, dots and hyphens")
    return RevisionPlace(revision, directory / revision)


def list_places(directory: Path) -> tuple[RevisionPlace, ...]:
    """Return every revision that has files here, by name."""
    try:
        names = os.listdir(directory)
    except OSError:
        return ()
    return tuple(RevisionPlace(name, directory / name) for name in sorted(names) if _REVISION.match(name))
