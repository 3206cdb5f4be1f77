"""The words of a page: what to do first, nothing a sender can smuggle in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.oncall.notifications.messages import MAX_SUBJECT, Content, compose
from staycalm.ports.messages import Message

LINK = "https://calm.example/ack/sc_ack_x"
PAGE = Content(
    subject="INC-3", title="Error rate 7.4 %", priority="P0", service="shop", environment="production",
    url_path="/incidents/INC-3", why="primary on call, schedule platform (policy shop, step 1)", step=1,
    act_within_s=300.0,
)  # fmt: skip


def page(content: Content = PAGE, **named: object) -> Message:
    values: dict[str, object] = {"kind": "page", "person": "alice", "key": "n1", "acknowledge_url": LINK}
    return compose(content, public_url="https://calm.example/", **{**values, **named})  # type: ignore[arg-type]


def test_the_subject_says_priority_where_and_what() -> None:
    assert page().subject == "[P0] shop@production: Error rate 7.4 % (INC-3)"


def test_the_text_starts_with_what_to_do_and_the_link() -> None:
    assert page().text == (
        "Acknowledge within 5m, or the next person is paged.\n"
        f"{LINK}\n\n"
        "What: Error rate 7.4 %\n"
        "Priority: P0\n"
        "Where: shop@production\n"
        "Why you: primary on call, schedule platform (policy shop, step 1)\n"
        "INC-3: https://calm.example/incidents/INC-3\n"
    )


def test_what_was_changed_before_and_who_is_asked_next_have_a_line_each() -> None:
    told = replace(PAGE, change="DEP-6 (REL-5) got 50 % of traffic, 2m ago", change_path="/deployments/DEP-6",
                   after_you="bob, in 5m")  # fmt: skip
    message = page(told)
    assert "Just before: DEP-6 (REL-5) got 50 % of traffic, 2m ago\n" in message.text
    assert "After you: bob, in 5m\n" in message.text
    assert Tags(str(message.html)).links == [
        LINK, "https://calm.example/deployments/DEP-6", "https://calm.example/incidents/INC-3",
    ]  # fmt: skip
    assert message.subject == page().subject


def test_a_machine_gets_the_same_as_data() -> None:
    data = page().data
    assert data["acknowledge_url"] == LINK and data["url"] == "https://calm.example/incidents/INC-3"
    assert (data["subject"], data["priority"], data["person"], data["kind"]) == ("INC-3", "P0", "alice", "page")


def test_the_last_person_is_told_that_nobody_comes_after_them() -> None:
    last = Content(subject="INC-3", title="x", is_last=True)
    assert page(last).text.startswith("Acknowledge: nobody is paged after you.")


def test_a_notice_says_that_a_page_will_follow() -> None:
    text = page(Content(subject="INC-3", title="x", act_within_s=900.0), kind="notice").text
    assert text.startswith("Acknowledge within 15m, or you will be paged.\n" + LINK)


def test_a_possible_repeat_says_so() -> None:
    message = page(is_duplicate_possible=True)
    assert message.is_duplicate_possible and message.subject.endswith("(repeat)")
    assert "interrupted while sending it" in message.text and "interrupted while sending it" in str(message.html)


def test_an_escalation_says_that_nobody_has_answered() -> None:
    text = page(replace(PAGE, step=2)).text
    assert text.startswith(
        "Acknowledge within 5m, or the next person is paged. Nobody has answered so far.\n" + LINK
    )


@pytest.mark.parametrize(("priority", "when"), [("P0", "now"), (None, "now"), ("P2", "when you have time")])
def test_a_notice_that_nobody_acknowledges_says_when_to_look(priority: str | None, when: str) -> None:
    text = page(replace(PAGE, priority=priority), kind="notice", acknowledge_url=None).text
    assert text.startswith(f"Look at it {when}. Nobody has to acknowledge it.\n")


def test_the_end_wakes_nobody_and_says_so_in_the_subject() -> None:
    over = page(replace(PAGE, lead="INC-3 is resolved"), kind="over", acknowledge_url=None)
    assert over.subject == "[P0 over] shop@production: Error rate 7.4 % (INC-3)"
    assert over.text.startswith("Nothing to do any more: INC-3 is resolved.\n") and over.priority is None


@pytest.mark.parametrize("kind", ["page", "notice", "over", "digest", "test"])
def test_nothing_is_fetched_by_reading_and_dark_readers_get_dark(kind: str) -> None:
    html = str(page(kind=kind).html)
    assert not re.search(r"<(?:img|script|link|iframe)|url\(|@import|@font-face", html)
    assert "prefers-color-scheme: dark" in html and 'content="light dark"' in html


def test_what_was_stored_by_older_code_is_still_read() -> None:
    content = replace(PAGE, groups=(("Incidents", (("INC-3", "/incidents/INC-3"),)),))
    stored = json.loads(json.dumps(content.as_json()))
    message = page(Content.from_json(stored), kind="digest", acknowledge_url=None)
    assert "- INC-3: https://calm.example/incidents/INC-3" in message.text
    for newer in ("groups", "lead", "after_you", "change", "change_path"):
        del stored[newer]
    assert page(Content.from_json(stored)).text == page().text


class Tags(HTMLParser):
    """Every tag and link of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


PIECES = [*"abc <>\"'&/:=\r\n\x00\x1b\u2028", "<script>", "</td>", "<a href='https://evil.example'>", "https://"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_text_from_outside_stays_text(title: str, why: str, more: str) -> None:
    message = page(Content(subject="INC-3", title=title, why=why, text=more, url_path="/incidents/INC-3"))
    plain = Tags(str(page(Content(subject="INC-3", title="t", why="w", text="m")).html))
    hostile = Tags(str(message.html))
    assert set(hostile.seen) <= set(plain.seen)
    assert hostile.links == [LINK, "https://calm.example/incidents/INC-3"]
    assert "\n" not in message.subject and "\r" not in message.subject


@given(st.text(max_size=2000))
def test_a_subject_keeps_its_length(title: str) -> None:
    subject = page(Content(subject="INC-3", title=title, priority="P0", service="shop")).subject
    assert len(subject) <= MAX_SUBJECT and subject.endswith("(INC-3)")
