"""Which process is which, and what it is doing: pids are used again, and a hung proxy looks like a busy one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

IS_LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for ever: a pid alone is used again. `started` is opaque and compared for equality."""

    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.pid}:{self.started}"


def _fields(pid: int) -> list[str]:
    """Return /proc/PID/stat from the state on (proc(5)); raises OSError."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def look(pid: int) -> Identity | None:
    """Return who runs under the pid now; None for nobody, and for a zombie. Raises OSError if unreadable."""
    if IS_LINUX:
        try:
            state, *rest = _fields(pid)
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else Identity(pid, rest[18])
    shown = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    ).stdout.split(maxsplit=1)
    return Identity(pid, shown[1].strip()) if len(shown) == 2 and "Z" not in shown[0] else None


def exists(identity: Identity) -> bool:
    """Cheap enough to be asked fifty times a second."""
    try:
        if IS_LINUX:
            return look(identity.pid) == identity
    except OSError:
        # No file can be opened, perhaps because too many are: that is no sign that it ended.
        pass
    try:
        os.kill(identity.pid, 0)
    except OSError:
        return False
    return True


def is_kept_waiting(pid: int) -> bool:
    """Return whether its main thread waits for a processor or the disk, or may do so: then it may answer yet."""
    try:
        return not IS_LINUX or _fields(pid)[0] in "RD"
    except OSError:
        return True
