"""How wide text is on a terminal, how it is cut, and how text from outside is kept from steering the terminal."""

from __future__ import annotations

import re

from staycalm.core.text import one_line

# One column each on every terminal: what our own pictures and most texts are made of (UAX 11).
_NARROW = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u017f\u2013-\u201e\u2022\u2026\u2190-\u2195\u2500-\u259f▶●○✓✗]*\Z")
# Invisible characters that reorder what follows, hide in names or tag them (UAX 9, UTR 36).
_HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def harmless(text: str, limit: int = 2000) -> str:
    """Return text from outside on one line, without control characters and without hidden ones.

    Escape sequences lose their first character and so their meaning; overrides of the writing direction go.
    """
    return _HIDDEN.sub("", one_line(text, limit))


def harmless_lines(text: str) -> str:
    """Return a document from outside with its lines and tabs, and without what could steer the terminal."""
    return "\n".join(_HIDDEN.sub("", _CONTROL.sub(" ", line)) for line in text.replace("\r\n", "\n").split("\n"))


def columns(text: str) -> int:
    """Return how many columns the text takes; East Asian characters and emoji take two, marks none (UAX 11)."""
    if _NARROW.match(text):
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def cut(text: str, room: int) -> str:
    """Return the text in at most `room` columns, with an ellipsis where something is missing.

    What a person sees as one character is never split (UAX 29).
    """
    if columns(text) <= room:
        return text
    if _NARROW.match(text):
        return text[: max(0, room - 1)].rstrip() + "…"
    from wcwidth import iter_graphemes

    kept, used = "", 0
    for each in iter_graphemes(text):
        used += columns(each)
        if used > room - 1:
            break
        kept += each
    return kept.rstrip() + "…"


def pad(text: str, room: int) -> str:
    """Return the text in exactly `room` columns: cut or filled with blanks.

    Text written from right to left is isolated, so that it cannot swap places with its neighbours (UAX 9).
    """
    found = cut(text, room)
    blanks = " " * (room - columns(found))
    if not found.isascii() and _RIGHT_TO_LEFT.search(found):
        return f"{_ISOLATE}{found}{_END_ISOLATE}{blanks}"
    return found + blanks
