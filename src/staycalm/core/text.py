"""Text from outside on its way to places where a line break or a control character would mean something."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def has_control(text: str) -> bool:
    """Return True when the text holds a line break or another control character."""
    return _CONTROL.search(text) is not None


def one_line(text: str, limit: int = 200) -> str:
    """Return the text on one line of at most `limit` characters; white space and control characters are one blank.

    Lone surrogates, which have no UTF-8 form, become question marks.
    """
    line = " ".join(_CONTROL.sub(" ", encodable(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def encodable(text: str) -> str:
    """Return the text with lone surrogates replaced by question marks, so that it can always be encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")
