"""People, teams, settings and the first run in a real browser: by keyboard alone, without scripts, hostile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import argon2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from staycalm.core.actor import SYSTEM
from staycalm.domains.accounts import links, queries, service
from staycalm.kit.database.log import after
from tests.browser.conftest import context, next_page, sign_in
from tests.browser.reachable import Clinic, Inbox, Working, reachable
from tests.browser.story import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
HOSTILE = "<script>document.title='owned'</script>" + "x" * 150
ARABIC = "ليلى حسن 👩‍💻"
TABS = 60
PATHS = (
    "/people", "/people/long", "/teams", "/settings/contact", "/settings/tokens", "/settings/sessions",
    "/settings/display", "/settings/password", "/welcome/contact", "/welcome/service",
    "/welcome/service?way=start", "/welcome/check",
)  # fmt: skip


@dataclass
class Office:
    """A server that works, its inbox, a service to watch, and pages of a signed-in admin."""

    server: Working
    inbox: Inbox
    clinic: Clinic
    set_up: str
    browser: Browser

    @property
    def url(self) -> str:
        return self.server.url

    def join(self, handle: str, name: str, *roles: str) -> None:
        """The person exists and has PASSWORD."""
        values = {"name": name, "email": f"{handle}@x.example", "roles": roles}
        invitation = self.server.write(service.invite, SYSTEM, handle=handle, **values)
        hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        self.server.write(links.accept_invitation, invitation.code, hashed)


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with reachable(tmp_path_factory.mktemp("office") / "data") as (server, inbox, clinic):
        code = server.write(links.make_set_up_link, valid_s=3600.0)
        found = Office(server, inbox, clinic, f"{server.url}/set-up/{code}", browser)
        opened = context(browser)
        _first_run_with_the_keyboard(opened.new_page(), found)
        opened.close()
        yield found


@pytest.fixture(scope="module")
def admins(office: Office) -> Iterator[BrowserContext]:
    """A browser in which the admin is signed in: the file's tests share the session."""
    opened = context(office.browser)
    page = opened.new_page()
    sign_in(page, office.url, "/people")
    page.close()
    yield opened
    opened.close()


@pytest.fixture
def page(office: Office, admins: BrowserContext) -> Iterator[Page]:
    fresh = admins.new_page()
    fresh.goto(f"{office.url}/people")
    yield fresh
    fresh.close()


@pytest.fixture
def plain(office: Office, admins: BrowserContext) -> Iterator[Page]:
    """A page of a browser without JavaScript in which the admin is signed in."""
    opened = context(office.browser, script=False)
    for cookie in admins.cookies():
        opened.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": office.url}])
    yield opened.new_page()
    opened.close()


def tab_to(page: Page, words: str) -> None:
    """The focus is on what reads so, reached by Tab alone."""
    seen = []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "() => { const e = document.activeElement;"
            " return (e.getAttribute('aria-label') || e.textContent || '').trim() + '|' + (e.name || ''); }"
        )
        seen.append(here[:60])
        if re.search(words, here):
            return
    raise AssertionError(f"Tab never reached {words!r}: {seen}")


def _first_run_with_the_keyboard(page: Page, office: Office) -> None:
    """The set-up is walked from the printed link to the green check; nothing but keys is used."""
    keys = page.keyboard
    page.goto(office.set_up)
    expect(page.get_by_role("list", name="Set-up, step 1 of 4")).to_be_visible()
    for text in ("root", ARABIC, "root@x.example"):
        keys.type(text)
        keys.press("Tab")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")

    page.wait_for_url(f"{office.url}/welcome/contact")
    tab_to(page, "Send a test message")
    with next_page(page):
        keys.press("Enter")
    expect(page.get_by_text("took the test message")).to_be_visible()
    assert [to for to, _ in office.inbox.mails] == ["root@x.example"]
    expect(page.get_by_role("link", name="On to the first service")).to_be_visible()
    tab_to(page, "On to the first service")
    keys.press("Enter")

    page.wait_for_url(f"{office.url}/welcome/service")
    office.clinic.status = 503
    tab_to(page, r"\|service$")
    keys.type("clinic")
    keys.press("Tab")
    keys.type("nowhere")
    expect(page.locator("#said")).to_contain_text("'nowhere' is not a web address")
    keys.press("Control+A")
    keys.type(office.clinic.url)
    expect(page.locator("#said")).to_contain_text("service clinic")
    keys.press("Enter")

    page.wait_for_url(f"{office.url}/welcome/check?placement=*")
    expect(page.get_by_text("clinic is not well")).to_be_visible()
    expect(page.get_by_text("HTTP 503")).to_be_visible()
    expect(page.get_by_text("Its own log tells why")).to_be_visible()
    office.clinic.status = 200
    expect(page.get_by_text("clinic is well")).to_be_visible()
    tab_to(page, "To the overview")
    keys.press("Enter")
    page.wait_for_url(f"{office.url}/")
    expect(page.locator("main")).to_contain_text("clinic")


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
