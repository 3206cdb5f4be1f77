"""Prints a Markdown document as a PDF. The document is given to the template as JSON: text stays text."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import typst

from staycalm.adapters.typst.markdown import parse_markdown
from staycalm.adapters.typst.settings import TypstSettings
from staycalm.core.text import encodable, one_line
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected
from staycalm.ports.reports import NO_PICTURES, Cover

SIZE_LIMIT = 1_000_000
TITLE_LIMIT = 300
_TEMPLATE = Path(__file__).with_name("document.typ")


class TypstPrinter:
    """Prints in a thread, one document at a time. Equal input on one machine gives equal bytes: no date inside."""

    def __init__(self, settings: TypstSettings | None = None) -> None:
        self._settings = settings or TypstSettings()
        self._one_at_a_time = threading.Lock()

    async def to_pdf(
        self,
        *,
        title: str,
        markdown: str,
        cover: Cover | None = None,
        pictures: Mapping[str, str] = NO_PICTURES,
    ) -> bytes:
        """Return the PDF. Raises InvalidSpec over a million characters, OutsideUnavailable after the time-out."""
        size = len(markdown) + sum(len(each) for each in pictures.values())
        if size > SIZE_LIMIT:
            raise InvalidSpec(f"the document has {size} characters; {SIZE_LIMIT} are the limit")
        document = {
            "title": one_line(title, TITLE_LIMIT),
            "paper": self._settings.paper,
            "blocks": parse_markdown(encodable(markdown).replace("\x00", "")),
            "cover": _plain(cover) if cover is not None else None,
            "pictures": dict(pictures),
        }
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await asyncio.to_thread(self._print, document)
        except TimeoutError:
            raise OutsideUnavailable(
                f"the document was not printed within {self._settings.timeout_s:g} s"
            ) from None

    def _print(self, document: dict[str, Any]) -> bytes:
        with self._one_at_a_time:
            try:
                printed = typst.compile(
                    self._template,
                    format="pdf",
                    font_paths=self._fonts,
                    sys_inputs={"document": json.dumps(document)},
                )
            except typst.TypstError as error:
                raise Rejected(f"the document cannot be printed: {one_line(str(error))}") from None
        if not isinstance(printed, bytes):
            raise Rejected("the document cannot be printed as one file")
        return printed

    @cached_property
    def _template(self) -> bytes:
        return _TEMPLATE.read_bytes()

    @cached_property
    def _fonts(self) -> typst.Fonts:
        return typst.Fonts(include_system_fonts=self._settings.use_system_fonts)


def _plain(cover: Cover) -> dict[str, Any]:
    """Return the title page as JSON values, each text on one line."""
    values = asdict(cover)
    for name in ("kind", "title", "owner", "note"):
        values[name] = one_line(values[name], TITLE_LIMIT)
    for name in ("facts", "figures"):
        values[name] = [[one_line(text, TITLE_LIMIT) for text in row] for row in values[name]]
    return values
