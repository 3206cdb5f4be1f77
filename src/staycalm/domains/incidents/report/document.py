"""A report as headings and plain text, and its forms as Markdown, HTML and data. Pure.

Texts in a document are plain: each form escapes them its own way, so that nothing that a person or another
system wrote becomes markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

BlockKind = Literal["paragraph", "bullets", "checks", "prompt"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph has one text. A prompt is what a person has yet to write; it stands in [brackets]."""

    kind: BlockKind
    texts: tuple[str, ...]


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


def paragraph(text: str) -> Block:
    """Return a block of running text."""
    return Block("paragraph", (text,))


def bullets(texts: Sequence[str]) -> Block:
    """Return a list."""
    return Block("bullets", tuple(texts))


def checks(texts: Sequence[str]) -> Block:
    """Return a list of boxes to tick."""
    return Block("checks", tuple(texts))


def prompt(text: str) -> Block:
    """Return a place for somebody's words."""
    return Block("prompt", (text,))


_MARKS = re.compile(r"[\\`*<>\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"(?:#{1,6}|[-+=>]|\d{1,9}[.)])(?=\s|\Z)|-{3,}|={3,}")


def escape(text: str) -> str:
    """Return the text as Markdown that reads as exactly this text; underscores inside words stay bare."""
    escaped = _MARKS.sub(lambda match: "\\" + match[0], " ".join(text.split()))
    start = _BLOCK_START.match(escaped)
    if start is None:
        return escaped
    at = start.end() - 1 if start[0][0].isdigit() else 0
    return escaped[:at] + "\\" + escaped[at:]


def to_markdown(document: Document) -> str:
    """Return the document as Markdown, ending in one line break."""
    parts = [f"# {escape(document.title)}"]
    for section in document.sections:
        parts.append(f"## {escape(section.heading)}")
        parts.extend(_markdown(block) for block in section.blocks if block.texts)
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if block.kind == "prompt":
        return "\n\n".join(f"[{escape(text)}]" for text in block.texts)
    lead = {"paragraph": "", "bullets": "- ", "checks": "- [ ] "}[block.kind]
    return ("\n\n" if block.kind == "paragraph" else "\n").join(lead + escape(text) for text in block.texts)


def to_html(document: Document) -> str:
    """Return a whole page without scripts or outside references."""
    title = html.escape(document.title)
    parts = [f"<h1>{title}</h1>"]
    for section in document.sections:
        parts.append(f"<h2>{html.escape(section.heading)}</h2>")
        parts.extend(_html(block) for block in section.blocks if block.texts)
    style = "body{font-family:sans-serif;line-height:1.5;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body>\n{body}\n</body></html>\n"
    )


def _html(block: Block) -> str:
    texts = [html.escape(text) for text in block.texts]
    if block.kind == "paragraph":
        return "\n".join(f"<p>{text}</p>" for text in texts)
    if block.kind == "prompt":
        return "\n".join(f"<p><em>[{text}]</em></p>" for text in texts)
    box = '<input type="checkbox" disabled> ' if block.kind == "checks" else ""
    return "<ul>\n" + "\n".join(f"<li>{box}{text}</li>" for text in texts) + "\n</ul>"


def to_data(document: Document) -> dict[str, Any]:
    """Return the document as JSON values."""
    return {
        "title": document.title,
        "sections": [
            {"heading": s.heading, "blocks": [{"kind": b.kind, "texts": list(b.texts)} for b in s.blocks]}
            for s in document.sections
        ],
    }
