"""`sc login`, `sc logout`, `sc whoami`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from staycalm.cli import output
from staycalm.cli.command import REMOTE, command, local
from staycalm.cli.measure import harmless
from staycalm.client.api import Api
from staycalm.client.connection import Connection, login_file


@local(example="sc login https://staycalm.example.org --handle ada", codes=REMOTE)
@click.argument("server")
@click.option("--handle", prompt="Handle", help="Your handle.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def login(server: str, handle: str, password_stdin: bool) -> None:
    """Sign in to SERVER and keep a token for later commands (mode 0600)."""
    url = (server if "://" in server else f"https://{server}").rstrip("/")
    password: str = (
        sys.stdin.readline().rstrip("\n") if password_stdin else click.prompt("Password", hide_input=True)
    )
    api = Api(Connection(url, None, "sc login"))
    created = api.post("/api/v1/login", {"handle": handle, "password": password})
    _save({"url": url, "token": created["token"]})
    click.echo(f"Signed in to {url} as {handle} until {output.clock(created['expires_at'])} UTC.")


def _save(content: dict[str, str]) -> None:
    file = login_file(os.environ)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump(content, out)
    temporary.replace(file)


@local(example="sc logout")
def logout() -> None:
    """Forget the token that `sc login` kept."""
    file = login_file(os.environ)
    was_there = file.exists()
    file.unlink(missing_ok=True)
    click.echo("Signed out." if was_there else "Nobody was signed in here.")


@command(example="sc whoami --json")
def whoami(api: Api, as_json: bool) -> None:
    """Show who you are to the server, your roles, and what they allow now."""
    me: dict[str, Any] = api.get("/api/v1/whoami")
    if as_json:
        output.print_json({**me, "server": api.connection.url, "found_in": api.connection.origin})
        return
    click.echo(f"{harmless(me['name'] or me['id'])} ({me['kind']} {me['id']}) at {api.connection.url}")
    click.echo(f"roles: {', '.join(me['roles']) or 'none'}   (connection from {api.connection.origin})")
    rows = [[resource, level] for resource, level in sorted(me["access"].items())]
    output.table(["resource", "level"], rows, empty="")
