"""Drawings, the HTML file, the PDF, and the edition for customers."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.adapters.typst import TypstPrinter, TypstSettings
from staycalm.core.actor import Actor
from staycalm.domains.deployments.public import Moment
from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents.report.chart import Chart, Mark, Series, to_svg
from staycalm.domains.incidents.report.customer import post_incident_summary
from staycalm.domains.incidents.report.document import (
    Block,
    Document,
    Section,
    to_data,
    to_markdown,
    to_printed,
)
from staycalm.domains.incidents.report.draft import post_mortem
from staycalm.domains.incidents.report.facts import Facts, gather
from staycalm.domains.incidents.report.page import to_html
from staycalm.domains.incidents.report.surroundings import Contribution, Surroundings, marks_of, span
from staycalm.domains.monitoring.public import Signals
from staycalm.domains.oncall import events as oncall
from staycalm.ports.reports import Cover
from tests.adapters.pdf_text import text_of
from tests.domains.incidents.stories import BOB, START, a_bad_release, about, rolled_back

PRINTER = TypstPrinter(TypstSettings(use_system_fonts=False))


def minute(n: int, error_rate: float | None) -> Signals:
    return Signals(START + timedelta(minutes=n), 60.0, 1200, 20.0, error_rate, 20.0, 48.0, None)


def second(at: int, weight: float, bad: int) -> Moment:
    when = int(START.timestamp()) + at
    total = {"total": 20 * at, "total_bad": 0}
    return Moment(when, weight, {"stable": total, "candidate": {"total": 2 * at, "total_bad": bad}})


AROUND = Surroundings(
    organisation="Acme",
    service_title="The web shop",
    signals=tuple(minute(n, None if n == -3 else 0.052 if n == 1 else 0.001) for n in range(-14, 16)),
    rollout=tuple(second(at, 10.0, max(0, at - 20)) for at in range(60)),
    marks=marks_of(a_bad_release().entries),
    contributions=(
        Contribution(START, "rollback", "DEP-3 was rolled back"),
        Contribution(START, "alert", "p95 of shop is 2.4 s"),
    ),
)


def the_night() -> Facts:
    return gather(about(), a_bad_release().entries)


def printed(document: Document) -> bytes:
    markdown, drawings = to_printed(document)
    return asyncio.run(
        PRINTER.to_pdf(title=document.title, markdown=markdown, cover=document.cover, pictures=drawings)
    )


# -- drawings -----------------------------------------------------------------------------------


def test_the_report_draws_the_signals_and_marks_the_deployment_and_the_rollback() -> None:
    page = to_html(post_mortem(the_night(), AROUND))
    for title in ("Failed requests", "Response time of 95 of 100 requests", "Requests per second"):
        assert f">{title}</text>" in page
    assert ">DEP-3: 10 %</text>" in page and ">rollback</text>" in page
    assert ">stable</text>" in page and ">candidate</text>" in page


def test_in_markdown_the_drawings_are_a_table() -> None:
    markdown = to_markdown(post_mortem(the_night(), AROUND))
    assert "<svg" not in markdown and "picture:" not in markdown
    assert re.search(r"\| 09:01 \| 5\.2 % \| 48 ms \| 20 /s \| .*rollback \|", markdown)
    assert "| 08:57 | not measured |" in markdown


def test_without_measurements_there_is_no_drawing() -> None:
    assert "<svg" not in to_html(post_mortem(the_night()))
    assert "Signals around" not in to_markdown(post_mortem(the_night()))


def test_every_contributing_cause_is_named() -> None:
    markdown = to_markdown(post_mortem(the_night(), AROUND))
    assert "- Contributing, 09:00 by alert: p95 of shop is 2.4 s" in markdown


def test_the_drawings_begin_a_quarter_of_an_hour_before_and_end_one_after() -> None:
    start, end = span(about(), a_bad_release().entries)
    assert start == START - timedelta(minutes=15)
    assert end == START + timedelta(seconds=60, minutes=15)


values = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=30)


@given(values, values, st.text(max_size=40), st.lists(st.integers(-5, 40), max_size=9))
def test_any_figures_make_a_well_formed_drawing_inside_its_frame(
    first: list[float | None], other: list[float | None], name: str, marked: list[int]
) -> None:
    def series(of: list[float | None]) -> Series:
        return Series(name, tuple((START + timedelta(minutes=n), value) for n, value in enumerate(of)))

    marks = tuple(Mark(START + timedelta(minutes=n), name, "rollback") for n in marked)
    chart = Chart("x", name, "%", (series(first), series(other)), marks, (START, START + timedelta(minutes=3)))
    drawn = to_svg(chart)
    assert (drawn == "") == chart.is_empty
    if drawn:
        root = ET.fromstring(drawn)
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
            "svg", "text", "path", "rect", "circle",
        }  # fmt: skip
        for each in root.iter("{http://www.w3.org/2000/svg}path"):
            numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", each.get("d") or "")]
            assert all(-1 <= n <= 681 for n in numbers)


# -- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [post_mortem, post_incident_summary])
def test_equal_data_gives_equal_bytes_in_every_form(write: Any) -> None:
    one, other = write(the_night(), AROUND), write(the_night(), AROUND)
    assert to_markdown(one) == to_markdown(other)
    assert to_html(one) == to_html(other)
    assert to_data(one) == to_data(other)
    assert printed(one) == printed(other)


def test_the_pdf_has_a_title_page_and_everything_the_markdown_says() -> None:
    document = post_mortem(the_night(), AROUND)
    text = re.sub(r"\s", "", text_of(printed(document)))
    for part in (
        "Acme", "Incident Post-Mortem", "shop rolled back", "41.8s", "Requests failed", "target 15m",
        "09:07 - bob acknowledged (by link)", "Detection (MTTD)", "Signals around the incident",
        "[Key takeaways]", "Owner: to be named",
    ):  # fmt: skip
        assert part.replace(" ", "") in text, part


# -- hostile text -------------------------------------------------------------------------------

HOSTILE = [
    '#panic("x") $y$ <script>alert(1)</script>',
    "![a](picture:errors) [b](javascript:c) | d",
    "]] --> ' \" &",
]


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("href", "src", "style") for name, _ in attrs)


SAFE = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "ul", "li", "dl",
    "div", "dt", "dd", "small", "table", "thead", "tbody", "tr", "th", "td", "figure", "input", "time",
    "svg", "text", "path", "rect", "circle",
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text_in_every_form(hostile: str) -> None:
    log = a_bad_release()
    log.add(500, incidents.NoteAdded(subject="INC-1", note="n", text=hostile), Actor("person", "eve", hostile))
    around = replace(AROUND, organisation=hostile, service_title=hostile, contributions=(
        Contribution(START, "alert", hostile), Contribution(START, "alert", hostile)))  # fmt: skip
    facts = gather(about(title=hostile, service=hostile), log.entries)
    for write in (post_mortem, post_incident_summary):
        document = write(facts, around)
        assert _Tags(to_html(document)).tags <= SAFE
        text = re.sub(r"\s", "", text_of(printed(document)))
        assert re.sub(r"\s", "", hostile)[:20] in text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=100))
def test_no_text_becomes_a_tag_in_html(text: str) -> None:
    blocks = (
        Block("paragraph", (text,)), Block("prompt", (text,)), Block("bullets", (text, f"09:00 - {text}")),
        Block("table", rows=((text, text), (text, text))), Block("heading", (text,)), Block("checks", (text,)),
    )  # fmt: skip
    cover = Cover(text, text, text, ((text, text),), ((text, text, text),), text)
    assert _Tags(to_html(Document(text, (Section(text, blocks),), cover))).tags <= SAFE


def test_the_page_needs_nothing_but_itself() -> None:
    page = to_html(post_mortem(the_night(), AROUND))
    assert "default-src &#x27;none&#x27;" in page and "<script" not in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "url(" not in page and "@import" not in page


# -- the edition for customers ------------------------------------------------------------------

INTERNAL = ["alice", "bob", "Bob", "DEP-3", "REL-3", "sha256", "policy", "escalation", "shop-production-3", "step"]


def test_customers_read_no_internal_name() -> None:
    document = post_incident_summary(the_night(), AROUND)
    told = to_markdown(document) + to_html(document).partition("</style>")[2] + str(to_data(document))
    assert [name for name in INTERNAL if name in told] == []
    assert "The web shop" in told and "Acme" in told


SECRET = "zq"


@given(st.text(alphabet="abc ", max_size=20).map(lambda text: f"{SECRET}{text}"))
def test_nothing_that_a_person_or_a_system_wrote_reaches_customers(text: str) -> None:
    log = a_bad_release()
    log.add(430, incidents.NoteAdded(subject="INC-1", note="n", text=text), Actor("person", text, text))
    log.add(440, incidents.IncidentMitigated(subject="INC-1", how=text), BOB)
    log.add(450, oncall.StepReached(
        subject="INC-1", escalation="e", step=3, round=0, urgency="page", targets=[text], people=[text],
        wait_s=1.0,
    ))  # fmt: skip
    log.add(460, rolled_back(reason=text, release=text, evidence={"reasons": [text]}))
    around = replace(
        AROUND, marks=(Mark(START, text, "deployment"),), contributions=(Contribution(START, "alert", text),)
    )
    facts = gather(about(title=text, service=text, environment=text, declared_by=text), log.entries)
    document = post_incident_summary(facts, around)
    assert SECRET not in to_markdown(document) + to_html(document) + str(to_data(document)) + str(
        to_printed(document)
    )


def test_customers_are_told_what_happened_when() -> None:
    markdown = to_markdown(post_incident_summary(the_night(), AROUND))
    told = markdown.split("## What Happened\n")[1].split("\n## ")[0].strip().splitlines()
    assert told == [
        "- 09:00 - The first customers were affected",
        "- 09:00 - Our monitoring noticed the trouble",
        "- 09:01 - The previous version served all requests again",
        "- 09:01 - Our engineer on call was called",
        "- 09:07 - An engineer had taken charge",
        "- 09:31 - We had verified that it was over",
    ]
