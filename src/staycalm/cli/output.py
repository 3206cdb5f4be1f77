"""How commands print: the same data as a table for people or as JSON for scripts."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from staycalm.core.text import one_line

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
GAP = "  "


def is_terminal() -> bool:
    """Return whether standard output can be redrawn: a terminal that knows how."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_colours() -> bool:
    """Return whether colours are in place: on a terminal, unless NO_COLOR asks for none (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def width() -> int | None:
    """Return the terminal's columns, None where nothing has to fit (a pipe, a file)."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None


def print_json(value: Any) -> None:
    """The value is on standard output as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def paint(text: str, **style: Any) -> str:
    """Return the text styled where colours are in place, else as it is."""
    return click.style(text, **style) if has_colours() else text


def tone(text: str, word: str | None = None) -> str:
    """Return the text in the colour of its state, where colours are in place."""
    colour = TONES.get(word or text)
    return paint(text, fg=colour, bold=(word or text) in ("P0", "NOBODY")) if colour else text


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    empty: str,
    tones: Sequence[int] = (),
    spare: Sequence[int] = (),
) -> None:
    """The rows are printed in columns; on a terminal they fit it. `empty` when there are none."""
    if not rows:
        if empty:
            click.echo(empty)
        return
    for line in lines(headings, rows, width(), tones=tones, spare=spare):
        click.echo(line)


def lines(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int | None,
    *,
    tones: Sequence[int] = (),
    spare: Sequence[int] = (),
) -> list[str]:
    """Return the table as lines of at most `room` columns (None: as wide as it takes).

    The last column is cut first, then the `spare` ones go, the first named first, then the widest are cut.
    Control characters in a cell become blanks: text from outside must not steer the terminal.
    """
    cells = [[one_line(str(cell), 2000) for cell in row] for row in rows]
    widths = [max(columns(h), *(columns(row[i]) for row in cells)) for i, h in enumerate(headings)]
    shown = _fit(widths, room, spare)
    titles = [_cell(headings[i].upper(), widths[i]) for i in shown]
    found = [paint(GAP.join(titles).rstrip(), dim=True)]
    for row in cells:
        drawn = [tone(_cell(row[i], widths[i]), row[i]) if i in tones else _cell(row[i], widths[i]) for i in shown]
        found.append(GAP.join(drawn).rstrip())
    return found


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


def columns(text: str) -> int:
    """Return how many terminal columns the text takes; East Asian wide characters take two (UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, room: int) -> str:
    """Return the text in at most `room` columns, marked with an ellipsis where something is missing."""
    if columns(text) <= room:
        return text
    kept = text[:room]
    while columns(kept) > room - 1:
        kept = kept[:-1]
    return kept + "…"


def _cell(text: str, room: int) -> str:
    found = cut(text, room)
    return found + " " * (room - columns(found))


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
