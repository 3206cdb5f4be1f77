"""The data directory: everything one server keeps on its machine, and the lock that says who has it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staycalm.core.errors import Conflict, Unavailable


@dataclass(frozen=True)
class DataDirectory:
    """A directory of mode 0700. `SC_DATA` names it; its default is the user's data home."""

    path: Path

    @staticmethod
    def default(environ: dict[str, str] | None = None) -> Path:
        """Return `SC_DATA`, or /var/lib/staycalm for root, or ~/.local/share/staycalm (XDG base directories)."""
        known = os.environ if environ is None else environ
        if known.get("SC_DATA"):
            return Path(known["SC_DATA"]).expanduser()
        if os.geteuid() == 0:
            return Path("/var/lib/staycalm")
        home = known.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        return Path(home) / "staycalm"

    def create(self) -> DataDirectory:
        """The directory exists and only its owner can read it. Raises Unavailable in words."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.path / ".writable"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise Unavailable(
                "no-data-directory",
                f"cannot write to the data directory {self.path}: {error.strerror}",
                next_step="Name another with --data or SC_DATA, or free some space.",
            ) from None
        return self

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'staycalm.db'}"

    @property
    def settings_file(self) -> Path | None:
        found = self.path / "staycalm.toml"
        return found if found.exists() else None

    def folder(self, name: str) -> Path:
        """Return the sub-directory, made when it was not there."""
        made = self.path / name
        made.mkdir(mode=0o700, exist_ok=True)
        return made

    def announce(self, **facts: Any) -> None:
        """`server.json` tells the local `sc` where the server listens."""
        temporary = self.path / "server.json.new"
        temporary.write_text(json.dumps({"pid": os.getpid(), **facts}), encoding="utf-8")
        temporary.replace(self.path / "server.json")

    def withdraw(self) -> None:
        """`server.json` is gone, unless another process has written its own meanwhile."""
        announced = self.path / "server.json"
        with contextlib.suppress(OSError, ValueError):
            if json.loads(announced.read_text(encoding="utf-8"))["pid"] == os.getpid():
                announced.unlink(missing_ok=True)

    def write_private(self, name: str, text: str) -> Path:
        """A file of mode 0600 holds the text."""
        file = self.path / name
        temporary = self.path / f"{name}.new"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        temporary.replace(file)
        return file

    @contextlib.contextmanager
    def lock(self, name: str, *, who: str) -> Iterator[None]:
        """Nobody else holds the lock while the block runs; it ends with the process. Raises Conflict at once."""
        held = self.try_lock(name)
        if held is None:
            raise Conflict(
                "data-directory-in-use",
                f"{who} already uses {self.path}",
                next_step="Stop it first, or name another directory with --data. "
                "Several servers share the work only on PostgreSQL.",
            )
        try:
            yield
        finally:
            os.close(held)

    def try_lock(self, name: str) -> int | None:
        """Return the descriptor that holds the lock until it is closed, or None when another process has it."""
        descriptor = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
