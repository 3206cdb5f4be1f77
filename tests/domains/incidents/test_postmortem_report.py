"""What people wrote, in every form of the report; hostile text in each of its places."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from staycalm.adapters.typst import TypstPrinter, TypstSettings
from staycalm.domains.incidents.postmortem.sections import SECTIONS
from staycalm.domains.incidents.report import markup
from staycalm.domains.incidents.report.customer import post_incident_summary
from staycalm.domains.incidents.report.document import Document, to_data, to_markdown, to_printed
from staycalm.domains.incidents.report.draft import post_mortem, root_cause_analysis
from staycalm.domains.incidents.report.facts import Facts, gather
from staycalm.domains.incidents.report.page import to_html
from staycalm.domains.incidents.report.written import Amendment, Measure, Written
from tests.adapters.pdf_text import text_of
from tests.domains.incidents.stories import START, a_bad_release, about

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> \"'> [x](javascript:alert(1)) ![p](picture:a) "
    "\u202eevil\u2066 \\ `` ** __ | --- # \x1b[31m"
)
TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "h3", "dl", "dt", "dd",
    "div", "ul", "ol", "li", "small", "input", "time", "table", "thead", "tbody", "tr", "th", "td", "figure",
    "svg", "a", "strong", "em", "code", "pre", "blockquote",
}  # fmt: skip


class Seen(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def measure(**changed: Any) -> Measure:
    values: dict[str, Any] = {
        "id": "ACT-4", "what": "Give retries a budget", "kind": "preventive", "owner": "alice",
        "due_on": date(2026, 3, 9), "state": "open",
    }  # fmt: skip
    return Measure(**{**values, **changed})


def facts(**written: Any) -> Facts:
    known = gather(about(), a_bad_release().entries)
    return replace(known, written=Written(**{"state": "draft", **written}))


def forms(document: Document) -> tuple[str, str, str]:
    return to_markdown(document), to_html(document), str(to_data(document))


def pdf(document: Document) -> bytes:
    markdown, drawings = to_printed(document)
    printer = TypstPrinter(TypstSettings(use_system_fonts=False))
    return asyncio.run(
        printer.to_pdf(title=document.title, markdown=markdown, cover=document.cover, pictures=drawings)
    )


ALL = {name: f"words-of-{name}" for name in SECTIONS}


def test_words_take_the_place_of_the_prompts_in_the_headings_of_the_sop() -> None:
    text = to_markdown(post_mortem(facts(texts=ALL, measures=(measure(),))))
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "Summary", "Timeline", "Root Cause", "Impact", "What Went Well", "What Went Wrong", "Action Items",
        "Lessons Learned",
    ]  # fmt: skip
    parts = dict(part.split("\n", 1) for part in text.split("## ")[1:] if not part.startswith("#"))
    places = {"Summary": "summary", "Root Cause": "root-cause", "What Went Well": "went-well",
              "What Went Wrong": "went-wrong", "Lessons Learned": "lessons"}  # fmt: skip
    for heading, section in places.items():
        assert f"words-of-{section}" in parts[heading], heading
    assert "Users affected: words-of-users-affected" in text and "Revenue impact: words-of-revenue-impact" in text
    assert "- [ ] Give retries a budget (ACT-4, Owner: alice, Due: 2026-03-09)" in text
    assert "\n[" not in text, "nothing is left to ask for"


def test_what_nobody_wrote_is_asked_for_and_unknown() -> None:
    text = to_markdown(post_mortem(facts()))
    assert "[What actually caused the issue]" in text and "[Key takeaways]" in text
    assert "Users affected: unknown" in text and "Revenue impact: unknown" in text


def test_the_short_analysis_tells_why_it_was_not_caught() -> None:
    text = to_markdown(root_cause_analysis(facts(texts=ALL)))
    assert "words-of-root-cause" in text and "words-of-not-caught" in text and "words-of-lessons" not in text


def test_measures_that_are_done_are_ticked_and_dropped_ones_say_why() -> None:
    done = measure(id="ACT-5", state="done", ended_at=START + timedelta(days=2), kind="documentation")
    gone = measure(id="ACT-6", state="dropped", reason="switched off")
    document = post_mortem(facts(measures=(measure(), done, gone)))
    text = to_markdown(document)
    assert "- [x] Documentation update: Give retries a budget (ACT-5, Owner: alice, Due: 2026-03-09, done " in text
    assert "Dropped: Give retries a budget (ACT-6): switched off" in text
    boxes = [attributes for tag, attributes in Seen(to_html(document)).tags if tag == "input"]
    assert ["checked" in each for each in boxes] == [False, True]


def test_amendments_stand_at_the_end_with_author_and_time() -> None:
    later = (Amendment(START + timedelta(days=9), "carol", "It happened **in May**, too."),)
    text = to_markdown(post_mortem(facts(state="published", published_at=START, amendments=later)))
    assert text.rstrip().endswith("### 2026-03-11 09:00 UTC, carol\n\nIt happened **in May**, too.")
    assert "Published: 2026-03-02 09:00 UTC" in text


def test_customers_read_what_was_written_for_them_and_nothing_else() -> None:
    later = (Amendment(START, "carol", "words-of-amendment"),)
    document = post_incident_summary(facts(texts=ALL, measures=(measure(),), amendments=later))
    for text in (*forms(document), text_of(pdf(document))):
        assert "words-of-customer-summary" in text
        for inner in (*(f"words-of-{n}" for n in SECTIONS if n != "customer-summary"), "ACT-4", "alice", "carol"):
            assert inner not in text, inner


def test_the_pdf_holds_the_words_and_the_same_data_gives_the_same_bytes() -> None:
    document = post_mortem(facts(texts={**ALL, "lessons": "First **strong** then\n\n- one\n- `two`"},
                                 measures=(measure(),)))  # fmt: skip
    printed = pdf(document)
    assert printed == pdf(document)
    text = text_of(printed)
    for words in ("words-of-lucky", "strong", "two", "retries a budget", "2026-03-09"):
        assert words in text
    assert "**strong**" not in text


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_hostile_words_are_text_in_every_form(section: str) -> None:
    hostile = HOSTILE if SECTIONS[section].is_line else f"# {HOSTILE}\n\n- {HOSTILE}\n\n```\n{HOSTILE}\n```"
    measures = (measure(what=HOSTILE, owner=HOSTILE), measure(state="dropped", reason=HOSTILE))
    known = facts(texts={section: hostile}, measures=measures,
                  amendments=(Amendment(START, HOSTILE, hostile),))  # fmt: skip
    for document in (post_mortem(known), post_incident_summary(known)):
        seen = Seen(to_html(document)).tags
        assert {tag for tag, _ in seen} <= TAGS | {
            "g",
            "path",
            "rect",
            "text",
            "line",
            "polyline",
            "polygon",
            "circle",
        }
        for _, attributes in seen:
            assert not [name for name in attributes if name.startswith("on")]
            assert not str(attributes.get("href") or "").lower().startswith("javascript")
        rendered = MarkdownIt("commonmark").render(to_markdown(document))
        assert "<script" not in rendered and "javascript:" not in "".join(
            str(attributes.get("href") or "") for _, attributes in Seen(rendered).tags
        )
    if section == "lessons":
        assert pdf(post_mortem(known)).startswith(b"%PDF")


MARKED = st.text(alphabet="ab `*_#->[](){}<&\"'|\\!1.:/\n\thtp", max_size=80)


@given(MARKED)
@settings(max_examples=150)
def test_any_text_becomes_balanced_html_of_known_tags_alone(text: str) -> None:
    opened: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in TAGS
            if tag != "input":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    parser = Balanced()
    parser.feed(markup.to_html(text))
    parser.close()
    assert opened == []


@given(MARKED)
@settings(max_examples=60)
def test_no_word_is_lost_on_the_way_into_markdown(text: str) -> None:
    """A document's Markdown reads, in another renderer, as the same letters as its HTML."""
    document = post_mortem(facts(texts={"lessons": f"begin {text}"}))
    ours = _letters(markup.to_html(f"begin {text}"))
    theirs = _letters(MarkdownIt("commonmark").render(to_markdown(document).rpartition("Lessons Learned")[2]))
    assert theirs == ours


def _letters(html: str) -> str:
    found: list[str] = []

    class Text(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Text().feed(html)
    return "".join(each for each in "".join(found) if each in "abhtp")


@pytest.mark.parametrize(
    "text",
    ["*" * 20_000, "`a" * 10_000, "[" * 20_000, "https://" * 2_500, "**a " * 5_000, "> " * 10_000, "- " * 9_000],
)
def test_a_hostile_text_is_read_once(text: str) -> None:
    assert markup.parse(text)
