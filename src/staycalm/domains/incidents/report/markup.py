"""The part of Markdown that people write with, as pieces that each form of a document escapes its own way. Pure.

Headings, paragraphs, lists (bullets, numbers, boxes), quotes, fenced code; strong, emphasis, code and links to
http and https inside a line. Anything else, HTML and pictures included, is text. Linear in the length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape as html_escape
from typing import Literal

Style = Literal["", "strong", "em", "code", "link"]
Kind = Literal["paragraph", "heading", "bullet", "number", "box", "quote", "code"]
LISTS = ("bullet", "number", "box")

_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|\*\*(?P<strong>[^\s*](?:[^*\n]*[^\s*])?)\*\*"
    r"|\*(?P<em>[^\s*](?:[^*\n]*[^\s*])?)\*"
    r"|\[(?P<label>[^\[\]\n]{1,300})\]\((?P<url>https?://[^\s()<>]{1,1000})\)"
    r"|(?P<bare>https?://[^\s()<>\[\]*`\"|\\]{1,1000}[^\s()<>\[\]*`\"|\\.,;:!?'])"
)
_HEADING = re.compile(r"#{1,6}[ \t]+(.*?)[ \t]*#*\Z")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|(\d{1,9})[.)])[ \t]+(.*)\Z")
_BOX = re.compile(r"\[([ xX])\][ \t]+(.*)\Z")
_FENCE = re.compile(r"[ \t]*```+[^`]*\Z")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style; a link has a `url`."""

    text: str
    style: Style = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One block. Code has its lines as one run; a box knows whether it is ticked, an item its number."""

    kind: Kind
    runs: tuple[Run, ...]
    number: int = 0
    is_ticked: bool = False


def parse(text: str) -> tuple[Piece, ...]:
    """Return the blocks of the text, in order."""
    found: list[Piece] = []
    waiting: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0

    def settle() -> None:
        if waiting:
            found.append(Piece("paragraph", _runs(" ".join(waiting))))
            waiting.clear()

    while at < len(lines):
        line = lines[at]
        at += 1
        if _FENCE.match(line):
            settle()
            end = next((n for n in range(at, len(lines)) if _ends(lines[n])), len(lines))
            found.append(Piece("code", (Run("\n".join(lines[at:end]), "code"),)))
            at = end + 1
        elif not line.strip():
            settle()
        elif (piece := _single(line)) is not None:
            settle()
            found.append(piece)
        elif line[0] in " \t" and not waiting and found and found[-1].kind in LISTS:
            last = found.pop()
            found.append(
                Piece(last.kind, (*last.runs, Run(" "), *_runs(line.strip())), last.number, last.is_ticked)
            )
        else:
            waiting.append(line.strip())
    settle()
    return tuple(found)


def _ends(line: str) -> bool:
    bare = line.strip()
    return len(bare) >= 3 and not bare.strip("`")


def _single(line: str) -> Piece | None:
    if (heading := _HEADING.match(line)) is not None:
        return Piece("heading", _runs(heading[1]))
    if line.startswith(">"):
        return Piece("quote", _runs(line.lstrip("> \t")))
    if (item := _ITEM.match(line)) is None:
        return None
    if item[1] is not None:
        return Piece("number", _runs(item[2]), int(item[1]))
    if (box := _BOX.match(item[2])) is not None:
        return Piece("box", _runs(box[2]), is_ticked=box[1] != " ")
    return Piece("bullet", _runs(item[2]))


def _runs(line: str) -> tuple[Run, ...]:
    found: list[Run] = []
    at = 0
    for match in _INLINE.finditer(line):
        if match.start() > at:
            found.append(Run(line[at : match.start()]))
        at = match.end()
        if match["url"] is not None:
            found.append(Run(match["label"], "link", match["url"]))
        elif match["bare"] is not None:
            found.append(Run(match["bare"], "link", match["bare"]))
        else:
            style: Style = (
                "code" if match["code"] is not None else "strong" if match["strong"] is not None else "em"
            )
            found.append(Run(match[style], style))
    if at < len(line):
        found.append(Run(line[at:]))
    return tuple(found)


def to_html(text: str, *, heading: str = "h3", bare: Callable[[str], str] = html_escape) -> str:
    """Return the text as HTML in which nothing that was written is markup; links lead to http and https alone.

    `bare` escapes what has no mark, and may make links of it.
    """
    parts: list[str] = []
    opened = ""
    for piece in parse(text):
        kind = {"number": "ol", "bullet": "ul", "box": 'ul class="checks"'}.get(piece.kind, "")
        if kind != opened:
            parts.append(f"</{opened[:2]}>" if opened else "")
            start = f' start="{piece.number}"' if kind == "ol" and piece.number != 1 else ""
            parts.append(f"<{kind}{start}>" if kind else "")
            opened = kind
        parts.append(_html_piece(piece, heading, bare))
    parts.append(f"</{opened[:2]}>" if opened else "")
    return "\n".join(part for part in parts if part)


def _html_piece(piece: Piece, heading: str, bare: Callable[[str], str]) -> str:
    inner = "".join(_html_run(run, bare) for run in piece.runs)
    if piece.kind == "code":
        return f"<pre><code>{html_escape(piece.runs[0].text)}</code></pre>"
    if piece.kind == "box":
        ticked = " checked" if piece.is_ticked else ""
        return f'<li><input type="checkbox" disabled{ticked} aria-label="done"> {inner}</li>'
    if piece.kind in LISTS:
        return f"<li>{inner}</li>"
    tag = {"heading": heading, "quote": "blockquote"}.get(piece.kind, "p")
    return f"<{tag}>{inner}</{tag}>"


def _html_run(run: Run, bare: Callable[[str], str]) -> str:
    if not run.style:
        return bare(run.text)
    text = html_escape(run.text)
    if run.style == "link":
        return f'<a href="{html_escape(run.url)}" rel="noreferrer noopener">{text}</a>'
    return f"<{run.style}>{text}</{run.style}>"


def to_markdown(text: str, escape: Callable[[str], str], escape_start: Callable[[str], str]) -> str:
    """Return the text as Markdown that reads the same anywhere: headings below those of the document."""
    parts: list[str] = []
    last = ""
    for piece in parse(text):
        block = _markdown_piece(piece, escape, escape_start)
        if piece.kind in LISTS and piece.kind == last:
            parts[-1] += "\n" + block
        else:
            parts.append(block)
        last = piece.kind
    return "\n\n".join(parts)


def _markdown_piece(piece: Piece, escape: Callable[[str], str], escape_start: Callable[[str], str]) -> str:
    if piece.kind == "code":
        return f"```\n{piece.runs[0].text}\n```"
    line = escape_start(_markdown_runs(piece.runs, escape).strip())
    if piece.kind == "box":
        return f"- [{'x' if piece.is_ticked else ' '}] {line}"
    lead = {"heading": "### ", "bullet": "- ", "number": f"{piece.number}. ", "quote": "> "}.get(piece.kind, "")
    return (lead + line).rstrip()


def _markdown_runs(runs: Sequence[Run], escape: Callable[[str], str]) -> str:
    form = {"": "{}", "strong": "**{}**", "em": "*{}*"}
    parts = []
    for run in runs:
        if run.style == "code":
            parts.append(f"`{run.text}`")
        elif run.style == "link":
            parts.append(f"<{run.url}>" if run.text == run.url else f"[{escape(run.text)}]({run.url})")
        else:
            parts.append(form[run.style].format(escape(run.text)))
    return "".join(parts)
