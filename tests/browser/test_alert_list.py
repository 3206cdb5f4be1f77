"""What people do with the list of alerts in a real browser: find, choose, act, and take it back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from staycalm.domains.alerts import queries
from staycalm.domains.alerts import service as alerts
from staycalm.domains.alerts.model import alerts as rows
from staycalm.domains.alerts.muting import queries as muting
from staycalm.kit.database import Tx
from tests.browser import one_server
from tests.browser.conftest import next_page, open_live
from tests.browser.server import Server
from tests.browser.story import CI, HOSTILE, SETTINGS

page, server, signed_in = one_server.page, one_server.server, one_server.signed_in
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
RTL = "\u202eفشل الخادم 🔥🧯 \u2066evil\u2069"


def fire(server: Server, rule: str, many: int = 3, **more: str) -> list[str]:
    def tell(tx: Tx) -> list[str]:
        return [
            alerts.raise_alert(
                tx, CI, dedup_key=f"{rule}-{n}", summary=more.get("summary", f"{rule} of db-{n}"), priority="P3",
                service="site", environment="production", rule=rule, labels={"host": more.get("host", f"db-{n}")},
                settings=SETTINGS.alerts,
            ).id
            for n in range(many)
        ]  # fmt: skip

    found: list[str] = server.write(tell)
    return found


def states(server: Server, ids: list[str]) -> list[str]:
    return [server.read(queries.get_alert, id).state for id in ids]


def test_alerts_are_acknowledged_and_resolved_with_the_keyboard_alone(page: Page, server: Server) -> None:
    ids = fire(server, "keys")
    open_live(page, f"{server.url}/alerts?rule=keys")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
    with next_page(page):
        page.keyboard.press("a")
    expect(page.get_by_text("2 alerts acknowledged.")).to_be_visible()
    assert sorted(states(server, ids)) == ["acknowledged", "acknowledged", "firing"]
    page.keyboard.press("*")
    with next_page(page):
        page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Resolve 3 alerts?")).to_be_visible()
    expect(page.locator("main [name=reason]")).to_be_focused()
    page.keyboard.type("hosts are gone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 alerts resolved.")).to_be_visible()
    assert set(states(server, ids)) == {"resolved"}


def test_what_was_acknowledged_at_once_is_undone_by_one_key(page: Page, server: Server) -> None:
    ids = fire(server, "undone")
    open_live(page, f"{server.url}/alerts?rule=undone")
    page.keyboard.press("*")
    with next_page(page):
        page.keyboard.press("a")
    expect(page.get_by_text("3 alerts acknowledged.")).to_be_visible()
    with next_page(page):
        page.keyboard.press("u")
    expect(page.get_by_text("3 alerts handed back")).to_be_visible()
    assert set(states(server, ids)) == {"firing"}
    expect(page).to_have_url(re.compile("/alerts[?]rule=undone&did=BLK-"))


def test_what_is_chosen_stays_chosen_while_the_list_is_drawn_anew(page: Page, server: Server) -> None:
    ids = fire(server, "lively", 2)
    open_live(page, f"{server.url}/alerts")
    page.locator(f"input[value='{ids[0]}']").check()
    fire(server, "livelier", 1)
    expect(page.locator("article", has_text="livelier of db-0")).to_be_visible()
    expect(page.locator(f"input[value='{ids[0]}']")).to_be_checked()
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")


@pytest.mark.parametrize("page", [False], indirect=True, ids=["no script"])
def test_all_that_match_are_resolved_without_script_after_their_exact_count(page: Page, server: Server) -> None:
    ids = fire(server, "plain", 4)
    page.goto(f"{server.url}/alerts?rule=plain")
    page.get_by_text("all 4 that match").click()
    with next_page(page):
        page.get_by_role("button", name="Resolve …").click()
    expect(page.get_by_role("heading", name="Resolve 4 alerts?")).to_be_visible()
    late = fire(server, "plain", 5)[4]
    with next_page(page):
        page.get_by_role("button", name="Resolve 4 alerts").click()
    expect(page.get_by_text("4 alerts resolved.")).to_be_visible()
    assert (set(states(server, ids)), states(server, [late])) == ({"resolved"}, ["firing"])


@pytest.mark.parametrize("page", [False], indirect=True, ids=["no script"])
def test_muting_says_what_it_mutes_and_is_undone(page: Page, server: Server) -> None:
    fire(server, "quiet", 3)
    page.goto(f"{server.url}/alerts?rule=quiet")
    page.locator("article").first.get_by_role("checkbox").check()
    with next_page(page):
        page.get_by_role("button", name="Mute …").click()
    expect(page.get_by_text("service=site, environment=production, rule=quiet")).to_be_visible()
    page.get_by_label("Why").fill("new disks")
    with next_page(page):
        page.get_by_role("button", name="Mute 3 alerts").click()
    expect(page.get_by_text("Muted by SIL-")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"{server.url}/alerts#muted")
    assert all("rule=quiet" not in map(str, each.matchers) for each in server.read(muting.list_silences))


def test_a_maintenance_is_shown_before_it_begins(page: Page, server: Server) -> None:
    fire(server, "works", 2)
    open_live(page, f"{server.url}/alerts")
    page.get_by_text("Start a maintenance").click()
    form = page.locator("form[action='/alerts/maintenances/new']")
    form.get_by_label("Environment").fill("nowhere")
    form.get_by_label("Why").fill("moving house")
    with next_page(page):
        form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="This maintenance mutes 0 alerts now")).to_be_visible()
    page.get_by_role("button", name="Start the maintenance").click()
    expect(page.locator("#muted").get_by_text("moving house")).to_be_visible()


def test_facets_and_labels_narrow_the_list_in_the_address(page: Page, server: Server) -> None:
    fire(server, "facet", 3)
    open_live(page, f"{server.url}/alerts")
    page.get_by_role("navigation", name="By service").get_by_role("link", name="site").click()
    page.wait_for_url(f"{server.url}/alerts?service=site")
    page.get_by_role("searchbox").fill("facet of db-1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/alerts?service=site&q=facet+of+db-1")
    expect(page.locator(".found article")).to_have_count(1)
    page.locator(".found article .summary a").click()
    page.wait_for_url("**/alerts/ALG-*")
    page.locator("#main").get_by_role("link", name="host=db-1").first.click()
    page.wait_for_url(f"{server.url}/alerts?label=host%3Ddb-1")
    expect(page.locator(".found article").filter(has_text="facet of db-1")).to_have_count(1)


def test_hostile_words_stay_words_on_every_page_of_alerts(page: Page, server: Server) -> None:
    (id,) = fire(server, HOSTILE[:150], 1, summary=RTL + HOSTILE, host='"><b>' + RTL)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    group = server.read(queries.get_alert, id).group_id
    page.set_viewport_size({"width": 360, "height": 800})
    for path in ("/alerts", f"/alerts/{group}", f"/alerts?q={RTL}", "/alerts?q=<script>alert(1)</script>",
                 "/alerts/silences/new?matchers=rule=<b>x</b>&reason=<script>1</script>"):  # fmt: skip
        answer = page.goto(server.url + path)
        assert answer is not None and answer.status == 200, path
        assert page.title() != "owned"
        assert page.locator("main script, main img[src=x], main b b").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert problems == []
    assert server.read(lambda tx: tx.one_or_none(rows.select().where(rows.c.id == id))).summary.startswith(RTL[:5])
