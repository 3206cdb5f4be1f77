"""Prints a Markdown document as a PDF. The document is given to the template as JSON: text stays text."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import cached_property
from pathlib import Path

import typst

from staycalm.adapters.typst.markdown import parse_markdown
from staycalm.adapters.typst.settings import TypstSettings
from staycalm.core.text import encodable, one_line
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected

SIZE_LIMIT = 1_000_000
TITLE_LIMIT = 300
_TEMPLATE = Path(__file__).with_name("document.typ")


class TypstPrinter:
    """Prints in a thread, one document at a time. Equal input on one machine gives equal bytes: no date inside."""

    def __init__(self, settings: TypstSettings | None = None) -> None:
        self._settings = settings or TypstSettings()
        self._one_at_a_time = threading.Lock()

    async def to_pdf(self, *, title: str, markdown: str) -> bytes:
        """Return the PDF. Raises InvalidSpec over a million characters, OutsideUnavailable after the time-out."""
        if len(markdown) > SIZE_LIMIT:
            raise InvalidSpec(f"the document has {len(markdown)} characters; {SIZE_LIMIT} are the limit")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await asyncio.to_thread(self._print, one_line(title, TITLE_LIMIT), markdown)
        except TimeoutError:
            raise OutsideUnavailable(
                f"the document was not printed within {self._settings.timeout_s:g} s"
            ) from None

    def _print(self, title: str, markdown: str) -> bytes:
        document = {
            "title": title,
            "paper": self._settings.paper,
            "blocks": parse_markdown(encodable(markdown).replace("\x00", "")),
        }
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
