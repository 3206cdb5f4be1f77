"""The written post-mortem in a real browser: by keyboard, beside another writer, cut off, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.incidents import service as incidents
from staycalm.domains.incidents.causes.service import declare
from staycalm.domains.incidents.postmortem import queries, service
from tests.browser import one_server
from tests.browser.conftest import next_page, open_live
from tests.browser.server import Server
from tests.browser.story import HOSTILE

page, server, signed_in = one_server.page, one_server.server, one_server.signed_in
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOB = Actor("person", "bob", "Bob")


def ended(server: Server, title: str = "Checkout is slow") -> str:
    id = str(server.write(declare, BOB, title=title, priority="P2").incident.id)
    server.write(incidents.resolve, BOB, id, post_mortem_within_s=172800.0)
    return id


def text_of(server: Server, id: str, section: str) -> str:
    return str(server.read(queries.get_paper, id).texts[section].text)


def test_it_is_written_and_published_with_the_keyboard_alone(page: Page, server: Server) -> None:
    id = ended(server)
    open_live(page, f"{server.url}/incidents/{id}")
    page.get_by_role("link", name="Write it").focus()
    with next_page(page):
        page.keyboard.press("Enter")
    page.get_by_label("Root cause", exact=True).focus()
    page.keyboard.type("The **retry** had no budget.")
    page.keyboard.press("Tab")
    page.keyboard.type("No test has a slow tax service.")
    with next_page(page):
        page.keyboard.press("Control+Enter")
    expect(page.get_by_text("root, ").first).to_be_visible()
    assert text_of(server, id, "not-caught") == "No test has a slow tax service."
    page.locator("h1").click()
    page.keyboard.press("p")
    page.get_by_role("button", name="Publish it").focus()
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator(".words strong")).to_have_text("retry")
    expect(page.locator("[data-paper]")).to_have_count(0)
    page.get_by_label("Amend").fill("It happened in May, too.")
    page.keyboard.press("Tab")
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator("#amendments")).to_contain_text("It happened in May, too.")


@pytest.mark.parametrize("page", [True, False], indirect=True, ids=["script", "no script"])
def test_two_who_write_the_same_section_both_see_both_texts(page: Page, server: Server) -> None:
    id = ended(server)
    page.goto(f"{server.url}/incidents/{id}/post-mortem")
    server.write(service.write, BOB, id, {"lessons": "Bob's words"}, based_on={})
    page.get_by_label("Lessons learned", exact=True).fill("My words")
    page.get_by_label("Where we got lucky", exact=True).fill("It was night")
    with next_page(page):
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").first).to_contain_text("bob wrote Lessons learned meanwhile")
    page.get_by_role("alert").first.get_by_role("link", name="Lessons learned").click()
    expect(page.locator(":target")).to_be_in_viewport()
    expect(page.locator(".theirs")).to_have_text("Bob's words")
    expect(page.get_by_label("Lessons learned", exact=True)).to_have_value("My words")
    assert text_of(server, id, "lessons") == "Bob's words"
    page.get_by_label("Lessons learned", exact=True).fill("Bob's words and mine")
    with next_page(page):
        page.get_by_role("button", name="Save").click()
    expect(page.locator(".theirs")).to_have_count(0)
    assert text_of(server, id, "lessons") == "Bob's words and mine"
    assert text_of(server, id, "lucky") == "It was night"


def test_words_survive_a_lost_connection_and_a_reload(page: Page, server: Server) -> None:
    id = ended(server)
    at = f"{server.url}/incidents/{id}/post-mortem"
    page.goto(at)
    page.route(
        "**/post-mortem", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    page.get_by_label("Root cause", exact=True).fill("precious words")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved: no connection.")).to_be_visible()
    page.unroute("**/post-mortem")
    page.goto(at)
    expect(page.get_by_label("Root cause", exact=True)).to_have_value("")
    page.get_by_role("button", name="Put them back").click()
    expect(page.get_by_label("Root cause", exact=True)).to_have_value("precious words")
    with next_page(page):
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("root, ").first).to_be_visible()
    expect(page.locator("[data-kept]")).to_be_hidden()
    assert text_of(server, id, "root-cause") == "precious words"


@pytest.mark.parametrize("page", [False], indirect=True, ids=["no script"])
def test_preview_and_action_items_need_no_script_and_hostile_text_stays_text(page: Page, server: Server) -> None:
    id = ended(server, HOSTILE[:190])
    page.goto(f"{server.url}/incidents/{id}/post-mortem")
    page.get_by_label("Root cause", exact=True).fill(HOSTILE + "\n\n- **one**")
    with next_page(page):
        page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview strong")).to_have_text("one")
    expect(page.locator("#preview")).to_contain_text("<script>")
    assert page.locator("#preview script, #preview img, .paper script").count() == 0
    expect(page.get_by_label("Root cause", exact=True)).to_have_value(HOSTILE + "\n\n- **one**")
    form = page.locator("#add-action form")
    form.get_by_label("What will be different").fill(HOSTILE[:400])
    form.get_by_label("Owner").select_option("alice")
    form.get_by_label("Due").fill("2020-01-31")
    with next_page(page):
        form.get_by_role("button", name="Add it").click()
    expect(page.locator("#actions")).to_contain_text("overdue")
    (item,) = server.read(queries.actions_of, id)
    page.goto(f"{server.url}/incidents/actions?state=overdue&owner=alice&incident={id}")
    expect(page.locator("tbody tr")).to_have_count(1)
    with next_page(page):
        page.get_by_role("link", name=item.id).click()
    page.get_by_label("Owner").select_option("bob")
    with next_page(page):
        page.get_by_role("button", name="Change it").click()
    with next_page(page):
        page.get_by_role("button", name="Done").click()
    expect(page.locator("main")).to_contain_text("Reopen")
    ended_item = server.read(queries.get_action, item.id)
    assert (ended_item.state, ended_item.owner, ended_item.ended_by) == ("done", "bob", "root")
