"""The frame of every page: keys, palette, copying, themes, the way about on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.browser.conftest import context, next_page, open_live, wait_until_live
from tests.browser.server import Server
from tests.browser.shell_parts import opened, shell, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
__all__ = ["opened", "shell", "signed_in", "tab"]

HOSTILE_ROWS = [
    ["=HYPERLINK(\"http://x\")", "+1+1", "-2+3", "@SUM(A1)"],
    ["a|b", "say \"hi\", twice", "<b>&*_`", "-4.5 %"],
]  # fmt: skip
TABLE = """(rows) => {
  const table = document.createElement("table");
  const cell = (row, name, text) => row.append(Object.assign(document.createElement(name), {textContent: text}));
  const head = table.createTHead().insertRow();
  for (const name of ["One", "Two", "Three", "When"]) cell(head, "th", name);
  const body = table.createTBody();
  for (const texts of rows) { const row = body.insertRow(); for (const text of texts) cell(row, "td", text); }
  const time = document.createElement("time");
  time.setAttribute("datetime", "2026-03-02T09:00:00+01:00");
  const last = body.insertRow();
  for (const text of ["last", "", ""]) cell(last, "td", text);
  last.insertCell().append(time);
  document.querySelector("main").replaceChildren(table);
  document.querySelector("main").dispatchEvent(new CustomEvent("calm:drawn", {bubbles: true}));
}"""
CSV = (
    "One,Two,Three,When\r\n"
    '"\'=HYPERLINK(""http://x"")","\'+1+1","\'-2+3","\'@SUM(A1)"\r\n'
    'a|b,"say ""hi"", twice",<b>&*_`,-4.5 %\r\n'
    "last,,,2026-03-02T08:00:00Z\r\n"
)
MARKDOWN = (
    "| One | Two | Three | When |\n| --- | --- | --- | --- |\n"
    '| =HYPERLINK("http://x") | +1+1 | -2+3 | @SUM(A1) |\n'
    '| a\\|b | say "hi", twice | \\<b\\>&\\*\\_\\` | -4.5 % |\n'
    "| last |  |  | 2026-03-02T08:00:00Z |\n"
)


def test_the_palette_is_opened_typed_into_and_followed_by_keys_alone(tab: Page, shell: Server) -> None:
    open_live(tab, f"{shell.url}/alerts")
    field = tab.get_by_role("combobox")
    tab.keyboard.press("Control+k")
    expect(field).to_be_focused()
    tab.keyboard.type("pay")
    expect(tab.locator("#palette-list")).to_have_attribute("aria-busy", "false")
    first = tab.locator("#palette-list [role=option]").first
    expect(first).to_contain_text("payments")
    expect(first).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowDown")
    chosen = tab.locator("#palette-list [aria-selected=true]")
    expect(chosen).to_have_count(1)
    expect(chosen).not_to_contain_text("service")
    expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    for _ in range(3):
        tab.keyboard.press("Tab")
        expect(field).to_be_focused()
    tab.keyboard.press("Escape")
    expect(field).not_to_be_visible()
    tab.keyboard.press("Control+k")
    tab.keyboard.type("inc-1")
    expect(first).to_contain_text("INC-1")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{shell.url}/incidents/INC-1")


def test_what_the_palette_finds_is_also_a_page(browser: Browser, signed_in: StorageState, shell: Server) -> None:
    plain = context(browser, script=False, storage_state=signed_in)
    page = plain.new_page()
    page.goto(f"{shell.url}/")
    with next_page(page):
        page.get_by_role("link", name="Search", exact=True).click()
    page.locator("main [name=q]").fill("rosa")
    with next_page(page):
        page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Rosa Root")).to_have_attribute("href", "/people/root")
    expect(page).to_have_url(re.compile("q=rosa"))
    page.goto(f"{shell.url}/search?q=<script>zzz")
    expect(page.get_by_text("Nothing has this name.")).to_be_visible()
    plain.close()


def test_keys_go_places_walk_rows_and_are_listed(tab: Page, shell: Server) -> None:
    # Both keys within a second and a half, however long the machine takes to press the second.
    tab.clock.set_fixed_time(shell.read(lambda tx: tx.now))
    tab.goto(f"{shell.url}/")
    tab.keyboard.press("g")
    tab.keyboard.press("d")
    tab.wait_for_url(f"{shell.url}/deployments")
    wait_until_live(tab)
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    focused = "document.activeElement.textContent"
    assert tab.evaluate(focused) != "Deployments"
    second = tab.evaluate("document.activeElement.href")
    tab.keyboard.press("k")
    assert tab.evaluate("document.activeElement.href") != second
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Times exact or relative")
    expect(dialog).to_contain_text("Incidents")
    tab.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    # What is typed into a field is text.
    tab.locator("main .filter input").first.focus()
    tab.keyboard.type("ga?t")
    expect(tab.locator("main .filter input").first).to_have_value("ga?t")
    assert tab.url == f"{shell.url}/deployments"


def test_a_page_declares_its_own_keys_and_a_key_only_opens_the_question(tab: Page, shell: Server) -> None:
    tab.goto(f"{shell.url}/incidents")
    tab.evaluate(
        """() => {
          document.querySelector("main").insertAdjacentHTML("afterbegin", `
            <details class="confirm"><summary data-shortcut="x">Harm</summary>
              <form><input name="why"></form></details>
            <button type="button" data-shortcut="y" data-label="Hidden one" hidden>Hidden</button>`);
        }"""
    )
    tab.keyboard.press("x")
    expect(tab.locator("[name=why]")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator("summary", has_text="Harm")).to_be_focused()
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("Harm")
    expect(dialog).not_to_contain_text("Hidden one")


def test_a_table_is_copied_as_csv_and_markdown_and_runs_nothing(opened: BrowserContext, shell: Server) -> None:
    opened.grant_permissions(["clipboard-read", "clipboard-write"], origin=shell.url)
    page = opened.new_page()
    page.goto(f"{shell.url}/search?q=none-such")
    page.evaluate(TABLE, HOSTILE_ROWS)
    for name, copied in (("CSV", CSV), ("Markdown", MARKDOWN)):
        page.get_by_role("button", name=f"Copy the table as {name}").click()
        expect(page.get_by_role("status").get_by_text("3 rows copied.").last).to_be_visible()
        # What is said of the first copy may still stand there.
        page.wait_for_function(
            "(text) => navigator.clipboard.readText().then((read) => read === text)", arg=copied
        )
        assert page.evaluate("navigator.clipboard.readText()") == copied


def test_a_browser_that_may_not_copy_shows_the_text_selected(tab: Page, shell: Server) -> None:
    tab.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    tab.goto(f"{shell.url}/search?q=none-such")
    tab.evaluate(TABLE, HOSTILE_ROWS)
    tab.get_by_role("button", name="Copy the table as Markdown").click()
    area = tab.get_by_role("textbox", name="What to copy")
    expect(area).to_have_value(MARKDOWN)
    selected = tab.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart")
    assert selected == len(MARKDOWN)
    tab.keyboard.press("Escape")
    expect(area).to_have_count(0)


def test_times_tell_the_exact_utc_and_the_readers_own(
    browser: Browser, signed_in: StorageState, shell: Server
) -> None:
    tokyo = context(browser, storage_state=signed_in, timezone_id="Asia/Tokyo", locale="en-GB")
    page = tokyo.new_page()
    page.goto(f"{shell.url}/incidents/INC-1")
    time = page.locator("dl.facts time").first
    expect(time).to_contain_text("ago")
    exact = time.get_attribute("datetime") or ""
    title = time.get_attribute("title") or ""
    assert exact[:10] in title and "UTC" in title and "Asia/Tokyo" in title
    time.click()
    expect(page.get_by_role("tooltip")).to_have_text(title)
    page.keyboard.press("t")
    expect(time).to_contain_text("UTC")
    tokyo.add_cookies([{"name": "zone", "value": "America/New_York", "url": shell.url}])
    page.reload()
    expect(time).to_have_attribute("title", re.compile("America/New_York"))
    tokyo.close()


@pytest.mark.parametrize(("asked", "system", "is_dark"), [
    ("dark", "light", True), ("light", "dark", False), ("auto", "dark", True), ("nonsense", "light", False),
])  # fmt: skip
def test_the_theme_is_the_persons_then_the_systems(
    opened: BrowserContext, shell: Server, asked: str, system: str, is_dark: bool
) -> None:
    opened.add_cookies([{"name": "theme", "value": asked, "url": shell.url}])
    page = opened.new_page()
    page.emulate_media(color_scheme="dark" if system == "dark" else "light")
    page.goto(f"{shell.url}/search?q=none-such")
    red = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert (page.evaluate(red) < 128) is is_dark
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_every_way_is_reached_on_a_phone(browser: Browser, signed_in: StorageState, shell: Server) -> None:
    phone = context(browser, script=False, width=360, height=640, storage_state=signed_in)
    page = phone.new_page()
    page.goto(f"{shell.url}/incidents")
    for name in ("Overview", "Deployments", "Alerts", "Incidents", "On-call"):
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name=name)
        box = link.bounding_box()
        assert box is not None and box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 360
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Incidents")).to_have_attribute(
        "aria-current", "page"
    )
    page.locator(".menu > summary").click()
    for name in ("Services", "People", "Settings", "Wall mode"):
        expect(page.locator(".menu-list").get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    phone.close()
