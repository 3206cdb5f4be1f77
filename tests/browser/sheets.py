"""Pictures small enough for a repository: palette PNG for documents, one sheet per theme and width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

COLOURS = 160
SHEET_BYTES = 290_000
LABEL_PX, GAP_PX = 22, 14


def save_picture(png: bytes, to: Path) -> int:
    """The picture is a palette PNG; returns its bytes."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)
    return to.stat().st_size


def save_sheet(shots: Sequence[tuple[str, bytes]], to: Path, *, columns: int, cell: tuple[int, int]) -> int:
    """One picture holds the upper part of each shot under its name; returns its bytes, at most some 290,000."""
    width, height = cell
    rows = -(-len(shots) // columns)
    size = (columns * (width + GAP_PX) + GAP_PX, rows * (height + LABEL_PX + GAP_PX) + GAP_PX)
    sheet = Image.new("RGB", size, "#8a938e")
    drawing, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (name, png) in enumerate(shots):
        left = GAP_PX + place % columns * (width + GAP_PX)
        top = GAP_PX + place // columns * (height + LABEL_PX + GAP_PX)
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        scaled = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
        while font.getlength(name) > width:
            name = f"{name[:-2]}…"
        drawing.text((left, top + 2), name, fill="#0d1311", font=font)
        sheet.paste(scaled.crop((0, 0, width, height)), (left, top + LABEL_PX))
    for quality in (70, 60, 50, 40, 30, 20):
        sheet.save(to, quality=quality, method=6)
        if to.stat().st_size <= SHEET_BYTES:
            break
    return to.stat().st_size
