"""The contact sheet shows every page there is."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.browser.gallery import EXAMPLES, IMAGES, PICTURES, pages
from tests.browser.sheets import SHEET_BYTES, save_sheet

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_on_the_contact_sheet() -> None:
    addresses, unknown = pages()
    assert unknown == [], "give them an example in tests/browser/gallery.py"
    assert len(addresses) == len(set(addresses))
    assert {"/", "/incidents/INC-1", "/oncall"} <= set(addresses)


def test_every_example_belongs_to_a_page_and_every_picture_to_a_document() -> None:
    addresses, _ = pages()
    assert all(set(each) <= set(addresses) for each in EXAMPLES.values())
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]
    for name in PICTURES:
        assert (IMAGES / name).is_file()
        assert any(f"images/{name}" in text for text in texts), name


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) <= 1_500_000


def test_a_sheet_holds_every_shot_under_its_name(tmp_path: Path) -> None:
    shot = io.BytesIO()
    Image.new("RGB", (400, 300), "#0a6b5c").save(shot, "PNG")
    size = save_sheet(
        [(f"/page-{n}", shot.getvalue()) for n in range(5)], tmp_path / "s.webp", columns=2, cell=(200, 150)
    )
    assert size <= SHEET_BYTES
    assert Image.open(tmp_path / "s.webp").size == (2 * 214 + 14, 3 * 186 + 14)
