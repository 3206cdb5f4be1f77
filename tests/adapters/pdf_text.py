"""Reads the text of a PDF back: content streams through the fonts' ToUnicode tables (PDF 32000-1, 9.10)."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_TOKEN = re.compile(rb"/(f\d+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\)|(\bET\b)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """Return the text in the order it is drawn, one line per drawn line."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    tables: dict[bytes, dict[int, str]] = {}
    for body in objects.values():
        for fonts in re.findall(rb"/Font<<(.*?)>>", body):
            for name, number in re.findall(rb"/(f\d+) (\d+) 0 R", fonts):
                target = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
                assert target is not None
                tables[name] = _table(_data(objects[int(target[1])]))
    pages = [number for body in objects.values() for number in re.findall(rb"/Contents (\d+) 0 R", body)]
    return "".join(_drawn(_data(objects[int(number)]), tables) for number in pages)


def _data(body: bytes) -> bytes:
    match = _STREAM.search(body)
    if match is None:
        return b""
    return zlib.decompress(match[1]) if b"/FlateDecode" in body[: match.start()] else match[1]


def _table(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n(?!<)?", cmap)
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


def _drawn(data: bytes, tables: dict[bytes, dict[int, str]]) -> str:
    found: list[str] = []
    font = b""
    for name, string, end in _TOKEN.findall(data):
        if name:
            font = name
        elif end:
            found.append("\n")
            font = b""
        elif font:  # a string before any font is a property, such as the language
            raw = _ESCAPE.sub(_unescape, string)
            codes = (int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2))
            found.append("".join(tables[font].get(code, "") for code in codes))
    return "".join(found)


def _unescape(match: re.Match[bytes]) -> bytes:
    letter = match[1]
    return bytes([int(letter, 8)]) if letter.isdigit() else _LETTERS.get(letter, letter)
