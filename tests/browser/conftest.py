"""A browser, and a server on the told story. The story is told once per run; every test gets a copy of its own.

A live page is drawn anew while a test looks at it, and may show what an action did before the browser has left
for the page that the action leads to. So: `open_live` before anything is done with a live part, `next_page` around
whatever leads to another page, and `expect`, which looks again, for all that comes by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.server import Server, serving
from tests.browser.story import PASSWORD, tell

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Two cores are busy with two of these: no process is kept ready for sites that never come, no thread compiles.
    "--disable-site-isolation-trials", "--js-flags=--single-threaded",
]  # fmt: skip
WAIT_MS = 45_000
# A busy machine is no reason to fail: what is expected has as long as what is done.
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file: Playwright's event loop must have ended before tests of other files run."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told")
    tell(f"sqlite:///{folder / 'staycalm.db'}").database.close()
    return folder


@pytest.fixture
def server(told: Path, tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(told, tmp_path / "data")
    with serving(tmp_path / "data") as running:
        yield running


def sign_in(opened: BrowserContext, url: str) -> None:
    """Root is signed in there.

    Without the form: tests of how one gets in fill it in, for all others two pages would be drawn for nothing.
    """
    form = {"handle": "root", "password": PASSWORD}
    answer = httpx.post(
        f"{url}/login", data=form, headers={"Origin": url}, timeout=WAIT_MS / 1000, trust_env=False
    )
    assert answer.status_code == 303, answer.text
    for name, value in answer.cookies.items():
        opened.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Lax"}])


def wait_until_live(page: Page) -> None:
    """Every live part was drawn since the page was opened."""
    expect(page.locator("[data-live-state]")).to_have_text("live")


def open_live(page: Page, url: str) -> None:
    page.goto(url)
    wait_until_live(page)


@contextmanager
def next_page(page: Page) -> Iterator[None]:
    """What is done inside leads to another page, or to this one anew; afterwards it is there with its scripts."""
    with page.expect_navigation():
        yield


def context(
    browser: Browser, *, script: bool = True, width: int = 1280, height: int = 800, **more: Any
) -> BrowserContext:
    viewport: Any = {"width": width, "height": height}
    opened = browser.new_context(java_script_enabled=script, viewport=viewport, **more)
    opened.set_default_timeout(WAIT_MS)
    return opened


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page with scripts."""
    opened = context(browser)
    sign_in(opened, server.url)
    yield opened.new_page()
    opened.close()


@pytest.fixture
def plain_page(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page of a browser without JavaScript."""
    opened = context(browser, script=False)
    sign_in(opened, server.url)
    yield opened.new_page()
    opened.close()
