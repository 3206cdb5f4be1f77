"""What stays current by itself, and what says that it is not: the overview, the wall, a cut connection."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.queries import body_of
from staycalm.domains.incidents import service as incidents
from staycalm.domains.incidents.public import declare
from staycalm.kit.database import Tx
from tests.browser.conftest import next_page, open_live, wait_until_live
from tests.browser.server import Server
from tests.browser.shell_parts import opened, shell, signed_in, tab
from tests.domains.deployments.world import shop_config

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
__all__ = ["opened", "shell", "signed_in", "tab"]

BOB = Actor("person", "bob", "Bob")
MOST_BYTES = 150_000
MANY = 200
SECOND_LISTENER = """(text) => {
  window.told = new Promise((done) => {
    const source = new EventSource("/live?topic=INC%3AINC-1");
    source.addEventListener("INC:INC-1", (event) => { if (event.data.includes(text)) done(true); });
  });
}"""


def test_a_cut_connection_is_shown_and_heals_with_what_was_missed(tab: Page, shell: Server) -> None:
    open_live(tab, f"{shell.url}/incidents/INC-1")
    state = tab.locator("[data-live-state]")
    tab.route("**/live?*", lambda route: route.abort())
    shell.cut_streams()
    note = tab.locator(".stale-note")
    expect(note).to_contain_text("Connection lost. What you see is from")
    expect(state).to_have_text("connection lost")
    shell.write(incidents.add_note, BOB, "INC-1", "Said while nobody heard it.")
    expect(tab.get_by_text("Said while nobody heard it.")).to_have_count(0)
    tab.unroute("**/live?*")
    expect(tab.get_by_text("Said while nobody heard it.")).to_be_visible()
    expect(state).to_have_text("live")
    expect(note).not_to_be_visible()


def test_a_form_that_is_filled_in_is_waited_for(tab: Page, shell: Server) -> None:
    open_live(tab, f"{shell.url}/incidents/INC-1")
    # At once with the focus: a part that is drawn anew in between would take the field away.
    tab.evaluate(
        """() => {
          document.querySelector("[data-topic^=INC]").insertAdjacentHTML("afterbegin", "<input id=mine>");
          document.querySelector("#mine").focus();
        }"""
    )
    tab.keyboard.type("half a sente")
    tab.evaluate(SECOND_LISTENER, "A note meanwhile.")
    shell.write(incidents.add_note, BOB, "INC-1", "A note meanwhile.")
    assert tab.evaluate("window.told") is True
    expect(tab.locator("#mine")).to_have_value("half a sente")
    tab.locator("h1").click()
    expect(tab.get_by_text("A note meanwhile.")).to_be_visible()


def test_news_between_press_and_release_do_not_take_the_click_away(tab: Page, shell: Server) -> None:
    open_live(tab, f"{shell.url}/incidents/INC-1")
    tab.evaluate("document.querySelector('ol.timeline').dataset.old = 'yes'")
    tab.locator("[data-kind=paging]").hover()
    tab.mouse.down()
    tab.evaluate(SECOND_LISTENER, "News under the finger.")
    shell.write(incidents.add_note, BOB, "INC-1", "News under the finger.")
    assert tab.evaluate("window.told") is True
    expect(tab.locator("ol.timeline[data-old]")).to_have_count(1)
    tab.mouse.up()
    expect(tab).to_have_url(re.compile("show=paging"))
    expect(tab.locator("ol.timeline[data-old]")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (2560, 1440)])
def test_the_wall_is_read_from_four_metres(opened: BrowserContext, shell: Server, width: int, height: int) -> None:
    page = opened.new_page()
    page.set_viewport_size({"width": width, "height": height})
    open_live(page, f"{shell.url}/?wall")
    expect(page.get_by_role("heading", level=1)).to_contain_text("incident")
    expect(page.get_by_role("region", name="On call").get_by_text("bob", exact=True)).to_be_visible()
    small = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
          .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
          .filter((each) => each.checkVisibility())
          .filter((each) => parseFloat(getComputedStyle(each).fontSize) < 0.016 * innerWidth)
          .map((each) => each.outerHTML.slice(0, 100))"""
    )
    assert small == []
    overflow = (
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    assert page.evaluate(overflow) == [0, 0]
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_the_wall_tells_a_new_incident_by_itself(tab: Page, shell: Server) -> None:
    open_live(tab, f"{shell.url}/?wall")
    shell.write(declare, BOB, title="The tax service is away", priority="P2")
    expect(tab.get_by_text("The tax service is away")).to_be_visible()
    expect(tab.get_by_role("heading", level=1)).to_have_text(re.compile("that nobody has acknowledged"))


def test_the_first_page_is_small(opened: BrowserContext, shell: Server) -> None:
    page = opened.new_page()
    open_live(page, f"{shell.url}/")
    sizes = page.evaluate(
        """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
          .filter((each) => each.responseEnd).map((each) => each.transferSize)"""
    )
    assert len(sizes) >= 3, "the page, its sheet and its script"
    assert sum(sizes) <= MOST_BYTES


def test_two_hundred_services_are_filtered_and_paged_in_the_address(tab: Page, shell: Server) -> None:
    shell.write(_declare_many)
    tab.goto(f"{shell.url}/")
    pager = tab.get_by_role("navigation", name="Pages of services")
    expect(pager).to_contain_text(f"{MANY + 3} services")
    with next_page(tab):
        pager.get_by_role("link", name="Next").click()
    expect(tab).to_have_url(re.compile("page=2"))
    expect(pager).to_contain_text("Page 2 of 9")
    tab.locator(".serving [name=q]").fill("bulk-17")
    with next_page(tab):
        tab.get_by_role("button", name="Filter").click()
    expect(tab.locator(".live-table tbody tr")).to_have_count(10)
    expect(tab).to_have_url(re.compile("q=bulk-17"))
    wait_until_live(tab)
    tab.locator(".serving [name=q]").fill("no such thing")
    with next_page(tab):
        tab.keyboard.press("Enter")
    expect(tab.get_by_text("No service matches.")).to_be_visible()


def _declare_many(tx: Tx) -> None:
    for n in range(MANY):
        config = shop_config(placement=Placement(f"bulk-{n:03}", "production"))
        values = {"service": config.service, "environment": config.environment, "config": body_of(config)}
        tx.execute(catalog.placements.insert().values(**values))
