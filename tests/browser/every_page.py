"""Every page of the application, looked at in every form: what must hold for all of them, whatever is on them.

The list of pages is that of the contact sheet (`gallery.pages`), made from the application's routes: a
new page is looked at without anybody thinking of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import argon2
import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, StorageState

from staycalm.domains.accounts import links
from tests.browser.conftest import WAIT_MS, sign_in
from tests.browser.gallery import _prepare, pages
from tests.browser.server import Server
from tests.browser.story import PASSWORD

INSPECTION = Path(__file__).with_name("inspection.js").read_text(encoding="utf-8").partition("\n")[2]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"],
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
  return violations.filter((each) => ["serious", "critical"].includes(each.impact)).map((each) =>
    `axe ${each.id}, ${each.nodes.length} times: ${each.help}: ` +
    each.nodes.slice(0, 3).map((at) => at.html.slice(0, 120) + " " + (at.any[0]?.message ?? "")).join(" | "));
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Whoever looks closely keeps what they look at: the page is not drawn anew in the middle of it.
STAND_STILL = "() => document.addEventListener('calm:drawing', (event) => event.preventDefault())"
Theme = Literal["light", "dark"]
# Documents of their own, and the wall: neither has the frame.
FRAMELESS = ("/?wall", "/api/")


@dataclass(frozen=True)
class Form:
    """How a page is looked at. Layout alone is checked unless `whole`; 200 % zoom is half the width."""

    width: int
    height: int
    theme: Theme
    whole: bool = False
    axe: bool = False


DESK, PHONE = Form(1440, 900, "light", whole=True, axe=True), Form(390, 844, "dark", whole=True, axe=True)
NARROW = (Form(360, 640, "light"), Form(720, 450, "dark"), Form(2560, 1440, "light"))


def addresses(server: Server, *, has_data: bool) -> list[str]:
    """Return the address of every page there is on this server."""
    known = _prepare(server) if has_data else {}
    found, _ = pages()
    return [each.format(**known) for each in found if has_data or not ("{" in each or each.startswith("/api/"))]


def join_first(server: Server) -> None:
    """The first admin, `root`, exists on a server that had nobody."""
    code = server.write(links.make_set_up_link, valid_s=3600.0)
    hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    values = {"handle": "root", "name": "Rosa Root", "email": "root@example.com", "time_zone": "UTC"}
    server.write(links.complete_set_up, code, password_hash=hashed, **values)


def signed_in(browser: Browser, server: Server) -> StorageState:
    opened = browser.new_context()
    opened.set_default_timeout(WAIT_MS)
    sign_in(opened, server.url)
    state = opened.storage_state()
    opened.close()
    return state


class Walker:
    """Goes from page to page in one tab, and remembers what was wrong with each."""

    def __init__(self, opened: BrowserContext, server: Server, *, runs_scripts: bool = True) -> None:
        opened.set_default_timeout(WAIT_MS)
        self._runs_scripts = runs_scripts
        self._server = server
        self._page = opened.new_page()
        self._complaints: list[str] = []
        self._page.on("console", self._hear)
        self._page.on("pageerror", lambda error: self._complaints.append(f"script error: {error}"))
        self._page.on("request", self._request)

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self._complaints.append(f"console: {message.text[:200]}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self._server.url, "data:")):
            self._complaints.append(f"asks another host: {request.url}")

    def look(self, address: str, forms: Iterable[Form], *, statuses: tuple[int, ...] = (200,)) -> list[str]:
        """Return what is wrong with the page in any of the forms; it is loaded once, in the first."""
        self._complaints.clear()
        found: list[str] = []
        is_loaded = False
        for form in forms:
            self._page.set_viewport_size({"width": form.width, "height": form.height})
            self._page.emulate_media(color_scheme=form.theme, reduced_motion="reduce")
            if not is_loaded:
                answer = self._page.goto(self._server.url + address)
                is_loaded = True
                if answer is None or answer.status not in statuses:
                    return [f"answers {answer and answer.status}"]
                if self._runs_scripts:
                    self._page.evaluate(STAND_STILL)
            found.extend(f"{form.width} {form.theme}: {problem}" for problem in self._inspect(address, form))
        return [*found, *self._complaints]

    def _inspect(self, address: str, form: Form) -> list[str]:
        asked = {"isFramed": not address.startswith(FRAMELESS), "isLaidOut": not form.whole}
        if self._runs_scripts:
            self._page.evaluate(TWO_FRAMES)
        if form.whole:
            # After a key the browser shows where the focus is.
            self._page.keyboard.press("Tab")
        found: list[str] = self._page.evaluate(INSPECTION, asked)
        if form.axe:
            if not self._page.evaluate("'axe' in window"):
                self._page.evaluate(AXE)
            found.extend(self._page.evaluate(RUN_AXE))
        return found


def report(problems: dict[str, list[str]]) -> str:
    """Return the pages with which something is wrong, as JSON; none is `{}`."""
    return json.dumps({page: said for page, said in problems.items() if said}, indent=1)
