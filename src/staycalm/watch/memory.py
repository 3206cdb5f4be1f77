"""What the watchdog remembers between two runs: cron, a restart, a reboot."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from staycalm.watch.decisions import Watched


def default_file(server: str) -> Path:
    """Return the file for a server under XDG_STATE_HOME."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "staycalm" / f"watch-{hashlib.sha256(server.encode()).hexdigest()[:12]}.json"


def recall(file: Path) -> Watched:
    """Return what was remembered; nothing when there is no file or it is not one of ours."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Watched(
            failures=int(found["failures"]),
            failing_since=_time(found["failing_since"]),
            problem=str(found["problem"]),
            told_at=_time(found["told_at"]),
            tells=int(found["tells"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Watched()


def remember(file: Path, known: Watched) -> None:
    """The file holds what is known, whole or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    body = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(known).items()}
    new.write_text(json.dumps(body), encoding="utf-8")
    new.replace(file)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
