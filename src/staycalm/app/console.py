"""What `sc up` says on a terminal: where the server is, how to stop it, and its log in plain lines."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from staycalm import __version__
from staycalm.app.factory import Application
from staycalm.core.text import one_line
from staycalm.kit.logs import redact

# Said by the welcome already, or of no use to a person.
QUIET = ("uvicorn", "uvicorn.error")
LINE_LIMIT = 2000


class PlainFormatter(logging.Formatter):
    """Time (UTC), level unless it is info, message; the traceback below it if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        reason = getattr(record, "reason", "")
        words = record.getMessage() + (f": {reason}" if reason else "")
        line = f"{at} {level}{one_line(redact(words), LINE_LIMIT)}"
        return f"{line}\n{redact(self.formatException(record.exc_info))}" if record.exc_info else line


def speak_plainly() -> None:
    """The log of this process is for a person's eyes, on standard error."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(PlainFormatter())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def welcome(application: Application) -> None:
    """What is up, where, and how to stop it was said."""
    proxy = application.outside.proxy_problem or f"Envoy, process {application.outside.envoy.pid or 'elsewhere'}"
    ends_all = application.outside.ends_with_server
    rest = "" if ends_all else ": proxy and services go on serving. `sc down --all` ends them, too."
    lines = [
        f"StayCalm {__version__} is up at {application.url}",
        f"  data   {application.directory.path}",
        f"  proxy  {one_line(proxy, LINE_LIMIT)}",
        f"  stop   Ctrl-C, or `sc down`{rest}",
    ]
    say("\n".join(lines))


def farewell(*, ends_all: bool) -> None:
    """It was said that the server has stopped, and what has not."""
    rest = "" if ends_all else " Proxy and services go on serving; `sc down --all` ends them, too."
    say(f"Stopped.{rest}")


def say(text: str) -> None:
    """The text is on standard error, beside the log: standard output stays free."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
