"""A browser that runs no script reads every page, and can do what cannot wait."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from staycalm.domains.alerts import queries as alert_queries
from staycalm.domains.alerts.muting import queries as muting
from staycalm.domains.oncall.public import find_open_escalation
from tests.browser.chart_parts import Seen, plain, seen
from tests.browser.conftest import next_page
from tests.browser.every_page import Form, Walker, addresses, report
from tests.browser.paging import page_bob

__all__ = ["plain", "seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def test_every_page_is_read(seen: Seen) -> None:
    """Nothing is promised that only a script can do, and what only a script fills is not shown empty."""
    opened = seen.browser.new_context(java_script_enabled=False, storage_state=seen.page.context.storage_state())
    walker = Walker(opened, seen.server, runs_scripts=False)
    forms = (Form(390, 844, "light", whole=True),)
    found = {each: walker.look(each, forms, statuses=(200, 404)) for each in addresses(seen.server, has_data=True)}
    opened.close()
    assert report(found) == "{}"


def test_the_link_of_a_mail_acknowledges(plain: Seen) -> None:
    page = plain.page
    page.goto(f"{plain.server.url}/ack/{plain.server.write(page_bob)}")
    expect(page.get_by_role("heading", name="You are being paged")).to_be_visible()
    with next_page(page):
        page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("[data-ack]")).not_to_have_attribute("data-ack", "ready")
    found = plain.server.read(find_open_escalation, "INC-1")
    assert found is not None and found.state == "acknowledged"


def test_an_alert_is_muted_and_another_resolved(plain: Seen) -> None:
    page = plain.open("/alerts/silences/new?matchers=service%3Dpayments,rule%3Dcertificate")
    page.get_by_label("Why").fill("Known, renewed on Monday")
    page.locator("main form").get_by_role("button").last.click()
    page.wait_for_url("**/alerts*")
    assert any("Known, renewed on Monday" in each.reason for each in plain.server.read(muting.list_silences))
    page.goto(f"{plain.server.url}/alerts?rule=disk-usage")
    with next_page(page):
        page.locator("article.item .summary a").first.click()
    page.locator("summary", has_text="Resolve").first.click()
    form = page.locator("details[open] form")
    form.locator("input:not([type=hidden])").first.fill("Old logs are gone")
    with next_page(page):
        form.get_by_role("button").click()
    expect(page.locator("main")).to_contain_text("resolved")
    left = plain.server.read(alert_queries.list_alerts, limit=50, service="payments").items
    assert "disk-usage" not in {each.rule for each in left if each.state != "resolved"}
