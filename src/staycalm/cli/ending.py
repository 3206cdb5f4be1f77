"""`sc down`: the server of this data directory stops; with --all, everything it ran stops, too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from staycalm.cli import exits
from staycalm.cli.busy import busy
from staycalm.cli.command import local
from staycalm.cli.errors import Trouble
from staycalm.cli.server import DATA, become
from staycalm.client.connection import data_directory

# The server gives open answers three seconds, and its proxy and database a moment more.
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.05


@local(example="sc down --all --yes", codes=(exits.REFUSED, exits.CONFLICT))
@DATA
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file (default: DATA/staycalm.toml).")
@click.option("--all", "everything", is_flag=True, help="Also end the proxy and every process StayCalm started.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
def down(data: Path | None, settings: Path | None, everything: bool, yes: bool) -> int:
    """Stop the server on this machine. Proxy and services go on serving, unless --all ends them, too."""
    folder = data or data_directory(os.environ)
    if everything and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("--all stops serving users: add --yes where nobody can be asked.")
        question = f"End the proxy and every service of {folder}, too? Users are not served until `sc up`."
        if not click.confirm(question, err=True):
            click.echo("Nothing was stopped.", err=True)
            return exits.REFUSED
    announced = _announced(folder)
    pid = _server_of(announced)
    if pid is not None:
        _stop(pid)
        click.echo(f"The server of {folder} has stopped.")
    else:
        click.echo(f"No server runs on {folder}.")
    if not everything:
        if pid is not None and not announced.get("ends_all"):
            click.echo("Proxy and services go on serving; `sc down --all` ends them, too.")
        return exits.OK
    with_settings = ["--settings", str(settings)] if settings else []
    become("staycalm.app", "down", "--data", str(folder), *with_settings)
    return exits.OK


def _announced(folder: Path) -> dict[str, Any]:
    """Return what the server there said of itself when it was ready; empty when it has ended."""
    try:
        found = json.loads((folder / "server.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _server_of(announced: dict[str, Any]) -> int | None:
    """Return the process of the server that announced itself, None when it is gone."""
    pid = announced.get("pid")
    if not isinstance(pid, int):
        return None
    return pid if "staycalm.app" in _command_of(pid) else None


def _command_of(pid: int) -> str:
    """Return what the process runs, empty when it is gone: a process id alone is used again."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    return subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    ).stdout


def _stop(pid: int) -> None:
    """The process has ended. Raises Trouble when it does not in time, or is somebody else's."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError:
        raise Trouble(
            f"the server (process {pid}) belongs to another user", "Run this as that user.", code=exits.REFUSED
        ) from None
    deadline = time.monotonic() + PATIENCE_S
    with busy("Stopping the server"):
        while "staycalm.app" in _command_of(pid):
            if time.monotonic() > deadline:
                raise Trouble(
                    f"the server (process {pid}) does not end within {PATIENCE_S:.0f} s",
                    f"Look at its log. `kill -9 {pid}` loses nothing: its rows say what is due.",
                    code=exits.CONFLICT,
                )
            time.sleep(LOOK_EVERY_S)
