"""Turning a document into a PDF."""

from __future__ import annotations

from typing import Protocol


class ReportPrinter(Protocol):
    """Prints Markdown-shaped documents."""

    async def to_pdf(self, *, title: str, markdown: str) -> bytes:
        """Return a PDF of the document; equal input gives equal bytes."""
        ...
