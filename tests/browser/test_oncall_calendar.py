"""The on-call calendar in a real browser: seen, filtered, changed by keyboard, without script, on a telephone."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
from playwright.sync_api import Browser, Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.oncall.schedules import covering, queries, service
from tests.browser.conftest import context, next_page, open_live, sign_in
from tests.browser.server import Server, serving
from tests.browser.story import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
ROOT = Actor("person", "root", "Rosa Root")


@pytest.fixture(scope="module")
def server(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("oncall")
    shutil.copytree(told, folder / "data")
    with serving(folder / "data") as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(browser: Browser, server: Server) -> Iterator[Page]:
    opened = context(browser)
    sign_in(opened, server.url)
    yield opened.new_page()
    opened.close()


@pytest.fixture(scope="module")
def without_script(browser: Browser, server: Server) -> Iterator[Page]:
    opened = context(browser, script=False, width=360)
    sign_in(opened, server.url)
    yield opened.new_page()
    opened.close()


def soon(server: Server, **parts: float) -> datetime:
    """Return an instant of the coming days, to the minute."""
    now: datetime = server.read(lambda tx: tx.now)
    return (now + timedelta(**parts)).replace(second=0, microsecond=0)


def names(server: Server) -> set[tuple[str, str]]:
    found = server.read(queries.list_overrides, "platform")
    return {(each.person, each.reason) for each in found}


def test_a_gap_says_nobody_in_words_and_offers_to_take_it(signed_in: Page, server: Server) -> None:
    open_live(signed_in, f"{server.url}/oncall?schedule=payments")
    card = signed_in.locator("#schedule-payments")
    expect(card.get_by_text("NOBODY is on call from").first).to_be_visible()
    expect(card.locator("svg.gap text").first).to_have_text("NOBODY")
    card.get_by_role("link", name="Take it", exact=True).click()
    expect(signed_in.get_by_role("button", name="I take it")).to_be_visible()


def test_the_now_line_stands_on_today_alone(signed_in: Page, server: Server) -> None:
    signed_in.goto(f"{server.url}/oncall?schedule=platform")
    expect(signed_in.locator("[data-now]")).to_have_count(1)
    expect(signed_in.locator("li.today [data-now]")).to_have_count(1)
    with next_page(signed_in):
        signed_in.get_by_role("link", name="Later").click()
    expect(signed_in.locator("li.oc-row:not(.oc-scale)")).to_have_count(7)
    expect(signed_in.locator("[data-now]")).to_have_count(0)


def test_the_zone_and_the_zones_beside_it_stand_in_the_address(signed_in: Page, server: Server) -> None:
    signed_in.goto(f"{server.url}/oncall?schedule=platform")
    signed_in.get_by_label("Times in").fill("Asia/Tokyo")
    signed_in.get_by_label("Beside it").fill("Europe/Berlin")
    with next_page(signed_in):
        signed_in.get_by_role("button", name="Show").click()
    assert "zone=Asia%2FTokyo" in signed_in.url and "also=Europe%2FBerlin" in signed_in.url
    assert signed_in.locator(".oc-zone").all_text_contents()[:2] == ["Asia/Tokyo", "Europe/Berlin"]
    answer = signed_in.goto(f"{server.url}/oncall?zone=Middle/Earth")
    assert answer is not None and answer.status == 422
    expect(signed_in.get_by_text("is not a time zone")).to_be_visible()


def test_an_override_is_looked_at_confirmed_and_undone_by_keyboard_alone(signed_in: Page, server: Server) -> None:
    until = soon(server, days=20, hours=3).strftime("%Y-%m-%dT%H:%M")
    since = soon(server, days=20).strftime("%Y-%m-%dT%H:%M")
    signed_in.goto(f"{server.url}/oncall/platform/override?zone=UTC&person=root&from={since}&until={until}")
    signed_in.get_by_label("Why").fill("Choir")
    with next_page(signed_in):
        signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("heading", name="What changes")).to_be_visible()
    assert ("root", "Choir") not in names(server)
    # What would be confirmed has the focus.
    expect(signed_in.get_by_role("button", name="I take it")).to_be_focused()
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/oncall?schedule=platform&added=*")
    assert ("root", "Choir") in names(server)
    signed_in.get_by_role("button", name="Undo").focus()
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/oncall#schedule-platform")
    assert ("root", "Choir") not in names(server)


def test_a_bar_of_the_calendar_is_a_link_to_take_that_shift(signed_in: Page, server: Server) -> None:
    day = soon(server, days=9).date().isoformat()
    open_live(signed_in, f"{server.url}/oncall?schedule=platform&from={day}")
    bar = signed_in.locator(".oc-bars a").first
    bar.focus()
    with next_page(signed_in):
        signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("button", name="I take it")).to_be_visible()


def test_a_bad_override_is_refused_in_words_and_keeps_what_was_typed(without_script: Page, server: Server) -> None:
    without_script.goto(f"{server.url}/oncall/payments/override?zone=UTC")
    without_script.get_by_label("Who").select_option("bob")
    without_script.get_by_label("Until").fill("2099-01-01T09:00")
    with next_page(without_script):
        without_script.get_by_role("button", name="See what changes").click()
    expect(without_script.get_by_text("an override lasts at most")).to_be_visible()
    expect(without_script.get_by_label("Until")).to_have_value("2099-01-01T09:00")


def test_two_people_swap_without_script(without_script: Page, server: Server) -> None:
    first, second = _two_shifts(server)
    without_script.goto(f"{server.url}/oncall/platform/swap?first={first.starts_at:%Y-%m-%dT%H:%M}Z")
    without_script.locator(f"input[value='{second.starts_at.isoformat()}']").check()
    with next_page(without_script):
        without_script.get_by_role("button", name="See what changes").click()
    without_script.get_by_role("button", name="Swap the two shifts").click()
    without_script.wait_for_url("**/oncall?schedule=platform&added=*")
    taken = server.read(covering.primary_shift, "platform", first.starts_at)
    given = server.read(covering.primary_shift, "platform", second.starts_at)
    assert (taken.person, given.person) == (second.person, first.person)


def _two_shifts(server: Server) -> tuple[covering.Shift, covering.Shift]:
    """Return two coming primary shifts of different people, far from the story's overrides."""
    after = soon(server, days=30)
    shifts = [s for s in server.read(covering.shifts_of, None, schedule="platform")
              if s.role == "primary" and s.starts_at > after]  # fmt: skip
    return shifts[0], next(s for s in shifts if s.person != shifts[0].person)


