"""A report as headings and plain text, and its forms as Markdown and data. Pure.

Texts in a document are plain: each form escapes them its own way, so that nothing that a person or another
system wrote becomes markup. Only what a person wrote for the post-mortem has the few marks of `markup`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from staycalm.domains.incidents.report import markup
from staycalm.domains.incidents.report.chart import Chart, alternative, to_svg, written
from staycalm.ports.reports import Cover

BlockKind = Literal["paragraph", "bullets", "checks", "prompt", "heading", "table", "charts", "words"]
MOST_ROWS = 16
# The only proportional font that the PDF printer always has.
PRINTED_FONT = "Libertinus Serif"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph has one text. A prompt is what a person has yet to write; it stands in [brackets].

    `words` are one text of a person, with the marks of `markup`. Of checks, those in `ticked` are done. A
    table's first row is its head. `charts` share one time axis: they are pictures, or one table where there
    are none.
    """

    kind: BlockKind
    texts: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    charts: tuple[Chart, ...] = ()
    ticked: frozenset[int] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.texts or self.rows or self.charts)


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and what stands below it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report. `title` is its first line."""

    title: str
    sections: tuple[Section, ...]
    cover: Cover | None = None


def paragraph(text: str) -> Block:
    """Return a block of running text."""
    return Block("paragraph", (text,))


def bullets(texts: Sequence[str]) -> Block:
    """Return a list."""
    return Block("bullets", tuple(texts))


def checks(texts: Sequence[str], ticked: Iterable[int] = ()) -> Block:
    """Return a list of boxes to tick; those at the places in `ticked` are."""
    return Block("checks", tuple(texts), ticked=frozenset(ticked))


def words(text: str) -> tuple[Block, ...]:
    """Return what a person wrote; nothing where nobody wrote anything."""
    return (Block("words", (text,)),) if text.strip() else ()


def prompt(text: str) -> Block:
    """Return a place for somebody's words."""
    return Block("prompt", (text,))


def pictures(heading: str, charts: Sequence[Chart]) -> tuple[Block, ...]:
    """Return the drawings under their own small heading; nothing where there are none."""
    return (Block("heading", (heading,)), Block("charts", charts=tuple(charts))) if charts else ()


_MARKS = re.compile(r"[\\`*<>\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"(?:#{1,6}|[-+=>]|\d{1,9}[.)])(?=\s|\Z)|-{3,}|={3,}")


def escape(text: str) -> str:
    """Return the text as Markdown that reads as exactly this text; underscores inside words stay bare."""
    return _escape_start(_escape_marks(" ".join(text.split())))


def _escape_marks(text: str) -> str:
    return _MARKS.sub(lambda match: "\\" + match[0], text)


def _escape_start(escaped: str) -> str:
    start = _BLOCK_START.match(escaped)
    if start is None:
        return escaped
    at = start.end() - 1 if start[0][0].isdigit() else 0
    return escaped[:at] + "\\" + escaped[at:]


def to_markdown(document: Document) -> str:
    """Return the document as Markdown, ending in one line break. Drawings are tables of their figures."""
    parts = [f"# {escape(document.title)}"]
    if document.cover is not None:
        told = [f"{name}: {value}" for name, value in document.cover.facts]
        parts.append(escape(" · ".join([*([document.cover.owner] if document.cover.owner else []), *told])))
    parts += _sections(document, is_printed=False)
    return "\n\n".join(part for part in parts if part) + "\n"


def to_printed(document: Document) -> tuple[str, dict[str, str]]:
    """Return the document for the printer: Markdown without what its title page says, and the drawings by name."""
    parts = [] if document.cover is not None else [f"# {escape(document.title)}"]
    parts += _sections(document, is_printed=True)
    found = {
        chart.name: to_svg(chart, font=PRINTED_FONT)
        for section in document.sections
        for block in section.blocks
        for chart in block.charts
    }
    return "\n\n".join(parts) + "\n", found


def _sections(document: Document, *, is_printed: bool) -> list[str]:
    parts = []
    for section in document.sections:
        parts.append(f"## {escape(section.heading)}")
        parts.extend(_markdown(block, is_printed) for block in section.blocks if not block.is_empty)
    return parts


def _markdown(block: Block, is_printed: bool) -> str:
    if block.kind == "charts":
        if is_printed:
            return "\n\n".join(f"![{escape(alternative(c))}](picture:{c.name})" for c in block.charts)
        return _table(figures_table(block.charts))
    if block.kind == "table":
        return _table(block.rows)
    if block.kind == "prompt":
        form = r"*\[{}\]*" if is_printed else "[{}]"
        return "\n\n".join(form.format(escape(text)) for text in block.texts)
    if block.kind == "heading":
        return "\n\n".join(f"### {escape(text)}" for text in block.texts)
    if block.kind == "words":
        return "\n\n".join(markup.to_markdown(text, _escape_marks, _escape_start) for text in block.texts)
    if block.ticked:
        return "\n".join(f"- [{'x' if n in block.ticked else ' '}] {escape(t)}" for n, t in enumerate(block.texts))
    lead = {"paragraph": "", "bullets": "- ", "checks": "- [ ] "}[block.kind]
    return ("\n\n" if block.kind == "paragraph" else "\n").join(lead + escape(text) for text in block.texts)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    written_lines = [[cell if cell == "---" else escape(cell) for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in written_lines)


def figures_table(charts: Sequence[Chart]) -> tuple[tuple[str, ...], ...]:
    """Return the drawings as one table of some 16 times, among them the worst and those that are marked."""
    first = charts[0]
    times = [at for at, _ in first.series[0].points]
    happened: dict[int, list[str]] = {}
    for mark in first.marks:
        place = next((n for n, at in enumerate(times) if at >= mark.at), len(times) - 1)
        happened.setdefault(place, []).append(mark.text)
    worst = max(range(len(times)), key=lambda n: (first.series[0].points[n][1] or 0.0, -n))
    every = max(1, len(times) // MOST_ROWS)
    kept = [n for n in range(len(times)) if n % every == 0 or n in happened or n == worst]
    form = "%H:%M:%S" if len(times) > 1 and (times[1] - times[0]).total_seconds() < 60 else "%H:%M"
    lines = [(chart, series) for chart in charts for series in chart.series]
    head = ("UTC", *(c.title if len(c.series) == 1 else f"{c.title}: {s.name}" for c, s in lines), "What happened")
    rows = [
        (
            times[n].strftime(form),
            *(written(s.points[n][1] if n < len(s.points) else None, c.unit) for c, s in lines),
            ", ".join(happened.get(n, ())),
        )
        for n in kept
    ]
    return (head, *rows)


def to_data(document: Document) -> dict[str, Any]:
    """Return the document as JSON values; a drawing is its figures, with times in ISO 8601."""
    return {
        "title": document.title,
        "facts": dict(document.cover.facts) if document.cover is not None else {},
        "sections": [
            {"heading": s.heading, "blocks": [_block_data(b) for b in s.blocks]} for s in document.sections
        ],
    }


def _block_data(block: Block) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": block.kind, "texts": list(block.texts)}
    if block.ticked:
        data["ticked"] = sorted(block.ticked)
    if block.rows:
        data["rows"] = [list(row) for row in block.rows]
    if block.charts:
        data["charts"] = [
            {
                "name": chart.name,
                "title": chart.title,
                "unit": chart.unit,
                "marks": [{"at": m.at.isoformat(), "text": m.text} for m in chart.marks],
                "series": [
                    {"name": s.name, "points": [[at.isoformat(), value] for at, value in s.points]}
                    for s in chart.series
                ],
            }
            for chart in block.charts
        ]
    return data
