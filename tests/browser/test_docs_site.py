"""The documentation's search works from a folder, without a server, by keyboard alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import context, next_page

ROOT = Path(__file__).resolve().parents[2]


def test_a_word_is_found_from_a_folder_and_opened_with_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    built = [sys.executable, str(ROOT / "docs/site/build.py"), "--to", str(tmp_path / "site")]
    subprocess.run(built, check=True, capture_output=True, timeout=200)
    opened = context(browser, width=390)
    page = opened.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "site/adr/index.html").as_uri())
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("lock screen nosuchword")
    expect(page.locator("#results p")).to_have_text("Nothing found. Try fewer or shorter words.")
    page.fill("#search", "watchdog machine")
    expect(page.locator("#results a").first).to_contain_text("watchdog", ignore_case=True)
    page.keyboard.press("ArrowDown")
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_be_visible()
    assert page.url.startswith((tmp_path / "site").as_uri()) and "adr/index" not in page.url
    assert all(url.startswith("file://") for url in asked)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.close()
