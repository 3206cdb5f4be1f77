"""One server and one signed-in page for a whole file: what its tests look at, none of them changes for another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import context, sign_in, wait_until_live
from tests.browser.server import Server, serving


@dataclass
class Seen:
    """A server, a page on it, and what the browser complained about."""

    server: Server
    page: Page
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        # A pointer that an earlier test left somewhere would read the chart that comes to lie under it.
        self.page.mouse.move(0, 0)
        answer = self.page.goto(self.server.url + path)
        assert answer is not None and answer.status == 200, path
        return self.page

    def open_live(self, path: str) -> Page:
        """The page is open, and every live part was drawn since."""
        page = self.open(path)
        wait_until_live(page)
        return page


@pytest.fixture(scope="module")
def seen(told: Path, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Seen]:
    data = tmp_path_factory.mktemp("seen") / "data"
    shutil.copytree(told, data)
    with serving(data) as server:
        opened = context(browser)
        page = opened.new_page()
        found = Seen(server, page, browser)
        page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        sign_in(opened, server.url)
        yield found
        opened.close()


@pytest.fixture(scope="module")
def plain(seen: Seen) -> Iterator[Seen]:
    """The same server in a browser without JavaScript."""
    opened = context(seen.browser, script=False, width=360)
    sign_in(opened, seen.server.url)
    yield Seen(seen.server, opened.new_page(), seen.browser)
    opened.close()
