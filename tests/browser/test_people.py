"""People, teams, settings and the first run in a real browser: by keyboard alone, without scripts, hostile."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from staycalm.domains.accounts import queries
from staycalm.kit.database.log import after
from tests.browser import offices
from tests.browser.conftest import context, next_page
from tests.browser.offices import ARABIC, Office, tab_to
from tests.browser.story import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
office, admins, page, plain = offices.office, offices.admins, offices.page, offices.plain
HOSTILE = "<script>document.title='owned'</script>" + "x" * 150
PATHS = (
    "/people", "/people/long", "/teams", "/settings/contact", "/settings/tokens", "/settings/sessions",
    "/settings/display", "/settings/password", "/welcome/contact", "/welcome/service",
    "/welcome/service?way=start", "/welcome/check",
)  # fmt: skip


def test_the_set_up_can_be_left_and_gone_on_with_without_a_script(office: Office, plain: Page) -> None:
    page = plain
    page.goto(f"{office.url}/welcome")
    expect(page.get_by_text("clinic is well")).to_be_visible()
    with next_page(page):
        page.get_by_role("link", name="Change the service").click()
    expect(page.locator("[name=url]")).to_have_value(office.clinic.url)
    page.fill("[name=url]", "http://127.0.0.1:1/health")
    with next_page(page):
        page.get_by_role("button", name="Only check").click()
    expect(page.get_by_text("placement clinic@production")).to_be_visible()
    page.fill("[name=service]", "other")
    with next_page(page):
        page.get_by_role("button", name="Watch it").click()
    expect(page.get_by_text("Also remove what this file does not name")).to_be_visible()
    with next_page(page):
        page.get_by_role("link", name="StayCalm starts it").click()
    page.fill("[name=text]", "services:\n  shop:\n    tier: nine\n")
    with next_page(page):
        page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("alert")).to_contain_text("staycalm.yaml:3")
    page.get_by_role("link", name="Skip for now").click()
    page.wait_for_url(f"{office.url}/")


def test_an_invited_person_signs_in_gets_a_role_and_goes_again(office: Office, page: Page) -> None:
    page.get_by_text("Invite somebody").click()
    page.fill("[name=handle]", "eva")
    page.fill("[name=name]", HOSTILE)
    page.fill("[name=email]", "eva@x.example")
    page.get_by_role("checkbox", name="support").check()
    with next_page(page):
        page.get_by_role("button", name="Make the account and a link").click()
    link = page.get_by_label("The link for eva").input_value()
    page.goto(f"{office.url}/people/eva")
    assert page.title() != "owned"
    expect(page.get_by_text("invited, no password yet")).to_be_visible()
    guest = context(office.browser)
    hers = guest.new_page()
    hers.goto(link)
    hers.fill("[name=password]", PASSWORD)
    hers.get_by_role("button", name="Set the password").click()
    hers.wait_for_url(f"{office.url}/")
    page.locator("summary").get_by_text("Change roles").click()
    page.get_by_role("checkbox", name="developer").check()
    with next_page(page):
        page.locator("form").get_by_role("button", name="Change roles").click()
    assert office.server.read(queries.get_person, "eva").standing_roles == {"support", "developer"}
    page.locator("summary").get_by_text("Deactivate").click()
    expect(page.get_by_text("is signed out everywhere")).to_be_visible()
    with next_page(page):
        page.locator("form").get_by_role("button", name="Deactivate").click()
    expect(page.locator("summary").get_by_text("Reactivate")).to_be_visible()
    answer = hers.goto(f"{office.url}/people")
    assert answer is not None and answer.status == 401
    guest.close()
    told = [each.name for each in office.server.read(after, 0) if each.subject == "person/eva"]
    assert {"accounts.person_invited", "accounts.person_changed", "accounts.person_deactivated"} <= set(told)


def test_whoever_may_not_change_people_is_shown_no_way_to(office: Office) -> None:
    office.join("sam", "Sam Support", "support")
    opened = context(office.browser)
    page = opened.new_page()
    page.goto(f"{office.url}/login?next=/people/root")
    page.fill("[name=handle]", "sam")
    page.fill("[name=password]", PASSWORD)
    with next_page(page):
        page.click("main button")
    expect(page.get_by_role("heading", name="On call", exact=True)).to_be_visible()
    expect(page.get_by_text("ends").first).to_be_visible()
    assert page.get_by_text("Deactivate").count() == 0
    assert page.get_by_text("Reached by").count() == 0
    page.goto(f"{office.url}/people")
    assert page.get_by_text("Invite somebody").count() == 0
    opened.close()


def test_people_are_found_by_what_stands_in_the_address(office: Office, page: Page) -> None:
    office.join("zoe", "Zoë Zander", "devops")
    page.goto(f"{office.url}/people?role=devops")
    expect(page.get_by_role("link", name="Zoë Zander")).to_be_visible()
    assert page.get_by_role("link", name=ARABIC).count() == 0
    page.goto(f"{office.url}/people?q=nobody+at+all")
    expect(page.get_by_text("Nobody matches.")).to_be_visible()
    page.goto(f"{office.url}/teams")
    expect(page.get_by_text("No team is declared.")).to_be_visible()


def test_a_read_only_token_made_by_keyboard_scrapes_metrics(office: Office, page: Page) -> None:
    page.goto(f"{office.url}/settings/tokens")
    tab_to(page, r"\|name$")
    page.keyboard.type("prometheus")
    with next_page(page):
        page.keyboard.press("Enter")
    secret = page.get_by_label("The token prometheus").input_value()
    bearer = {"Authorization": f"Bearer {secret}"}
    outside = office.browser.new_context()
    scraped = outside.request.get(f"{office.url}/metrics", headers=bearer)
    assert scraped.status == 200 and "staycalm_" in scraped.text()
    refused = outside.request.post(f"{office.url}/api/v1/tokens", headers=bearer, data={"name": "more"})
    assert (refused.status, refused.json()["code"]) == (403, "read-only-token")
    outside.close()
    page.locator("summary").get_by_text("Revoke").click()
    with next_page(page):
        page.locator("form").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No token yet.")).to_be_visible()


def test_contact_methods_are_added_ordered_tested_and_removed(office: Office, page: Page) -> None:
    page.goto(f"{office.url}/settings/contact")
    for address in ("first@x.example", "second@x.example"):
        page.fill("[name=address]", address)
        with next_page(page):
            page.get_by_role("button", name="Add it and send a test").click()
        expect(page.get_by_text(f"took the test message for {address}")).to_be_visible()
    assert {to for to, _ in office.inbox.mails} >= {"first@x.example", "second@x.example"}
    with next_page(page):
        page.get_by_role("button", name="Move E-mail up").click()
    expect(page.locator("tbody tr").first).to_contain_text("second@x.example")
    page.fill("[name=address]", "not an address")
    with next_page(page):
        page.get_by_role("button", name="Add it and send a test").click()
    expect(page.get_by_role("alert")).to_contain_text("is not an e-mail address")
    for _ in range(2):
        page.locator("summary").get_by_text("Remove").first.click()
        with next_page(page):
            page.locator("details[open] form").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("your account's, while you have no other")).to_be_visible()


def test_theme_and_zone_are_kept(office: Office, page: Page) -> None:
    page.goto(f"{office.url}/settings/display")
    page.get_by_role("radio", name="Dark", exact=True).check()
    page.select_option("[name=time_zone]", "Asia/Tokyo")
    with next_page(page):
        page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert office.server.read(queries.get_person, "root").time_zone == "Asia/Tokyo"


def test_pages_fit_a_phone(office: Office, page: Page) -> None:
    office.join("long", HOSTILE, "developer")
    page.set_viewport_size({"width": 360, "height": 800})
    for path in PATHS:
        answer = page.goto(office.url + path)
        assert answer is not None and answer.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.title() != "owned"
