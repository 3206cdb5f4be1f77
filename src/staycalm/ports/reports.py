"""Turning a document into a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

NO_PICTURES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Cover:
    """A title page of plain texts. `figures` are (label, value, note), shown large; `facts` (label, value)."""

    kind: str
    title: str
    owner: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    figures: tuple[tuple[str, str, str], ...] = ()
    note: str = ""


class ReportPrinter(Protocol):
    """Prints Markdown-shaped documents."""

    async def to_pdf(
        self,
        *,
        title: str,
        markdown: str,
        cover: Cover | None = None,
        pictures: Mapping[str, str] = NO_PICTURES,
    ) -> bytes:
        """Return a PDF of the document; equal input gives equal bytes.

        A line `![caption](picture:name)` stands for the SVG of that name in `pictures`.
        """
        ...
