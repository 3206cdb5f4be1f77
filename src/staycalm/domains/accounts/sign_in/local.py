"""The token in the data directory, which lets the local `sc` in without a log-in."""

from __future__ import annotations

import os
from pathlib import Path

from staycalm.domains.accounts.sign_in.tokens import ensure_local_token
from staycalm.kit.database import Database

FILE_NAME = "cli-token"


async def ensure_local_token_file(db: Database, directory: Path) -> Path:
    """The directory holds a token that works, readable by its owner alone; returns the file."""
    path = directory / FILE_NAME
    secret = await db.write(ensure_local_token, _content(path), place=str(directory)[-100:])
    if secret is not None:
        _write(path, secret)
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return path


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None


def _write(path: Path, secret: str) -> None:
    """The file is there whole or not at all, and never readable by others."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
