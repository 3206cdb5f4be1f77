"""How commands print: the same data as a table for people or as JSON for scripts."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import click

from staycalm.cli.measure import columns, harmless, pad

TONES = {
    "completed": "green", "healthy": "green", "ok": "green", "resolved": "green", "closed": "green",
    "rolled-back": "red", "rolling-back": "red", "firing": "red", "P0": "red", "unhealthy": "red",
    "aborted": "yellow", "acknowledged": "yellow", "P1": "yellow", "mitigated": "yellow", "not proven": "yellow",
    "shifting": "blue", "preparing": "blue", "smoke-testing": "blue", "verifying": "blue", "pending": "blue",
    "declared": "red", "triage": "red", "investigating": "yellow", "suppressed": "bright_black",
    "failed": "red", "failing": "red", "unknown": "yellow", "skipped": "bright_black", "NOBODY": "red",
    "held": "yellow", "paused": "yellow", "stderr": "bright_black",
}  # fmt: skip
NARROWEST = 8
# What JSON lets through and a terminal obeys: 8-bit control characters and changes of the writing direction.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
GAP = "  "


def is_terminal() -> bool:
    """Return whether standard output can be redrawn: a terminal that knows how."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO | None = None) -> bool:
    """Return whether colours are in place on the stream (default: standard output).

    NO_COLOR asks for none (no-color.org) and goes first; CLICOLOR_FORCE asks for them in a pipe, too
    (bixense.com/clicolors); else they are on a terminal that knows them.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Return the terminal's columns, None where nothing has to fit (a pipe, a file)."""
    return size()[0] if sys.stdout.isatty() else None


def size() -> tuple[int, int]:
    """Return columns and lines: of COLUMNS and LINES where they are set, else of the terminal, else 100 x 24."""
    found = []
    for number, (name, default) in enumerate((("COLUMNS", 100), ("LINES", 24))):
        told = os.environ.get(name, "")
        try:
            seen = int(told) if told.isdigit() else os.get_terminal_size(sys.stdout.fileno())[number]
        except (ValueError, OSError):
            seen = 0
        found.append(seen or default)
    return max(20, found[0]), max(5, found[1])


def print_json(value: Any) -> None:
    """The value is on standard output as indented JSON."""
    click.echo(_STEERING.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value, indent=2, ensure_ascii=False)))


def paint(text: str, **style: Any) -> str:
    """Return the text styled where colours are in place, else as it is."""
    return click.style(text, **style) if has_colours() else text


def complain(text: str, **style: Any) -> None:
    """The text is on standard error, styled where colours are in place there."""
    coloured = has_colours(sys.stderr)
    click.echo(click.style(text, **style) if coloured else text, err=True, color=coloured)


def tone(text: str, word: str | None = None) -> str:
    """Return the text in the colour of its state, where colours are in place."""
    colour = TONES.get((word or text).strip())
    is_loud = (word or text).strip() in ("P0", "NOBODY")
    return paint(text, fg=colour, bold=is_loud or None) if colour else text


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    empty: str,
    tones: Sequence[int] = (),
    spare: Sequence[int] = (),
    right: Sequence[int] = (),
) -> None:
    """The rows are printed in columns; on a terminal they fit it. `empty` when there are none."""
    if not rows:
        if empty:
            click.echo(empty)
        return
    for line in lines(headings, rows, width(), tones=tones, spare=spare, right=right):
        click.echo(line)


def lines(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int | None,
    *,
    tones: Sequence[int] = (),
    spare: Sequence[int] = (),
    right: Sequence[int] = (),
) -> list[str]:
    """Return the table as lines of at most `room` columns (None: as wide as it takes).

    The last column is cut first, then the `spare` ones go, the first named first, then the widest are cut.
    Columns named in `right` are aligned there, those in `tones` have the colour of their word. Text from
    outside cannot steer the terminal.
    """
    cells = [[harmless(str(cell)) for cell in row] for row in rows]
    widths = [max(columns(h), *(columns(row[i]) for row in cells)) for i, h in enumerate(headings)]
    shown = _fit(widths, room, spare)

    def draw(row: Sequence[str], is_heading: bool = False) -> str:
        drawn = []
        for i in shown:
            text = row[i].upper() if is_heading else row[i]
            if i in right:
                text = " " * (widths[i] - columns(text)) + text
            found = pad(text, widths[i])
            drawn.append(tone(found, row[i]) if i in tones and not is_heading else found)
        return GAP.join(drawn).rstrip()

    return [paint(draw(headings, True), dim=True), *map(draw, cells)]


def _fit(widths: list[int], room: int | None, spare: Sequence[int]) -> list[int]:
    """Return the columns to show; `widths` is changed so that they fit."""
    shown = list(range(len(widths)))
    if room is None:
        return shown
    going, last = list(spare), shown[-1]

    def over() -> int:
        return sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1) - room

    while over() > 0:
        roomy = 3 * NARROWEST if going else NARROWEST
        if widths[last] > roomy:
            widths[last] = max(roomy, widths[last] - over())
        elif going:
            gone = going.pop(0)
            shown = [i for i in shown if i != gone]
            last = shown[-1]
        else:
            widest = max(shown, key=lambda i: widths[i])
            if widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1
    return shown


def ago(stamp: str | None) -> str:
    """Return how long ago an ISO 8601 time was, such as `4m ago`; `never` for None."""
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
    if fraction is None:
        return "no data"
    return f"{fraction * 100:.2g} %" if fraction < 0.1 else f"{fraction * 100:.0f} %"


def number(value: float | None, unit: str = "") -> str:
    """Return three significant digits and the unit; `no data` for None."""
    if value is None:
        return "no data"
    return f"{value:.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"