def test_a_telephone_gets_an_agenda_and_nothing_scrolls_sideways(without_script: Page, server: Server) -> None:
    for view in ("week", "month"):
        answer = without_script.goto(f"{server.url}/oncall?view={view}&zone=America/New_York&also=Asia/Tokyo")
        assert answer is not None and answer.status == 200
        assert without_script.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        place = ".today .oc-agenda li" if view == "week" else ".oc-month .today .part"
        expect(without_script.locator(place).first).to_be_visible()


def test_only_mine_leaves_out_schedules_without_me(signed_in: Page, server: Server) -> None:
    start = soon(server, days=50)
    server.write(
        service.add_override, ROOT, schedule="platform", role="primary", person="root", starts_at=start,
        ends_at=start + timedelta(hours=5), reason="Mine",
    )  # fmt: skip
    signed_in.goto(f"{server.url}/oncall?mine=1&from={start.date().isoformat()}")
    expect(signed_in.locator("#schedule-platform")).to_be_visible()
    expect(signed_in.locator("#schedule-payments")).to_have_count(0)
    expect(signed_in.locator("#mine").get_by_text("override").first).to_be_visible()


def test_hostile_reasons_stay_text(signed_in: Page, server: Server) -> None:
    start = soon(server, days=2)
    server.write(
        service.add_override, ROOT, schedule="platform", role="primary", person="carol", starts_at=start,
        ends_at=start + timedelta(hours=5), reason=HOSTILE,
    )  # fmt: skip
    for view in ("week", "month"):
        signed_in.goto(f"{server.url}/oncall?view={view}")
        assert signed_in.title() != "owned"
        assert signed_in.locator("main script, main img[src=x]").count() == 0
        assert signed_in.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_calendar_link_is_shown_once_read_without_a_sign_in_and_ended(signed_in: Page, server: Server) -> None:
    signed_in.goto(f"{server.url}/oncall/feeds")
    signed_in.get_by_label("What it holds").select_option("platform")
    with next_page(signed_in):
        signed_in.get_by_role("button", name="Make the link").click()
    url = signed_in.get_by_label("Calendar link").input_value()
    signed_in.get_by_role("button", name="Copy").click()
    expect(signed_in.locator("[data-copied]")).to_contain_text("C")
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/calendar")
        events = icalendar.Calendar.from_ical(answer.read()).walk("VEVENT")
    assert {str(each["SUMMARY"]).partition(":")[0] for each in events} >= {"alice", "bob", "carol"}
    signed_in.goto(f"{server.url}/oncall/feeds")
    assert url not in signed_in.content()
    signed_in.locator("summary", has_text="End it").click()
    with next_page(signed_in):
        signed_in.get_by_role("button", name="End it").click()
    expect(signed_in.get_by_text("You have no calendar link.")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url, timeout=60)


def test_the_day_on_which_the_clocks_change_says_so(signed_in: Page, server: Server) -> None:
    year = soon(server).year + 1
    last_sunday = max(day for n in range(25, 32) if (day := datetime(year, 3, n, tzinfo=UTC)).weekday() == 6)
    signed_in.goto(f"{server.url}/oncall?zone=Europe/Berlin&schedule=platform&from={last_sunday.date()}")
    expect(signed_in.get_by_text("23 hours: the clocks go forward")).to_be_visible()
