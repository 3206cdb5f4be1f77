"""Charts in a browser: read by pointer and keys, zoomed into an address, saved as files, plain without scripts."""

from __future__ import annotations

import struct
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.deployments import service as deployments
from tests.browser.chart_parts import Seen, plain, seen
from tests.browser.story import SETTINGS

__all__ = ["plain", "seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
PAST, RUNNING = "/deployments/DEP-5", "/deployments/DEP-6"


def drag(page: Page, key: str, start: float, end: float) -> None:
    canvas = page.locator(f".panel-{key} .canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()


def asked(page: Page) -> tuple[float, float] | None:
    query = parse_qs(urlsplit(page.url).query)
    return (float(query["from"][0]), float(query["to"][0])) if "from" in query else None


def test_the_arrow_keys_read_the_values_of_every_line_at_once(seen: Seen) -> None:
    page = seen.open(PAST)
    page.locator(".panel-errors svg.chart").focus()
    page.keyboard.press("Home")
    tip = page.locator(".chart-tip:visible")
    expect(tip).to_contain_text("UTC")
    first = tip.inner_text()
    page.keyboard.press("ArrowRight")
    expect(tip).not_to_have_text(first)
    expect(tip).to_contain_text("stable")
    expect(tip).to_contain_text("candidate")
    page.keyboard.press("Escape")
    expect(page.locator(".chart-tip:visible")).to_have_count(0)


def test_a_dragged_range_stands_in_the_address_and_opens_again(seen: Seen, plain: Seen) -> None:
    page = seen.open(PAST)
    whole_s = float(page.locator("[data-charts]").first.get_attribute("data-end") or 0) - float(
        page.locator("[data-charts]").first.get_attribute("data-start") or 0
    )
    drag(page, "errors", 0.3, 0.7)
    page.wait_for_url("**from=**")
    part = asked(page)
    assert part is not None and 0.3 * whole_s < part[1] - part[0] < 0.5 * whole_s + 2
    shared = plain.open(urlsplit(page.url).path + "?" + urlsplit(page.url).query)
    expect(shared.get_by_role("link", name="Show all of it").first).to_be_visible()
    drawn = shared.locator("[data-charts]").first
    assert drawn.get_attribute("data-start") == str(part[0])
    page.get_by_role("button", name="Show the whole time").first.click()
    page.wait_for_url(seen.server.url + PAST)


def test_what_is_read_outlives_a_live_drawing(seen: Seen) -> None:
    page = seen.open_live(RUNNING)
    canvas = page.locator(".panel-errors .canvas")
    page.locator(".panel-errors svg.chart").focus()
    page.keyboard.press("End")
    page.evaluate("document.querySelector('.panel-errors').dataset.old = 'yes'")
    bob = Actor("person", "bob", "Bob")
    seen.server.write(deployments.pause, bob, "DEP-6", reason="Lunch", settings=SETTINGS.deployments)
    expect(page.locator(".verdict")).to_contain_text("Paused by a person.")
    expect(page.locator(".panel-errors[data-old]")).to_have_count(0)
    expect(canvas.locator(".chart-tip")).to_contain_text("UTC")


def test_the_saved_svg_is_well_formed_and_has_title_axes_and_no_script(seen: Seen, tmp_path: Path) -> None:
    page = seen.open(PAST)
    with page.expect_download() as caught:
        page.get_by_role("link", name="Save as SVG").first.click()
    assert caught.value.suggested_filename == "DEP-5.svg"
    caught.value.save_as(tmp_path / "saved.svg")
    root = ElementTree.parse(tmp_path / "saved.svg").getroot()
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "rect", "text", "path", "g"}
    texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert any(text.startswith("DEP-5 shop @ production") for text in texts)
    assert "Failed answers" in texts and "0 %" in texts
    assert any(text.endswith("stable serves everything in 0ms after 1 failed request") for text in texts) or any(
        "Rolled back" in text for text in texts
    )


def test_the_saved_png_is_the_same_picture_twice_as_large(seen: Seen, tmp_path: Path) -> None:
    page = seen.open(PAST)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as PNG").first.click()
    caught.value.save_as(tmp_path / "saved.png")
    body = (tmp_path / "saved.png").read_bytes()
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">I", body[16:20])[0] == 1920


def test_without_scripts_there_are_the_picture_its_words_and_its_figures(plain: Seen) -> None:
    page = plain.open(PAST)
    picture = page.get_by_role("img", name="Failed answers: stable")
    expect(picture).to_be_visible()
    page.locator(".panel-errors summary").click()
    expect(page.locator(".panel-errors table th")).to_have_text(["UTC", "stable", "candidate"])
    assert page.locator(".panel-errors tbody tr").count() >= 5
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_nothing_was_refused_or_broke(seen: Seen) -> None:
    seen.open(PAST)
    seen.open("/services/shop")
    assert seen.complaints == []
