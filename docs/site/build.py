"""`./dev docs`: the documentation as a site of plain files, searchable without a network or a server.

Reads docs/ and the documents that it links to; writes HTML, a stylesheet, a script and an index for the search.
Nothing of another host is referred to. The same documents give the same bytes.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TOKENS = ROOT / "src/staycalm/web/static/css/tokens.css"
ICON = ROOT / "src/staycalm/web/static/icon.svg"
START = Path("docs/README.md")
GROUPS = (
    ("Learn", ("docs/tutorial/",)),
    ("Do", ("docs/howto/",)),
    ("Look up", ("docs/reference/",)),
    ("Understand", ("docs/why/", "ARCHITECTURE.md", "docs/adr/README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ("Adapters", ("src/staycalm/adapters/",)),
    ("Decisions", ("docs/adr/",)),
)
_SLUG = re.compile(r"[^\w\- ]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LANGUAGES = {"console": "console", "sh": "bash", "yaml": "yaml", "json": "json", "python": "python"}
_SUBGRAPH = re.compile(r"\s*subgraph (\w+)(?: \[(.+)\])?$")
_NODE = re.compile(r"(\w+)(?:\[\(?\"?(.+?)\"?\)?\])")


@dataclass
class Page:
    """One document: where it comes from, where it goes, what it says."""

    source: Path
    target: str
    title: str = ""
    body: str = ""
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    parts: list[tuple[str, str, str]] = field(default_factory=list)


def slug(text: str, taken: set[str]) -> str:
    """Return the anchor that forges give a heading; a second one of the same words ends in -1."""
    base = _SLUG.sub("", text.strip().lower()).replace(" ", "-")
    found, number = base, 0
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    taken.add(found)
    return found


def target_of(source: Path) -> str:
    """Return where a document goes, by its path from the root."""
    if source == START:
        return "index.html"
    text = source.as_posix().removeprefix("docs/").removeprefix("src/staycalm/")
    if text == "README.md":
        return "readme.html"
    text = re.sub(r"/README\.md$", "/index.md", text)
    return re.sub(r"\.md$", ".html", text).lower() if "/" not in text else re.sub(r"\.md$", ".html", text)


def parser() -> MarkdownIt:
    """Return what reads our documents: tables, and no HTML."""
    return MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable(["table", "strikethrough"])


def _highlighted(code: str, language: str, _attributes: str) -> str:
    if language == "mermaid":
        return diagram(code)
    try:
        lexer = get_lexer_by_name(_LANGUAGES.get(language, language or "text"))
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    inner: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="code" tabindex="0"><code>{inner}</code></pre>'


def diagram(code: str) -> str:
    """Return a flow chart as nested boxes, with its arrows in words."""
    parts, names, arrows, depth = ['<pre class="diagram">'], {}, [], 0
    for line in code.splitlines()[1:]:
        for name, label in _NODE.findall(line):
            names.setdefault(name, re.sub(r"\s*<br\s*/?>\s*", ", ", label))
    shown: set[str] = set()
    for line in code.splitlines()[1:]:
        if (group := _SUBGRAPH.match(line)) is not None:
            names.setdefault(group[1], group[2] or group[1])
            parts.append(f'<span class="group"><b>{html.escape(names[group[1]])}</b>')
            depth += 1
            continue
        if line.strip() == "end":
            parts.append("</span>")
            depth -= 1
            continue
        bare = re.sub(r"\[\(?.*?\)?\]", "", line)
        for name in re.findall(r"\w+", bare):
            is_group = f"subgraph {name}" in code
            if name not in shown and not is_group and (depth or name in names):
                shown.add(name)
                parts.append(f'<span class="node">{html.escape(names.get(name, name))}</span>')
        if "-->" in bare:
            arrows.append(" → ".join(_side(side, names) for side in bare.split("-->")))
    parts.append("</span>" * depth)
    parts.append("".join(f'<span class="arrow">{html.escape(arrow)}</span>' for arrow in arrows))
    return "".join(parts) + "</pre>"


def _side(side: str, names: dict[str, str]) -> str:
    return " & ".join(names.get(name, name).split(",")[0] for name in re.findall(r"\w+", side))


def documents() -> list[Path]:
    """Return every document of the site, from docs/ and wherever it links to, by path from the root."""
    waiting = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md")]
    found: dict[Path, None] = {}
    while waiting:
        path = waiting.pop(0)
        source = path.relative_to(ROOT)
        if source in found:
            continue
        found[source] = None
        for link in links_of(path.read_text(encoding="utf-8")):
            other = (path.parent / unquote(link.partition("#")[0])).resolve()
            is_ours = other.suffix == ".md" and other.is_file() and other.is_relative_to(ROOT)
            if is_ours and "://" not in link:
                waiting.append(other)
    return list(found)


def links_of(text: str) -> list[str]:
    """Return the address of every link and picture of a document."""
    found = []
    for token in parser().parse(text):
        for child in token.children or ():
            address = child.attrGet("href") or child.attrGet("src")
            if address:
                found.append(str(address))
    return found


def read(source: Path, pages: dict[Path, str], files: dict[Path, str]) -> Page:
    """Return the document as HTML. Links to documents lead to pages; other files of ours are noted in `files`."""
    page = Page(source, pages[source])
    taken: set[str] = set()
    tokens = parser().parse(_COMMENT.sub("", (ROOT / source).read_text(encoding="utf-8")))
    anchor, heading = "", ""
    for place, token in enumerate(tokens):
        for child in token.children or ():
            _relink(child, page, pages, files)
        if token.type == "heading_open":
            words = _words(tokens[place + 1])
            anchor, heading = slug(words, taken), words
            token.attrSet("id", anchor)
            page.headings.append((int(token.tag[1]), words, anchor))
            page.title = page.title or words
            page.parts.append((anchor, heading, ""))
        elif token.type in ("inline", "fence", "code_block") and page.parts:
            words = _words(token) if token.type == "inline" else token.content
            if words != heading or page.parts[-1][2]:
                page.parts[-1] = (anchor, heading, f"{page.parts[-1][2]} {words}".strip())
    page.body = parser().renderer.render(tokens, parser().options, {})
    page.body = page.body.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )
    return page


def _words(token: Token) -> str:
    return "".join(
        child.content if child.type in ("text", "code_inline") else " " if child.type.endswith("break") else ""
        for child in token.children or ()
    )


def _relink(token: Token, page: Page, pages: dict[Path, str], files: dict[Path, str]) -> None:
    name = "href" if token.type == "link_open" else "src" if token.type == "image" else ""
    address = str(token.attrGet(name) or "") if name else ""
    if not address or "://" in address or address.startswith(("mailto:", "#")):
        return
    path, mark, anchor = address.partition("#")
    other = Path(os.path.normpath(page.source.parent / unquote(path)))
    if other in pages:
        to = pages[other]
    else:
        to = files.setdefault(other, other.as_posix().removeprefix("docs/"))
        if (ROOT / other).is_dir():
            files.update({other / name: f"{to}/{name}" for name in sorted(os.listdir(ROOT / other))})
            to += "/index.html"
    token.attrSet(name, _relative(page.target, to) + mark + anchor)


def _relative(start: str, to: str) -> str:
    return Path(os.path.relpath(to, Path(start).parent)).as_posix()


def grouped(pages: Iterable[Page]) -> list[tuple[str, list[Page]]]:
    """Return the pages by group, each in the first that names it, by title."""
    left = [page for page in pages if page.source != START]
    found = []
    for name, prefixes in GROUPS:
        mine = [page for page in left if page.source.as_posix().startswith(prefixes)]
        left = [page for page in left if page not in mine]
        if mine:
            found.append((name, sorted(mine, key=lambda page: _order(page))))
    return [*found, *([("More", left)] if left else [])]


def _order(page: Page) -> tuple[str, str]:
    number = re.match(r"\d{4}-", page.source.name)
    return (number[0] if number else "", page.title.lower())


def laid_out(page: Page, groups: list[tuple[str, list[Page]]]) -> str:
    """Return the whole page with its navigation."""
    up = "../" * page.target.count("/") or "./"
    sections = []
    for name, members in groups:
        is_open = " open" if page in members or (page.source == START and name != "Decisions") else ""
        rows = "".join(_entry(each, page) for each in members)
        sections.append(f"<details{is_open}><summary>{name}</summary><ul>{rows}</ul></details>")
    contents = "".join(
        f'<li class="level-{level}"><a href="#{anchor}">{html.escape(words)}</a></li>'
        for level, words, anchor in page.headings
        if level in (2, 3)
    )
    frame = (HERE / "page.html").read_text(encoding="utf-8")
    values = {
        "title": html.escape(page.title),
        "up": up,
        "navigation": "\n".join(sections),
        "contents": f'<nav class="contents" aria-label="On this page"><ul>{contents}</ul></nav>'
        if contents
        else "",
        "body": page.body,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: values[match[1]], frame)


def _entry(each: Page, page: Page) -> str:
    here = ' aria-current="page"' if each is page else ""
    return f'<li><a href="{_relative(page.target, each.target)}"{here}>{html.escape(each.title)}</a></li>'


def _listing(folder: Path, target: str) -> Page:
    """Return a page that leads to each file of a folder."""
    names = (html.escape(name) for name in sorted(os.listdir(ROOT / folder)))
    rows = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    title = folder.as_posix().removeprefix("docs/")
    return Page(folder, target, title, f"<h1>{html.escape(title)}</h1><ul>{rows}</ul>")


def search_index(pages: list[Page]) -> str:
    """Return the script that holds what can be found: [address, page, heading, text] per section."""
    rows = [
        [page.target + (f"#{anchor}" if anchor else ""), page.title, heading, " ".join(text.split())]
        for page in pages
        for anchor, heading, text in page.parts
    ]
    return "window.documents = " + json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + ";\n"


def build(to: Path) -> list[Page]:
    """The folder holds the site and nothing else; returns its pages."""
    sources = documents()
    targets = {source: target_of(source) for source in sources}
    files: dict[Path, str] = {}
    pages = [read(source, targets, files) for source in sources]
    groups = grouped(pages)
    if to.exists():
        if any(to.iterdir()) and not (to / "search-index.js").exists():
            sys.exit(f"{to} holds something else than a site; name another folder.")
        shutil.rmtree(to)
    for page in pages:
        place = to / page.target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(laid_out(page, groups), encoding="utf-8")
    for source, target in files.items():
        (to / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            listing = _listing(source, f"{target}/index.html")
            (to / target).mkdir(exist_ok=True)
            (to / listing.target).write_text(laid_out(listing, groups), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / source, to / target)
    (to / "search-index.js").write_text(search_index(pages), encoding="utf-8")
    shutil.copyfile(HERE / "search.js", to / "search.js")
    shutil.copyfile(ICON, to / "icon.svg")
    style = TOKENS.read_text(encoding="utf-8") + (HERE / "site.css").read_text(encoding="utf-8")
    (to / "site.css").write_text(style, encoding="utf-8")
    return pages


def main() -> None:
    arguments = argparse.ArgumentParser(prog="./dev docs", description="Build the documentation as a site.")
    arguments.add_argument("--to", type=Path, default=ROOT / "build" / "site", help="the folder to write")
    to = arguments.parse_args().to.resolve()
    pages = build(to)
    sys.stdout.write(f"{len(pages)} pages. Open {to / 'index.html'} in a browser; it needs no server.\n")


if __name__ == "__main__":
    main()
