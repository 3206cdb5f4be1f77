"""The page of a service with nothing, with little, and with a great deal and hostile words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from staycalm.core.priority import Priority
from staycalm.domains.alerts import service as alerts
from staycalm.domains.catalog import model as catalog
from staycalm.domains.monitoring.sampling.model import hours, minutes
from staycalm.domains.monitoring.uptime.model import days
from staycalm.domains.oncall.schedules import service as schedules
from staycalm.kit.database import Tx
from tests.browser.chart_parts import Seen, plain, seen
from tests.browser.conftest import context, sign_in
from tests.browser.story import ALICE, HOSTILE, SETTINGS

__all__ = ["plain", "seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
SHOP = {"service": "shop", "environment": "production"}
UNWATCHED = range(60, 70)


def _counted(at: object, seconds: float, rate: float) -> dict[str, object]:
    total = int(rate * seconds)
    return {
        **SHOP, "at": at, "slot": "blue", "seconds": seconds, "total": total, "client_errors": 0,
        "server_errors": total // 100, "timeouts": 0, "resets": 0, "active": 1,
        "buckets": [[50.0, total // 2], [200.0, total - total // 2]],
    }  # fmt: skip


def _fill(tx: Tx) -> None:
    """A day of minutes with a hole of an hour, a month of hours, days of probes, and 300 dependants."""
    now = tx.now.replace(second=0, microsecond=0)
    at = [now - timedelta(minutes=n + 1) for n in range(1440) if not 300 < n < 360]
    tx.execute(minutes.insert(), [_counted(each, 60.0, 20 + 9 * math.sin(n / 200)) for n, each in enumerate(at)])
    hour = now.replace(minute=0)
    tx.execute(hours.insert(), [_counted(hour - timedelta(hours=n + 1), 3600.0, 20.0) for n in range(720)])
    day = hour.replace(hour=0)
    tx.execute(
        days.insert(),
        [
            {**SHOP, "probe": "liveness", "at": day - timedelta(days=n), "watched_s": 86400.0,
             "down_s": {2: 4000.0, 9: 90.0}.get(n, 0.0)}
            # Tomorrow and the days before the shown ones, too: midnight may come while somebody looks.
            for n in range(-1, 95)
            if n not in UNWATCHED
        ],
    )  # fmt: skip
    basics = {"title": "", "kind": "service", "tier": 3, "owners": [], "managed_by": "file"}
    rows = [{**basics, "name": f"dependant-{n:03}", "depends_on": ["shop"]} for n in range(300)]
    rows += [{**basics, "name": "nowhere", "depends_on": ["gone", "shop"], "title": HOSTILE}]
    tx.execute(catalog.services.insert(), rows)
    tx.execute(
        catalog.services.update()
        .where(catalog.services.c.name == "shop")
        .values(depends_on=["payments", "nowhere"], owners=["alice"], runbook_url="https://runbooks.example/shop")
    )


@pytest.fixture(scope="module")
def full(seen: Seen) -> Seen:
    seen.server.write(_fill)
    return seen


@pytest.fixture(scope="module")
def phone(full: Seen) -> Iterator[Page]:
    opened = context(full.browser, width=360)
    sign_in(opened, full.server.url)
    yield opened.new_page()
    opened.close()


def test_with_little_it_says_what_is_missing(seen: Seen) -> None:
    page = seen.open("/services/site")
    expect(page.get_by_text("Nothing is deployed here yet.")).to_be_visible()
    expect(page.get_by_text("Nothing was measured in this time.")).to_be_visible()
    expect(page.locator("#uptime")).to_contain_text("not watched yet")
    expect(page.locator("#dependencies")).to_contain_text("None are declared")
    expect(page.locator("#history")).to_contain_text("Nothing was deployed here yet.")


def test_with_no_placement_it_runs_nowhere(full: Seen) -> None:
    page = full.open("/services/nowhere")
    expect(page.get_by_text("It runs nowhere.")).to_be_visible()
    expect(page.locator("#dependencies")).to_contain_text("not declared")
    assert page.title().startswith("nowhere")
    assert page.locator("main script, main img").count() == 0


def test_what_is_live_and_wrong_comes_before_any_chart(full: Seen) -> None:
    page = full.open("/services/shop")
    first = page.locator("main section.card").first
    expect(first.locator(".verdict")).to_have_text("1 open incident.")
    expect(first.get_by_role("link", name="INC-1")).to_be_visible()
    expect(first.get_by_role("link", name="DEP-6")).to_be_visible()
    expect(page.locator("#oncall li").first).to_contain_text("primary of platform")
    expect(page.get_by_role("link", name="https://runbooks.example/shop")).to_be_visible()
    expect(page.locator("#history tbody tr").first).to_contain_text("DEP-6")


def test_a_day_of_signals_has_its_marks_and_its_hole(full: Seen) -> None:
    page = full.open("/services/shop/production")
    traffic = page.locator(".panel-traffic path.line")
    assert (traffic.get_attribute("d") or "").count("M") == 2, "an hour without measurements is a gap"
    marks = page.locator("#signals ol.marks")
    expect(marks.get_by_role("link", name="DEP-5 rolled back")).to_have_attribute("href", "/deployments/DEP-5")
    expect(marks.get_by_role("link", name="INC-1")).to_be_visible()


@pytest.mark.parametrize(("span", "least"), [("7d", 80), ("30d", 110)])
def test_weeks_are_drawn_from_hours(full: Seen, span: str, least: int) -> None:
    page = full.open(f"/services/shop/production?span={span}")
    path = page.locator(".panel-traffic path.line").get_attribute("d") or ""
    assert least <= path.count("L") <= 121


def test_every_day_of_uptime_is_told_in_words(plain: Seen, full: Seen) -> None:
    page = plain.open("/services/shop")
    days = page.locator("#uptime .days li")
    expect(days).to_have_count(90)
    told = [each.get_attribute("title") or "" for each in days.all()]
    assert sum("not watched" in each for each in told) == len(UNWATCHED)
    assert told[-1].endswith(": up, up 100.00 %")
    assert sum("down for 1h 6m" in each for each in told) == 1
    assert sum("short outage, down for 1m 30s" in each for each in told) == 1
    expect(page.locator("#uptime")).to_contain_text("99.941 %")


def test_three_hundred_dependants_stay_readable(phone: Page, full: Seen) -> None:
    phone.goto(f"{full.server.url}/services/shop")
    assert phone.locator("svg.dependencies .node").count() <= 60
    expect(phone.locator("#dependencies")).to_contain_text("more have no room in the picture")
    assert phone.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_list_is_filtered_by_its_address(full: Seen) -> None:
    page = full.open("/services?q=platform&tier=1")
    expect(page.locator("tbody td.name b")).to_have_text(["payments", "shop"])
    full.open("/services?page=4")
    assert page.locator("tbody tr").count() <= 100
    full.open("/services?q=nothing-has-this-name")
    expect(page.get_by_text("No service matches.")).to_be_visible()


@pytest.mark.parametrize("path", ["/services/unknown", "/services/shop/mars", "/services/shop/mars/signals.svg"])
def test_what_does_not_exist_is_not_found(full: Seen, path: str) -> None:
    answer = full.page.request.get(full.server.url + path)
    assert answer.status == 404


def test_nothing_was_refused_or_broke(full: Seen) -> None:
    full.open("/services/shop")
    assert full.complaints == []


def test_a_new_alert_is_there_without_asking(full: Seen) -> None:
    page = full.open_live("/services/payments")
    full.server.write(
        alerts.raise_alert, ALICE, dedup_key="now", summary="Card payments time out", priority="P1",
        service="payments", environment="production", settings=SETTINGS.alerts,
    )  # fmt: skip
    expect(page.get_by_role("link", name="Card payments time out")).to_be_visible()


def take_over(tx: Tx) -> None:
    schedules.add_override(
        tx, ALICE, schedule="platform", role="primary", person="root", starts_at=None,
        ends_at=tx.now + timedelta(hours=1),
    )  # fmt: skip


def _raise(words: str, priority: Priority) -> Callable[[Tx], Any]:
    return lambda tx: alerts.raise_alert(
        tx, ALICE, dedup_key=words, summary=words, priority=priority, **SHOP, settings=SETTINGS.alerts
    )


def _fail_every_second(tx: Tx) -> None:
    tx.execute(minutes.update().where(minutes.c.service == "shop").values(server_errors=minutes.c.total / 2))
    _raise("Every second fails", "P3")(tx)


# What the drawing ends with, now and whenever it is drawn anew.
ENDS = """() => {
  const end = (root) => Number(root.querySelector(".charts").dataset.end);
  window.ends = [end(document.querySelector("#signals"))];
  document.addEventListener("calm:drawn", (event) => {
    if (event.target.querySelector(".charts")) window.ends.push(end(event.target));
  });
}"""


def test_a_chart_is_drawn_anew_for_what_was_measured_and_not_because_time_passes(full: Seen) -> None:
    page = full.open_live("/services/shop/production?span=24h")
    page.evaluate(ENDS)
    full.server.write(_raise("Says nothing of the signals", "P3"))
    # It comes after the chart: the parts are sent in the order of their names.
    expect(page.get_by_role("link", name="Says nothing of the signals")).to_be_visible()
    ends = page.evaluate("window.ends")
    assert all(end % 60 == 0 for end in ends), "the drawing ends with a whole minute"
    assert len(set(ends)) == len(ends), "the same minutes were drawn twice"


def test_signals_and_who_is_called_move_on_but_a_part_looked_at_stands_still(full: Seen) -> None:
    page = full.open_live("/services/shop/production?span=24h")
    failed = page.locator(".panel-errors figcaption")
    chart = page.locator(".panel-errors svg.chart")
    expect(failed).to_contain_text("failed 1.0 %")
    chart.focus()
    # Well inside: what stands at either end is pushed out, or followed by the next minute, as time passes.
    chart.press("Home")
    chart.press("PageDown")
    read_at = page.locator(".chart-tip b").first.text_content()
    full.server.write(_fail_every_second)
    expect(failed).to_contain_text("failed 50.0 %")
    expect(page.locator(".chart-tip b").first).to_have_text(read_at or "")
    expect(chart).to_be_focused()

    chart.press("+")
    part = page.locator("[data-charts][data-part]")
    expect(part).to_be_visible()
    ends = part.get_attribute("data-end")
    full.server.write(take_over)
    full.server.write(_raise("While a part is looked at", "P1"))
    expect(page.locator("#oncall")).to_contain_text("root")
    expect(page.get_by_role("link", name="While a part is looked at")).to_be_visible()
    assert part.get_attribute("data-end") == ends
