"""The site holds every document, leads nowhere but to itself, and finds what was asked for."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "docs/site/build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_site"] = module
    spec.loader.exec_module(module)
    return module


builder = _load()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    builder.build(folder)
    return folder


class Addresses(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a":
            self.links.append(values.get("href", ""))
        elif "src" in values or tag == "link":
            self.loaded.append(values.get("src") or values.get("href", ""))
        assert not any(name.startswith("on") or name == "style" for name in values), (tag, values)


def test_every_link_and_anchor_of_every_page_leads_somewhere(site: Path) -> None:
    pages = {path: Addresses(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    lost = []
    for path, found in pages.items():
        for link in [*found.links, *found.loaded]:
            if "://" in link or link.startswith("mailto:"):
                continue
            target, _, anchor = link.partition("#")
            other = (path.parent / target).resolve() if target else path
            if not other.is_file() or (anchor and other in pages and anchor not in pages[other].anchors):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    for path in site.rglob("*.html"):
        loaded = Addresses(path.read_text(encoding="utf-8")).loaded
        assert [each for each in loaded if "//" in each] == []
    for name in ("site.css", "search.js"):
        assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp", (site / name).read_text(encoding="utf-8"))


def test_every_document_is_a_page_and_is_in_the_navigation(site: Path) -> None:
    start = Addresses((site / "index.html").read_text(encoding="utf-8"))
    for document in (ROOT / "docs").rglob("*.md"):
        target = builder.target_of(document.relative_to(ROOT))
        assert (site / target).is_file()
        assert target == "index.html" or target in start.links


def test_every_section_can_be_found(site: Path) -> None:
    script = (site / "search-index.js").read_text(encoding="utf-8")
    rows = json.loads(script.removeprefix("window.documents = ").removesuffix(";\n"))
    addresses = {row[0] for row in rows}
    assert "howto/on-call.html#set-on-call-up" in addresses
    assert any("escalation" in row[3] for row in rows)
    assert all((site / address.partition("#")[0]).is_file() for address in addresses)


def test_the_same_documents_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    builder.build(tmp_path / "again")
    one, other = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (site, tmp_path / "again")
    )
    assert one == other


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SystemExit, match="something else"):
        builder.build(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Set on-call up", "set-on-call-up"), ("`sc ops deploy`", "sc-ops-deploy"),
        ("What comes by mail?", "what-comes-by-mail"), ("A & B", "a--b"), ("snake_case", "snake_case"),
    ],
)  # fmt: skip
def test_anchors_are_those_of_the_forges(heading: str, anchor: str) -> None:
    assert builder.slug(heading, set()) == anchor


def test_markup_in_a_document_stays_text() -> None:
    assert "<script" not in builder.parser().render("<script>alert(1)</script>\n\n[x](javascript:alert(1))")
