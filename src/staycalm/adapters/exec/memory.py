"""What must be remembered between two runs of the server: one small JSON file a thing, replaced by one rename."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from staycalm.adapters.filestore.store import disk_errors
from staycalm.ports.errors import OutsideUnavailable


class Memory:
    """Files `<name>.json` in a directory of mode 0700. Names are checked by the callers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what was written last, or None. Raises OutsideUnavailable when it cannot be read."""
        path = self._directory / f"{name}.json"
        with disk_errors(path):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                return None
            except ValueError:
                found = None
        if not isinstance(found, dict):
            raise OutsideUnavailable(f"{path} is damaged; remove it to begin anew", retryable=False)
        return found

    def write(self, name: str, content: dict[str, Any]) -> None:
        """The content survives the server, and a power cut."""
        path = self._directory / f"{name}.json"
        with disk_errors(path):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_suffix(".new")
            with open(fresh, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)

    def forget(self, name: str) -> None:
        """Nothing is remembered under the name."""
        with disk_errors(self._directory):
            (self._directory / f"{name}.json").unlink(missing_ok=True)
