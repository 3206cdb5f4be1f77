"""What people do with the pages, in a real browser, with and without JavaScript."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.accounts.links import make_set_up_link
from staycalm.domains.alerts import queries as alert_queries
from staycalm.domains.deployments import queries as deployment_queries
from staycalm.domains.deployments import service as deployments
from staycalm.domains.incidents import queries as incident_queries
from staycalm.domains.incidents import service as incidents
from staycalm.kit.database.tables import metadata
from tests.browser.conftest import context, next_page, open_live, sign_in
from tests.browser.server import Server, serving
from tests.browser.story import HOSTILE, PASSWORD, SETTINGS

# Telling the story takes half a minute on a busy machine, and the first test waits for it.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOB = Actor("person", "bob", "Bob")
SHIFTING, PAUSED = "DEP-6", "DEP-7"
PATHS = ("/", "/deployments", "/deployments/DEP-5", "/deployments/DEP-6", "/alerts", "/alerts/ALG-1", "/incidents",
         "/incidents/INC-1", "/oncall", "/account")  # fmt: skip


def test_the_set_up_link_makes_the_first_admin_and_pages_are_empty(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        metadata.create_all(server.database.engine)
        code = server.write(make_set_up_link, valid_s=600.0)
        opened = context(browser)
        page = opened.new_page()
        page.goto(f"{server.url}/set-up/{code}")
        page.fill("[name=handle]", "ada")
        page.fill("[name=name]", "Ada Lovelace")
        page.fill("[name=email]", "ada@example.com")
        page.fill("[name=password]", "a long enough secret")
        page.click("main button")
        page.wait_for_url(f"{server.url}/welcome/contact")
        page.goto(f"{server.url}/")
        expect(page.get_by_text("Ada Lovelace")).to_be_visible()
        expect(page.get_by_text("No service is declared yet.")).to_be_visible()
        for path in ("/deployments", "/alerts", "/incidents", "/oncall"):
            answer = page.goto(server.url + path)
            assert answer is not None and answer.status == 200
        opened.close()


def test_whoever_is_not_signed_in_signs_in_where_they_wanted_to_be(browser: Browser, server: Server) -> None:
    opened = context(browser, script=False)
    page = opened.new_page()
    answer = page.goto(f"{server.url}/incidents")
    assert answer is not None and answer.status == 401
    page.get_by_label("Handle").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/incidents")
    expect(page.get_by_role("heading", name="All incidents")).to_be_visible()
    opened.close()


def test_a_rollback_asks_once_more_and_needs_no_script(plain_page: Page, server: Server) -> None:
    plain_page.goto(f"{server.url}/deployments/{SHIFTING}")
    form = plain_page.locator(f"form[action='/deployments/{SHIFTING}/rollback']")
    expect(form).not_to_be_visible()
    plain_page.locator("summary", has_text="Roll back").click()
    form.locator("[name=reason]").fill("Customers complain")
    with next_page(plain_page):
        form.get_by_role("button", name="Roll back").click()
    expect(plain_page).to_have_url(f"{server.url}/deployments/{SHIFTING}")
    found = server.read(deployment_queries.get_deployment, SHIFTING)
    assert found.state == "rolling-back"
    assert (found.end_reason, str(found.end_actor)) == ("Customers complain", "root")
    expect(plain_page.get_by_text("Going back to stable now.")).to_be_visible()
    expect(plain_page.locator("summary", has_text="Roll back")).not_to_be_visible()


def test_what_cannot_be_done_any_more_is_refused_in_words(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/deployments/{PAUSED}")
    page.get_by_role("button", name="Resume").wait_for()
    server.write(deployments.resume, BOB, PAUSED, settings=SETTINGS.deployments)
    with next_page(page):
        page.evaluate(f"document.querySelector(\"form[action='/deployments/{PAUSED}/resume']\").submit()")
    expect(page.get_by_role("heading", name="Conflict")).to_be_visible()
    expect(page.get_by_text("neither paused nor held")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    page.wait_for_url(f"{server.url}/deployments/{PAUSED}")


def test_an_alert_is_acknowledged_without_script(plain_page: Page, server: Server) -> None:
    plain_page.goto(f"{server.url}/alerts")
    item = plain_page.locator("article", has_text="Disk of db-2 is 84 % full")
    with next_page(plain_page):
        item.get_by_role("button", name="Acknowledge").click()
    expect(plain_page).to_have_url(f"{server.url}/alerts")
    expect(item.get_by_text("root has it")).to_be_visible()
    found = server.read(alert_queries.list_alerts, limit=50, state="acknowledged").items
    assert [alert.summary for alert in found] == ["Disk of db-2 is 84 % full"]


def test_a_note_of_somebody_else_appears_by_itself(page: Page, server: Server) -> None:
    open_live(page, f"{server.url}/incidents/INC-1")
    note = "It is the tax service."
    expect(page.get_by_text(note)).to_have_count(0)
    server.write(incidents.add_note, BOB, "INC-1", note)
    expect(page.locator("ol.timeline").get_by_text(note)).to_be_visible()


def test_a_rollout_moves_by_itself_and_its_buttons_follow(page: Page, server: Server) -> None:
    open_live(page, f"{server.url}/deployments/{SHIFTING}")
    expect(page.locator("summary", has_text="Pause")).to_be_visible()
    page.get_by_text("The mathematics").click()
    server.write(deployments.pause, BOB, SHIFTING, reason="Lunch", settings=SETTINGS.deployments)
    expect(page.get_by_text("Paused by a person.")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator("summary", has_text="Pause")).not_to_be_visible()
    # What the reader opened is still open.
    expect(page.get_by_text("Mantel-Haenszel")).to_be_visible()


def test_the_incident_is_mitigated_and_resolved_from_its_page(plain_page: Page, server: Server) -> None:
    plain_page.goto(f"{server.url}/incidents/INC-1")
    for verb, words in (("Mitigate", "Traffic is back on v2"), ("Resolve", "The tax call is cached")):
        plain_page.locator("summary", has_text=verb).click()
        form = plain_page.locator(f"form[action='/incidents/INC-1/{verb.lower()}']")
        form.locator("[name=text]").fill(words)
        with next_page(plain_page):
            form.get_by_role("button", name=verb).click()
        expect(plain_page).to_have_url(f"{server.url}/incidents/INC-1")
        expect(plain_page.locator("ol.timeline").get_by_text(words)).to_be_visible()
    assert server.read(incident_queries.get_incident, "INC-1").state == "resolved"
    expect(plain_page.locator("summary", has_text="Reopen")).to_be_visible()


def test_hostile_text_stays_text(page: Page, server: Server) -> None:
    server.write(incidents.add_note, BOB, "INC-1", HOSTILE)
    for path in ("/", "/alerts", "/incidents/INC-1"):
        page.goto(server.url + path)
        assert page.title() != "owned"
        assert page.locator("main script, main img[src=x]").count() == 0
        expect(page.get_by_text("<script>document.title").first).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
def test_no_page_scrolls_sideways(browser: Browser, server: Server, width: int) -> None:
    server.write(incidents.add_note, BOB, "INC-1", HOSTILE)
    opened = context(browser, width=width)
    page = opened.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    sign_in(opened, server.url)
    for path in PATHS:
        answer = page.goto(server.url + path)
        assert answer is not None and answer.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    # The content policy refuses inline styles and scripts: there are none.
    assert problems == []
    opened.close()
