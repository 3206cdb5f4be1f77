"""`sc up`, `sc demo`, `sc backup`, `sc restore`: commands that run or keep a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.busy import busy
from staycalm.cli.command import command, local
from staycalm.client.api import Api

DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="Data directory (default: SC_DATA or the user's)."
)


def become(module: str, *arguments: str) -> None:
    """This process is now `python -m MODULE`: signals reach it, and its exit code is ours."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


@local(example="SC_SERVER_PORT=8080 sc up --data ./data", codes=(exits.REFUSED,))
@DATA
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file (default: DATA/staycalm.toml).")
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="Plain lines for people or JSON for machines; auto: plain on a terminal.",
)
def up(data: Path | None, settings: Path | None, log_format: str) -> None:
    """Run the server: back up and migrate the database, then serve until stopped."""
    arguments = ["--log-format", log_format, *(["--data", str(data)] if data else [])]
    become("staycalm.app", "up", *arguments, *(["--settings", str(settings)] if settings else []))


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Show the whole loop with real parts in about two minutes."""
    become("staycalm.demo", *arguments)


@command(example="sc backup --output staycalm.tar.gz", timeout_s=3600.0)
@click.option("--output", "to", type=click.Path(path_type=Path), help="Also copy the backup here.")
def backup(api: Api, as_json: bool, to: Path | None) -> None:
    """Back the database up while the server runs; the backup is verified by restoring it."""
    with busy("Backing up and verifying"):
        made: dict[str, Any] = api.post("/api/v1/backups")
    if to is not None:
        to.write_bytes(api.get_bytes(f"/api/v1/backups/{made['name']}"))
        to.chmod(0o600)
    if as_json:
        output.print_json({**made, "copied_to": str(to) if to else None})
        return
    click.echo(f"{made['rows']} rows, {made['size'] / 1e6:.1f} MB, verified: {to or made['file']}")


@local(example="sc restore staycalm.tar.gz --data ./new-data", codes=(exits.REFUSED,))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@DATA
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file that names the database.")
def restore(file: Path, data: Path | None, settings: Path | None) -> None:
    """Restore a backup into an empty data directory or database; the server must not run."""
    arguments = ["--data", str(data)] if data else []
    become("staycalm.app", "restore", str(file), *arguments, *(["--settings", str(settings)] if settings else []))
