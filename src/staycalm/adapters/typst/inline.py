"""Text inside a Markdown block: strong, emphasis, code, links. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
from typing import Any

Run = dict[str, Any]
"""{"kind": "text" | "code", "text"} | {"kind": "strong" | "emph", "runs"} | {"kind": "link", "url", "runs"}
| {"kind": "break"}"""

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINK = re.compile(r"\[((?:\\.|[^\[\]\\])*)\]\(([^()\s<>]*)\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]*)>")
_BREAK = re.compile(r"(?: {2,}|\\)\n")
_TICKS = re.compile(r"`+")
_DELIMITER = re.compile(r"\*\*|__|\*|_")
_PLAIN = re.compile(r"[^\\`*_\[<\n ]+| +")
_SAFE_URL = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


class _Scanner:
    """Reads one text from left to right. Openers that are never closed turn back into the text they were."""

    def __init__(self, text: str, *, may_link: bool) -> None:
        self.text = text
        self.at = 0
        self.may_link = may_link
        self.open: list[tuple[str, list[Run]]] = [("", [])]
        self.ticks_without_end: set[int] = set()

    def runs(self) -> list[Run]:
        while self.at < len(self.text):
            if not (self._break() or self._escape() or self._code() or self._link() or self._delimiter()):
                self._plain()
        while len(self.open) > 1:
            self._give_up()
        return self.open[0][1]

    def _add(self, run: Run) -> None:
        here = self.open[-1][1]
        if run["kind"] == "text" and here and here[-1]["kind"] == "text":
            here[-1]["text"] += run["text"]
        else:
            here.append(run)

    def _break(self) -> bool:
        if (match := _BREAK.match(self.text, self.at)) is None:
            return False
        self._add({"kind": "break"})
        self.at = match.end()
        return True

    def _escape(self) -> bool:
        if (match := _ESCAPED.match(self.text, self.at)) is None:
            return False
        self._add({"kind": "text", "text": match[1]})
        self.at = match.end()
        return True

    def _code(self) -> bool:
        if (match := _TICKS.match(self.text, self.at)) is None:
            return False
        size = len(match[0])
        if size not in self.ticks_without_end:
            end = re.compile(rf"(?<!`)`{{{size}}}(?!`)").search(self.text, match.end())
            if end is not None:
                code = self.text[match.end() : end.start()].replace("\n", " ")
                if code.startswith(" ") and code.endswith(" ") and code.strip():
                    code = code[1:-1]
                self._add({"kind": "code", "text": code})
                self.at = end.end()
                return True
            self.ticks_without_end.add(size)
        self._add({"kind": "text", "text": match[0]})
        self.at = match.end()
        return True

    def _link(self) -> bool:
        if not self.may_link:
            return False
        if (match := _LINK.match(self.text, self.at)) is not None and _SAFE_URL.match(match[2]):
            self._add({"kind": "link", "url": match[2], "runs": parse_inline(match[1], may_link=False)})
        elif (match := _AUTOLINK.match(self.text, self.at)) is not None:
            shown = {"kind": "text", "text": match[1].removeprefix("mailto:")}
            self._add({"kind": "link", "url": match[1], "runs": [shown]})
        else:
            return False
        self.at = match.end()
        return True

    def _delimiter(self) -> bool:
        if (match := _DELIMITER.match(self.text, self.at)) is None:
            return False
        mark = match[0]
        before = self.text[self.at - 1 : self.at]
        after = self.text[match.end() : match.end() + 1]
        # Underscores inside a word are part of the word, as in snake_case.
        is_inside = mark[0] == "_" and before.isalnum() and after.isalnum()
        is_open = any(each == mark for each, _ in self.open)
        if is_open and before and not before.isspace() and not is_inside:
            self._close(mark)
        elif not is_open and after and not after.isspace() and not is_inside:
            self.open.append((mark, []))
        else:
            self._add({"kind": "text", "text": mark})
        self.at = match.end()
        return True

    def _close(self, mark: str) -> None:
        while self.open[-1][0] != mark:
            self._give_up()
        _, runs = self.open.pop()
        self._add({"kind": "strong" if len(mark) == 2 else "emph", "runs": runs})

    def _give_up(self) -> None:
        mark, runs = self.open.pop()
        self._add({"kind": "text", "text": mark})
        for run in runs:
            self._add(run)

    def _plain(self) -> None:
        match = _PLAIN.match(self.text, self.at)
        text = match[0] if match is not None else self.text[self.at]
        self._add({"kind": "text", "text": " " if text == "\n" else text})
        self.at += len(text)


def parse_inline(text: str, *, may_link: bool = True) -> list[Run]:
    """Return the runs of one block's text. Links lead to http, https and mailto only; others stay text."""
    return _Scanner(text, may_link=may_link).runs()
