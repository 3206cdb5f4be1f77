"""A night with Tab, Enter and letters: nobody touches a mouse, and where the focus is can always be seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.alerts import queries as alert_queries
from staycalm.domains.deployments import queries as deployment_queries
from staycalm.domains.incidents import queries as incident_queries
from staycalm.domains.incidents import service as incidents
from staycalm.domains.oncall.public import find_open_escalation
from tests.browser.chart_parts import Seen, seen
from tests.browser.conftest import context, next_page, wait_until_live
from tests.browser.paging import page_bob
from tests.browser.story import PASSWORD

__all__ = ["seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOB = Actor("person", "bob", "Bob")
MOST_TABS = 160
# In one look: a live page may be drawn anew between two of them, or before this one.
WHERE = """(el) => {
  if (!el.isConnected) return "drawn anew";
  if (el !== document.activeElement) return "elsewhere";
  const style = getComputedStyle(el);
  const box = el.getBoundingClientRect();
  const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const isInside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return isMarked && isInside ? "seen" : isMarked ? "out of sight" : "not marked";
}"""

HEIGHT = "document.activeElement.getBoundingClientRect().top"


def walk_to(page: Page, wanted: Locator) -> None:
    """The focus is on the wanted element, reached by Tab alone; the reader sees it there."""
    wanted.wait_for(state="attached")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        while (where := wanted.evaluate(WHERE)) == "drawn anew":
            wanted.wait_for(state="attached")
        if where != "elsewhere":
            assert where == "seen"
            return
    raise AssertionError(f"{MOST_TABS} times Tab do not reach {wanted}")


def press(page: Page, wanted: Locator) -> None:
    walk_to(page, wanted)
    page.keyboard.press("Enter")


def follow(page: Page, wanted: Locator) -> None:
    """The page that the wanted element leads to is open."""
    walk_to(page, wanted)
    with next_page(page):
        page.keyboard.press("Enter")


def test_from_the_log_in_to_a_rollback_that_asks_once_more(seen: Seen) -> None:
    opened = context(seen.browser)
    page = opened.new_page()
    page.goto(f"{seen.server.url}/login")
    expect(page.locator("[name=handle]")).to_be_focused()
    page.keyboard.type("root")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{seen.server.url}/")
    wait_until_live(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    press(page, page.get_by_role("link", name="shop @ production").first)
    page.wait_for_url("**/deployments/DEP-6")
    wait_until_live(page)
    question = page.locator("summary", has_text="Roll back")
    press(page, question)
    page.keyboard.press("Tab")
    expect(page.locator("details[open] [name=reason]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_focused()
    assert seen.server.read(deployment_queries.get_deployment, "DEP-6").state == "shifting"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("details[open] [name=reason]")).to_be_focused()
    page.keyboard.type("Orders fail")
    follow(page, page.locator("details[open] form").get_by_role("button", name="Roll back"))
    expect(page.locator(".verdict")).to_have_text("Going back to stable now.")
    assert seen.server.read(deployment_queries.get_deployment, "DEP-6").state == "rolling-back"
    opened.close()


def test_a_page_is_acknowledged_from_the_link_in_its_message(seen: Seen) -> None:
    page = seen.page
    page.goto(f"{seen.server.url}/ack/{seen.server.write(page_bob)}")
    press(page, page.get_by_role("button", name="Acknowledge"))
    expect(page.locator("[data-ack]")).not_to_have_attribute("data-ack", "ready")
    found = seen.server.read(find_open_escalation, "INC-1")
    assert found is not None and found.state == "acknowledged"


def test_an_incident_is_mitigated_and_resolved_and_the_focus_outlives_live_news(seen: Seen) -> None:
    page = seen.open_live("/incidents/INC-1")
    inside = page.locator("ol.timeline a").first
    walk_to(page, inside)
    where, height = inside.text_content(), page.evaluate(HEIGHT)
    seen.server.write(incidents.add_note, BOB, "INC-1", "News while somebody reads.")
    expect(page.locator("ol.timeline").get_by_text("News while somebody reads.")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == where, (
        "the focus was lost when the page was redrawn"
    )
    assert page.evaluate(HEIGHT) == pytest.approx(height, abs=2), "what the reader was on has moved"
    for verb, words in (("Mitigate", "Traffic is back on v2"), ("Resolve", "The tax call is cached")):
        press(page, page.locator("summary", has_text=verb))
        page.keyboard.press("Tab")
        expect(page.locator("details[open] form [name=text]")).to_be_focused()
        page.keyboard.type(words)
        follow(page, page.locator("details[open] form").get_by_role("button", name=verb))
        expect(page.locator("ol.timeline").get_by_text(words)).to_be_visible()
    assert seen.server.read(incident_queries.get_incident, "INC-1").state == "resolved"


def test_the_palette_leads_to_a_service(seen: Seen) -> None:
    page = seen.open("/deployments")
    page.keyboard.press("Control+k")
    page.keyboard.type("payments")
    expect(page.locator("#palette-list")).to_have_attribute("aria-busy", "false")
    first = page.locator("#palette-list [role=option]").first
    expect(first).to_contain_text("payments")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url("**/services/payments*")


def test_alerts_are_chosen_with_space_and_acknowledged_at_once(seen: Seen) -> None:
    page = seen.open_live("/alerts?service=payments")
    boxes = page.locator("article.item input[type=checkbox]")
    expect(boxes).to_have_count(2)
    for each in (boxes.first, boxes.last):
        walk_to(page, each)
        page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
    follow(page, page.locator(".bulk-bar").get_by_role("button", name="Acknowledge", exact=True))
    expect(page.get_by_text("2 alerts acknowledged.")).to_be_visible()
    found = seen.server.read(alert_queries.list_alerts, limit=50, state="acknowledged").items
    assert {each.service for each in found} == {"payments"}
