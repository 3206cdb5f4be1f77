"""A browser, and a server on the told story. The story is told once per run; every test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.server import Server, serving
from tests.browser.story import PASSWORD, tell

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_MS = 45_000


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


def sign_in(page: Page, url: str, onwards: str = "/") -> None:
    page.goto(f"{url}/login?next={onwards}")
    page.fill("[name=handle]", "root")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{url}{onwards}")


def context(browser: Browser, *, script: bool = True, width: int = 1280) -> BrowserContext:
    opened = browser.new_context(java_script_enabled=script, viewport={"width": width, "height": 800})
    opened.set_default_timeout(WAIT_MS)
    return opened


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page with scripts."""
    opened = context(browser)
    fresh = opened.new_page()
    sign_in(fresh, server.url)
    yield fresh
    opened.close()


@pytest.fixture
def plain_page(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page of a browser without JavaScript."""
    opened = context(browser, script=False)
    fresh = opened.new_page()
    sign_in(fresh, server.url)
    yield fresh
    opened.close()
