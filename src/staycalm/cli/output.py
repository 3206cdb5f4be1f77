"""How commands print: the same data as a table for people or as JSON for scripts."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from staycalm.client.api import Api
from staycalm.client.connection import find_connection

TONES = {
    "completed": "green", "healthy": "green", "ok": "green", "resolved": "green", "closed": "green",
    "rolled-back": "red", "rolling-back": "red", "firing": "red", "P0": "red", "unhealthy": "red",
    "aborted": "yellow", "acknowledged": "yellow", "P1": "yellow", "mitigated": "yellow", "not proven": "yellow",
    "shifting": "blue", "preparing": "blue", "smoke-testing": "blue", "verifying": "blue", "pending": "blue",
}  # fmt: skip
TONES |= {"declared": "red", "triage": "red", "investigating": "yellow", "suppressed": "bright_black"}


CONNECTION: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--server", metavar="URL", help="Server to talk to (else SC_SERVER, `sc login`, local data)."),
    click.option("--token", metavar="TOKEN", help="Token to use (else SC_TOKEN)."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts."),
)


def command(**named: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command that talks to the server: it has --server, --token, --json, and gets `api`, `as_json`."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        def run(server: str | None, token: str | None, as_json: bool, **rest: Any) -> Any:
            return function(Api(find_connection(server, token)), as_json, **rest)

        wrapped: Callable[..., Any] = functools.wraps(function)(run)
        for option in CONNECTION:
            wrapped = option(wrapped)
        declare: Callable[..., click.Command] = click.command(function.__name__.replace("_", "-"), **named)
        return declare(wrapped)

    return decorate


def print_json(value: Any) -> None:
    """The value is on standard output as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def is_plain() -> bool:
    """Return whether colours and moving pictures are out of place (pipe, NO_COLOR, dumb terminal)."""
    return not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"


def tone(text: str, word: str | None = None) -> str:
    """Return the text in the colour of its state, where colours are in place."""
    colour = TONES.get(word or text)
    return click.style(text, fg=colour, bold=(word or text) == "P0") if colour and not is_plain() else text


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str, tones: Sequence[int] = ()
) -> None:
    """The rows are printed in columns that fit the terminal; the last column is cut first. `empty` when none."""
    if not rows:
        click.echo(empty)
        return
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(h), *(len(row[i]) for row in cells)) for i, h in enumerate(headings)]
    room = shutil.get_terminal_size((100, 24)).columns if not is_plain() else 10_000
    widths[-1] = max(len(headings[-1]), min(widths[-1], room - sum(widths[:-1]) - 2 * (len(widths) - 1)))
    heading = "  ".join(h.upper().ljust(w) for h, w in zip(headings, widths, strict=True)).rstrip()
    click.echo(heading if is_plain() else click.style(heading, dim=True))
    for row in cells:
        shown = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            text = cell if len(cell) <= width else cell[: width - 1] + "…"
            shown.append(tone(text.ljust(width), cell) if i in tones else text.ljust(width))
        click.echo("  ".join(shown).rstrip())


def ago(stamp: str | None) -> str:
    """Return how long ago an ISO 8601 time was, such as `4m`; `never` for None."""
    if not stamp:
        return "never"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float | None) -> str:
    """Return a duration in its largest unit: `12s`, `4m`, `3h`, `9d`."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"


def clock(stamp: str | None) -> str:
    """Return the UTC time of an ISO 8601 time as `2026-03-02 09:00:00`."""
    return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if stamp else ""


def percent(fraction: float | None) -> str:
    """Return a fraction 0-1 as `4.9 %`; `no data` for None."""
    return (
        "no data"
        if fraction is None
        else f"{fraction * 100:.2g} %"
        if fraction < 0.1
        else f"{fraction * 100:.0f} %"
    )
