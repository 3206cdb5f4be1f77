"""StayCalm's own log: one JSON object a line on standard error, with nothing in it that looks like a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET = re.compile(
    r"(sc_(?:pat|ses|ack|inv|set|cal)_)[A-Za-z0-9_-]+"
    r"|((?:password|token|secret|authorization)[\"']?\s*[=:]\s*[\"']?(?:(?:bearer|basic)\s+)?)[^\s\"',&]+",
    re.IGNORECASE,
)
_STEERING = re.compile("[\x7f-\x9f\u2028\u2029]")


def redact(text: str) -> str:
    """Return the text with tokens and `password=…` values blanked."""
    return _SECRET.sub(lambda match: f"{match[1] or match[2]}***", text)


class JsonFormatter(logging.Formatter):
    """One line per record: time, level, logger, message, extra fields, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD:
                entry[key] = redact(str(value))
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        # JSON leaves these as they are; some terminals obey them, and some readers end a line there.
        return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(entry, ensure_ascii=False))


def set_up_logs(level: str = "info") -> None:
    """Every logger of this process writes JSON lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "aiosqlite", "mail.log", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
