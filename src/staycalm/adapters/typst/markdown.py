"""The part of Markdown that our documents use, as plain data. Pure.

Headings, paragraphs, bullet, numbered and check-lists (nested), tables, fenced code, quotes, rules, and pictures
that the caller hands over. Anything else, HTML included, is text.
"""

from __future__ import annotations

import re
from typing import Any

from staycalm.adapters.typst.inline import parse_inline

Block = dict[str, Any]
DEPTH_LIMIT = 6

_HEADING = re.compile(r"(#{1,6})(?:[ \t]+(.*))?\Z")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*\Z")
_RULE = re.compile(r"[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( +|\Z)")
_CHECK = re.compile(r"\[([ xX])\] +")
_PICTURE = re.compile(r"!\[((?:\\.|[^\[\]\\])*)\]\(picture:([a-z0-9-]{1,40})\)\Z")
_CELL_END = re.compile(r"(?<!\\)\|")
_DIVIDER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")


def parse_markdown(text: str) -> list[Block]:
    """Return the document's blocks, in order."""
    return _blocks(text.expandtabs(4).splitlines(), 0)


def _blocks(lines: list[str], depth: int) -> list[Block]:
    found: list[Block] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        block, at = _block(lines, at, depth)
        found.append(block)
    return found


def _block(lines: list[str], at: int, depth: int) -> tuple[Block, int]:
    line = lines[at]
    if (heading := _HEADING.match(line)) is not None:
        return {"kind": "heading", "level": len(heading[1]), "runs": parse_inline(_bare(heading[2]))}, at + 1
    if (fence := _FENCE.match(line)) is not None:
        return _code(lines, at, fence[1], fence[2])
    if _RULE.match(line):
        return {"kind": "rule"}, at + 1
    if depth == 0 and (picture := _PICTURE.match(line)) is not None:
        words = "".join(run.get("text", "") for run in parse_inline(picture[1], may_link=False))
        return {"kind": "picture", "name": picture[2], "text": words}, at + 1
    if depth < DEPTH_LIMIT:
        if line.startswith(">"):
            return _quote(lines, at, depth)
        if _ITEM.match(line) is not None:
            return _list(lines, at, depth)
    if _is_table(lines, at):
        return _table(lines, at)
    return _paragraph(lines, at, depth)


def _bare(heading: str | None) -> str:
    """Return the heading's text without closing number signs."""
    text = (heading or "").strip()
    shorter = text.rstrip("#")
    return shorter.rstrip() if not shorter or shorter[-1].isspace() else text


def _code(lines: list[str], at: int, fence: str, language: str) -> tuple[Block, int]:
    body: list[str] = []
    at += 1
    while at < len(lines):
        bare = lines[at].strip()
        at += 1
        if bare and set(bare) == {fence[0]} and len(bare) >= len(fence):
            break
        body.append(lines[at - 1])
    return {"kind": "code", "language": language, "text": "\n".join(body)}, at


def _quote(lines: list[str], at: int, depth: int) -> tuple[Block, int]:
    inner: list[str] = []
    while at < len(lines) and lines[at].startswith(">"):
        inner.append(lines[at][1:].removeprefix(" "))
        at += 1
    return {"kind": "quote", "blocks": _blocks(inner, depth + 1)}, at


def _list(lines: list[str], at: int, depth: int) -> tuple[Block, int]:
    first = _ITEM.match(lines[at])
    assert first is not None
    is_ordered, margin = first[2][0].isdigit(), len(first[1])
    items: list[Block] = []
    while at < len(lines):
        match = _ITEM.match(lines[at])
        is_next = match is not None and len(match[1]) <= margin + 1 and match[2][0].isdigit() == is_ordered
        if match is None or not is_next or _RULE.match(lines[at]):
            break
        inner, at = _item_lines(lines, at, match.end())
        checked = None
        if (check := _CHECK.match(inner[0])) is not None:
            checked = check[1] != " "
            inner[0] = inner[0][check.end() :]
        items.append({"checked": checked, "blocks": _blocks(inner, depth + 1)})
        while at < len(lines) and not lines[at].strip() and _continues(lines, at, margin):
            at += 1
    start = int(first[2][:-1]) if is_ordered else 1
    return {"kind": "list", "ordered": is_ordered, "start": start, "items": items}, at


def _item_lines(lines: list[str], at: int, indent: int) -> tuple[list[str], int]:
    """Return the item's lines without its indent: what is indented, or goes on without a blank line."""
    inner = [lines[at][indent:]]
    at += 1
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            if at + 1 < len(lines) and _indent(lines[at + 1]) >= 2 and lines[at + 1].strip():
                inner.append("")
                at += 1
                continue
            break
        if _indent(line) >= 2:
            inner.append(line[min(_indent(line), indent) :])
        elif _interrupts(line):
            break
        else:
            inner.append(line)
        at += 1
    return inner, at


def _continues(lines: list[str], at: int, margin: int) -> bool:
    """Return True when the next line that is not blank is another item of the same list."""
    following = next((line for line in lines[at : at + 3] if line.strip()), "")
    return _ITEM.match(following) is not None and _indent(following) <= margin + 1


def _is_table(lines: list[str], at: int) -> bool:
    return (
        "|" in lines[at] and at + 1 < len(lines) and "|" in lines[at + 1] and bool(_DIVIDER.match(lines[at + 1]))
    )


def _table(lines: list[str], at: int) -> tuple[Block, int]:
    head = _cells(lines[at])
    aligns = [
        {(True, True): "center", (False, True): "right"}.get((cell.startswith(":"), cell.endswith(":")), "left")
        for cell in _cells(lines[at + 1])
    ]
    rows: list[list[str]] = []
    at += 2
    while at < len(lines) and "|" in lines[at]:
        rows.append(_cells(lines[at]))
        at += 1
    width = len(head)

    def fit(cells: list[str]) -> list[Any]:
        return [parse_inline(cell) for cell in (cells + [""] * width)[:width]]

    aligns = (aligns + ["left"] * width)[:width]
    return {"kind": "table", "aligns": aligns, "head": fit(head), "rows": [fit(row) for row in rows]}, at


def _cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    parts = _CELL_END.split(bare)
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return [part.strip().replace("\\|", "|") for part in parts]


def _paragraph(lines: list[str], at: int, depth: int) -> tuple[Block, int]:
    text = [lines[at].lstrip()]
    at += 1
    while at < len(lines) and lines[at].strip():
        if depth < DEPTH_LIMIT and (_interrupts(lines[at]) or _is_table(lines, at)):
            break
        text.append(lines[at].lstrip())
        at += 1
    return {"kind": "paragraph", "runs": parse_inline("\n".join(text).rstrip())}, at


def _interrupts(line: str) -> bool:
    is_block = _HEADING.match(line) or _FENCE.match(line) or _ITEM.match(line) or _RULE.match(line)
    return bool(is_block) or line.startswith(">")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
