"""A report as one HTML file that needs nothing else: its own style, its drawings, no script, no address."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from pathlib import Path

from staycalm.domains.incidents.report import markup
from staycalm.domains.incidents.report.chart import to_svg
from staycalm.domains.incidents.report.document import Block, Document
from staycalm.ports.reports import Cover

STYLE = "\n" + Path(__file__).with_name("report.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# Holds in the saved file too: nothing is run, nothing is fetched, whatever slipped through.
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_TIMED = re.compile(r"(\d\d:\d\d(?: \(\d{4}-\d\d-\d\d\))?) - (.*)", re.DOTALL)


def to_html(document: Document) -> str:
    """Return the whole page."""
    title = escape(document.title)
    parts = [_cover(document.cover) if document.cover is not None else f"<h1>{title}</h1>"]
    for section in document.sections:
        parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts.extend(_block(block) for block in section.blocks if not block.is_empty)
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title>\n<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _cover(cover: Cover) -> str:
    kind = f"{cover.owner} · {cover.kind}" if cover.owner else cover.kind
    facts = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in cover.facts)
    figures = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
        for label, value, note in cover.figures
    )
    return (
        f'<header><p class="kind">{escape(kind)}</p>\n<h1>{escape(cover.title)}</h1>\n'
        f'<dl class="facts">{facts}</dl>\n'
        + (f'<dl class="figures">{figures}</dl>\n' if figures else "")
        + (f'<p class="note">{escape(cover.note)}</p>' if cover.note else "")
        + "</header>"
    )


def _block(block: Block) -> str:
    if block.kind == "charts":
        return "\n".join(f"<figure>{to_svg(chart)}</figure>" for chart in block.charts)
    if block.kind == "table":
        return _table(block.rows)
    if block.kind == "words":
        return "\n".join(f'<div class="words">{markup.to_html(text)}</div>' for text in block.texts)
    texts = [escape(text) for text in block.texts]
    if block.kind == "paragraph":
        return "\n".join(f"<p>{text}</p>" for text in texts)
    if block.kind == "heading":
        return "\n".join(f"<h3>{text}</h3>" for text in texts)
    if block.kind == "prompt":
        return "\n".join(f'<p class="prompt">[{text}]</p>' for text in texts)
    if block.kind == "checks":
        rows = "\n".join(_check(text, n in block.ticked) for n, text in enumerate(texts))
        return f'<ul class="checks">\n{rows}\n</ul>'
    timed = [_TIMED.fullmatch(text) for text in texts]
    if texts and all(timed):
        rows = "\n".join(f"<li><time>{m[1]}</time> {m[2]}</li>" for m in timed if m is not None)
        return f'<ul class="times">\n{rows}\n</ul>'
    return "<ul>\n" + "\n".join(f"<li>{text}</li>" for text in texts) + "\n</ul>"


def _check(text: str, is_ticked: bool) -> str:
    ticked = " checked" if is_ticked else ""
    return f'<li><input type="checkbox" disabled{ticked} aria-label="done"> {text}</li>'


def _table(rows: tuple[tuple[str, ...], ...]) -> str:
    head, *rest = rows
    first = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, place) for place, cell in enumerate(row)) + "</tr>" for row in rest
    )
    return f'<div class="scroll"><table><thead><tr>{first}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _cell(text: str, place: int) -> str:
    if place == 0:
        return f'<th scope="row">{escape(text)}</th>'
    tone = f' class="{text}"' if text in ("met", "missed") else ""
    return f"<td{tone}>{escape(text)}</td>"
