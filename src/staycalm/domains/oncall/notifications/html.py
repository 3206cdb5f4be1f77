"""The HTML form of a message. Pure.

Reads well where mail is read: one column, a large button first, dark where the reader's device is, and the same
words without any style. Nothing is fetched: no picture, no font, no address but our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
body { margin: 0; padding: 0; background: #f1f3f0; color: #131c19; -webkit-text-size-adjust: 100%; }
.card { max-width: 560px; margin: 0 auto; padding: 24px 20px 28px; background: #ffffff;
  font: 16px/1.5 -apple-system, system-ui, 'Segoe UI', Roboto, sans-serif; overflow-wrap: anywhere; }
.first { margin: 0 0 16px; font-size: 19px; line-height: 1.35; font-weight: 650; }
.button { display: block; padding: 14px 20px; border-radius: 8px; background: #a8201a; color: #ffffff;
  font-size: 18px; font-weight: 700; text-align: center; text-decoration: none; }
table { border-collapse: collapse; width: 100%; margin: 20px 0 0; }
th { padding: 6px 14px 6px 0; width: 84px; text-align: left; vertical-align: top; font-weight: 400;
  color: #55615c; }
td { padding: 6px 0; vertical-align: top; }
h2 { margin: 22px 0 6px; font-size: 16px; }
ul { margin: 0; padding: 0 0 0 20px; }
li { margin: 4px 0; }
pre { margin: 20px 0 0; padding: 12px; border-radius: 6px; background: #f1f3f0; white-space: pre-wrap;
  font: 14px/1.45 ui-monospace, Consolas, monospace; }
.small { margin: 22px 0 0; font-size: 13px; color: #55615c; }
a { color: #0a6b5c; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1311; color: #e6ece9; }
  .card { background: #151d1a; }
  th, .small { color: #9eaba6; }
  pre { background: #0d1311; }
  a { color: #56c9b4; }
  .button { background: #c6392f; color: #ffffff; }
}
"""


@dataclass(frozen=True, slots=True)
class Group:
    """A heading and its lines, each a text with the address it leads to, or ""."""

    heading: str
    lines: tuple[tuple[str, str], ...]


def page(
    *,
    first: str,
    button: tuple[str, str] | None,
    facts: Sequence[tuple[str, str]],
    links: Mapping[str, str],
    groups: Sequence[Group],
    text: str,
    notes: Sequence[str],
    stop: tuple[str, str] | None,
) -> str:
    """Return the whole document. `button` and `stop` are (words, address); the last fact is our own address.

    `links` are the addresses that other facts lead to, by name.
    """
    parts = [f'<p class="first">{escape(first)}</p>']
    if button is not None:
        parts.append(
            f'<p style="margin:0"><a class="button" href="{escape(button[1])}">{escape(button[0])}</a></p>'
        )
    for group in groups:
        items = "".join(f"<li>{_linked(words, address)}</li>" for words, address in group.lines)
        parts.append(f"<h2>{escape(group.heading)}</h2><ul>{items}</ul>")
    if facts:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{cell}</td></tr>" for name, cell in _cells(facts, links))
        parts.append(f"<table>{rows}</table>")
    if text:
        parts.append(f"<pre>{escape(text)}</pre>")
    parts += [f'<p class="small">{escape(note)}</p>' for note in notes]
    if stop is not None:
        parts.append(f'<p class="small"><a href="{escape(stop[1])}">{escape(stop[0])}</a></p>')
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f'<style>{_STYLE}</style></head><body><div class="card">{"".join(parts)}</div></body></html>'
    )


def _linked(words: str, address: str) -> str:
    return f'<a href="{escape(address)}">{escape(words)}</a>' if address else escape(words)


def _cells(facts: Sequence[tuple[str, str]], links: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the facts escaped; the last one is our own address, which leads there."""
    told = [(name, _linked(value, links.get(name, ""))) for name, value in facts[:-1]]
    name, about = facts[-1]
    return [*told, (name, _linked(about, about))]
