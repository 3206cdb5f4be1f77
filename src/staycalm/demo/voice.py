"""How the demonstration speaks: headings, sentences, moving bars on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

STEADY = ("shifting", "verifying")


class Bars:
    """A few bars of one phase. On a pipe only changes are printed, one line each."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}

    def show(self, name: str, percent: float, note: str) -> None:
        """The bar `name` stands at `percent` (0-100) with a note behind it."""
        percent = max(0.0, min(100.0, percent))
        if self._progress is None:
            said = f"{percent:.0f} {note}" if note in STEADY else note
            if self._said.get(name) != said:
                self._said[name] = said
                self._console.print(Text(f"    {name:<20} {percent:3.0f} %  {note}"))
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=100, note="")
        self._progress.update(self._tasks[name], completed=percent, note=note)


class Voice:
    """Everything a viewer reads. With `--json` the story goes to standard error, data to standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.console = Console(
            stderr=as_json, highlight=False, soft_wrap=not (sys.stderr if as_json else sys.stdout).isatty()
        )

    def act(self, title: str) -> None:
        """A part of the story begins."""
        self.console.print()
        self.console.rule(Text(title, style="bold"), align="left", style="dim")

    def say(self, sentence: str) -> None:
        """Tell what happens, in a sentence."""
        self.console.print(Text(f"  {sentence}"))

    def command(self, line: str) -> None:
        """Show the command a person would type."""
        self.console.print(Text(f"  $ {line}", style="cyan"))

    def good(self, sentence: str) -> None:
        """Tell something that went well."""
        self.console.print(Text(f"  ✓ {sentence}", style="green"))

    def bad(self, sentence: str) -> None:
        """Tell something that hurts."""
        self.console.print(Text(f"  ✕ {sentence}", style="red"))

    def quote(self, lines: list[str]) -> None:
        """Show text as somebody received it."""
        for line in lines:
            self.console.print(Text(f"  │ {line}", style="dim"))

    def document(self, markdown: str) -> None:
        """Show a document, drawn on a terminal and as it is elsewhere."""
        if self.console.is_terminal:
            self.console.print(Markdown(markdown))
        else:
            self.console.print(Text(markdown))

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """Bars that move while the block runs."""
        if not self.console.is_terminal:
            yield Bars(self.console, None)
            return
        columns = (
            TextColumn("  {task.description:<20}"),
            BarColumn(28),
            TextColumn("{task.percentage:3.0f} %  {task.fields[note]}"),
        )
        with Progress(*columns, console=self.console, refresh_per_second=8) as progress:
            yield Bars(self.console, progress)

    def table(self, title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Show the figures."""
        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number == 1 else "left")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)
