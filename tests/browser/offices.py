"""An office that was set up by keyboard alone, and browsers in it, shared by a whole file of tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import argon2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from staycalm.core.actor import SYSTEM
from staycalm.domains.accounts import links, service
from tests.browser.conftest import context, next_page, sign_in
from tests.browser.reachable import Clinic, Inbox, Working, reachable
from tests.browser.story import PASSWORD

ARABIC = "ليلى حسن 👩‍💻"
TABS = 60


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
    sign_in(opened, office.url)
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
