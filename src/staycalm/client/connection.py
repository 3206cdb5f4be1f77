"""Which server to talk to, and as whom: flags, environment, log-in file, local data directory, in this order."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class NoServer(Exception):
    """No server is known; `next_step` says how to name one."""

    next_step = "Start one with `sc up`, or name one with --server, SC_SERVER or `sc login`."


@dataclass(frozen=True)
class Connection:
    """A server's address and the token to use there. `origin` says where they were found.

    `certificate` is the one (PEM) that a server on this machine announced; None: the usual trust.
    """

    url: str
    token: str | None
    origin: str
    certificate: str | None = None

    def __repr__(self) -> str:
        return f"Connection({self.url!r}, token=***, origin={self.origin!r})"


def login_file(environ: Mapping[str, str]) -> Path:
    """Return the file `sc login` writes (mode 0600)."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "staycalm" / "login.json"


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return the data directory of a local server, as the server itself chooses it."""
    if environ.get("SC_DATA"):
        return Path(environ["SC_DATA"]).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/staycalm")
    base = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "staycalm"


def _read_json(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find_connection(
    server: str | None = None, token: str | None = None, environ: Mapping[str, str] | None = None
) -> Connection:
    """Return the first complete answer; a token given by hand goes with whatever server is found."""
    known = os.environ if environ is None else environ
    given = token or known.get("SC_TOKEN")
    if server or known.get("SC_SERVER"):
        url = (server or known["SC_SERVER"]).rstrip("/")
        saved = _read_json(login_file(known))
        if not given and saved.get("url") == url:
            given = saved.get("token")
        return Connection(url if "://" in url else f"http://{url}", given, "--server" if server else "SC_SERVER")
    saved = _read_json(login_file(known))
    if saved.get("url"):
        return Connection(saved["url"], given or saved.get("token"), "sc login")
    folder = data_directory(known)
    announced = _read_json(folder / "server.json")
    if announced.get("url"):
        try:
            local = (folder / "cli-token").read_text(encoding="utf-8").strip()
        except OSError:
            local = None
        pin = announced.get("certificate")
        return Connection(announced["url"], given or local, f"data directory {folder}", pin)
    raise NoServer("no StayCalm server is known")
