"""`sc watch`: watches a StayCalm server from another machine, and pages by itself when it goes silent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from staycalm.cli import exits
from staycalm.cli.command import local
from staycalm.cli.server import become
from staycalm.client.connection import NoServer, find_connection

# Every flag is a setting: it goes on as the environment variable that the watchdog reads anyway.
FLAGS = {
    "every": "SC_WATCH_EVERY_S",
    "checks": "SC_WATCH_CHECKS",
    "repeat": "SC_WATCH_REPEAT_S",
    "email": "SC_WATCH_EMAIL",
    "webhook": "SC_WATCH_WEBHOOK",
    "ntfy": "SC_WATCH_NTFY",
    "ntfy_server": "SC_NTFY_SERVER",
    "smtp_host": "SC_SMTP_HOST",
    "smtp_port": "SC_SMTP_PORT",
    "smtp_security": "SC_SMTP_SECURITY",
}


@local(
    example="sc watch https://staycalm.example.org --ntfy my-long-topic --ntfy-server https://ntfy.sh",
    codes=(exits.REFUSED, exits.UNREACHABLE, exits.NOBODY_PAGED, exits.UNHEALTHY),
)
@click.argument("server", required=False)
@click.option(
    "--settings", type=click.Path(path_type=Path), help="TOML file with [watch], [smtp], [webhook], [ntfy]."
)
@click.option("--every", metavar="TIME", help="Time between two checks (default 10s).")
@click.option("--checks", metavar="N", help="Page after so many failed checks in a row (default 3).")
@click.option("--repeat", metavar="TIME", help="Page again as long as it lasts (default 15m).")
@click.option("--email", metavar="ADDRESS", help="Page this mailbox; needs --smtp-host.")
@click.option("--webhook", metavar="URL", help="Page this receiver of signed JSON.")
@click.option("--ntfy", metavar="TOPIC", help="Push to this topic; needs --ntfy-server.")
@click.option("--ntfy-server", metavar="URL", help="Such as https://ntfy.sh.")
@click.option("--smtp-host", metavar="HOST", help="Mail server; user and password: [smtp] of --settings.")
@click.option("--smtp-port", metavar="PORT", help="Its port (default 587).")
@click.option("--smtp-security", metavar="KIND", help="starttls, tls or none.")
@click.option("--state", type=click.Path(path_type=Path), help="File that remembers between two runs.")
@click.option("--once", is_flag=True, help="One check, for cron: exit code 8 when the server is not well.")
@click.option("--test", is_flag=True, help="Send a test message to every contact, and end.")
def watch(
    server: str | None, settings: Path | None, state: Path | None, once: bool, test: bool, **flags: Any
) -> None:
    """Ask SERVER how it is every 10 s; page by ourselves when it is silent or failing 3 times in a row.

    Run it on another machine than the server. It needs no database and no account on the server; secrets
    are written ${env:NAME} or ${file:PATH} in its settings.
    """
    os.environ.update({FLAGS[name]: str(value) for name, value in flags.items() if value is not None})
    url = server or os.environ.get("SC_WATCH_SERVER") or (None if settings else _known_server())
    arguments = [url] if url else []
    for name, value in (("--settings", settings), ("--state", state)):
        arguments += [name, str(value)] if value is not None else []
    become("staycalm.watch", *arguments, *(["--once"] if once else []), *(["--test"] if test else []))


def _known_server() -> str:
    try:
        return find_connection().url
    except NoServer:
        raise click.UsageError(
            "Which server? Name its address: `sc watch https://staycalm.example.org`."
        ) from None
