"""The page of a deployment: decided from the keyboard, read as evidence afterwards, with logs that cannot bite."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from staycalm.domains.deployments import queries
from staycalm.domains.deployments.model import revisions
from staycalm.kit.database import Tx
from tests.browser.chart_parts import Seen, plain, seen
from tests.browser.conftest import next_page, wait_until_live

__all__ = ["plain", "seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
FAILED = "shop-production-3"
BITE = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>'


def state_of(seen: Seen, id: str) -> str:
    return str(seen.server.read(queries.get_deployment, id).state)


def say(seen: Seen, *texts: str) -> None:
    """The stopped revision's log holds these lines."""
    lines = [
        {
            "revision": FAILED,
            "instance": 0,
            "at_s": 1_772_000_000.0 + n,
            "stream": "err" if n % 2 else "out",
            "text": t,
        }
        for n, t in enumerate(texts)
    ]

    def use_case(tx: Tx) -> None:
        where = revisions.c.name == FAILED
        tx.execute(revisions.update().where(where).values(state="stopped", log_tail=lines))

    seen.server.write(use_case)


def test_the_verdict_stands_in_words_first_and_its_mathematics_behind_a_click(plain: Seen) -> None:
    page = plain.open("/deployments/DEP-5")
    expect(page.locator(".verdict")).to_have_text("Rolled back automatically; stable serves everything.")
    expect(page.locator(".finding")).to_contain_text("rolled back at")
    expect(page.get_by_text("Kept as evidence")).to_be_visible()
    proof = page.locator("details", has_text="The mathematics").locator("table").last
    expect(proof).to_be_hidden()
    page.get_by_text("The mathematics").click()
    expect(proof).to_be_visible()


def test_a_finished_one_does_not_ask_for_news(seen: Seen) -> None:
    page = seen.open("/deployments/DEP-5")
    expect(page.locator("[data-topic]")).to_have_count(0)
    expect(page.locator("[data-shortcut=r]:visible")).to_have_count(0)


def test_a_paused_one_is_resumed_and_paused_with_two_keys(seen: Seen) -> None:
    page = seen.open_live("/deployments/DEP-7")
    with next_page(page):
        page.keyboard.press("u")
    wait_until_live(page)
    expect(page.locator("[data-shortcut=p]")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator("details[open] [name=reason]")).to_be_focused()
    page.keyboard.type("Lunch")
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Paused")
    assert seen.server.read(queries.get_deployment, "DEP-7").is_paused


def test_harm_from_the_keyboard_asks_why_and_then_rolls_back(seen: Seen) -> None:
    page = seen.open_live("/deployments/DEP-6")
    page.keyboard.press("r")
    why = page.locator("details[open] [name=reason]")
    expect(why).to_be_focused()
    assert state_of(seen, "DEP-6") == "shifting", "one key alone does no harm"
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()
    page.keyboard.press("r")
    expect(why).to_be_focused()
    page.keyboard.type("Orders fail")
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_have_text("Going back to stable now.")
    assert state_of(seen, "DEP-6") == "rolling-back"


@pytest.mark.parametrize("q", [BITE, "%", "<b>", "SCRIPT", "' OR 1=1 --"])
def test_a_search_in_the_log_marks_words_and_runs_nothing(seen: Seen, plain: Seen, q: str) -> None:
    say(seen, "ready", BITE, "100 % of <b>orders</b>", "' OR 1=1 --")
    for each in (plain, seen):
        page = each.page
        page.goto(f"{each.server.url}/deployments/DEP-5?log=candidate#log")
        page.locator("#log [name=q]").fill(q)
        page.keyboard.press("Enter")
        marks = page.locator("#log mark")
        expect(marks.first).to_have_text(q, ignore_case=True)
        expect(page.locator("#log pre")).not_to_contain_text("ready")
        assert page.title() != "owned"
        assert page.locator("#log script, #log pre img, #log pre b").count() == 0


def test_a_followed_log_shows_what_is_written_and_says_when_nothing_matches(seen: Seen) -> None:
    say(seen, "one")
    page = seen.open("/deployments/DEP-5?log=candidate")
    lines: Any = page.locator("#log pre")
    expect(lines).to_contain_text("one")
    say(seen, "one", "two")
    expect(lines).to_contain_text("two")
    page.locator("#log [name=q]").fill("three")
    expect(page.locator("#log")).to_contain_text("No line of the last 2 has this.")
    expect(page).to_have_url(re.compile("q=three"))


def test_nothing_was_refused_or_broke(seen: Seen) -> None:
    assert seen.complaints == []
