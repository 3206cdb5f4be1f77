"""News reach the open page; a cut connection is said, marks what it shows, and heals with what was missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from staycalm.core.actor import Actor
from staycalm.domains.alerts import service as alerts
from staycalm.domains.deployments import service as deployments
from staycalm.domains.incidents import service as incidents
from staycalm.domains.oncall.schedules import service as schedules
from staycalm.kit.database import Tx
from tests.browser.chart_parts import Seen, seen
from tests.browser.story import CI, SETTINGS

__all__ = ["seen"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOB = Actor("person", "bob", "Bob")


def pause(tx: Tx) -> None:
    deployments.pause(tx, BOB, "DEP-6", reason="Lunch", settings=SETTINGS.deployments)


def resume(tx: Tx) -> None:
    deployments.resume(tx, BOB, "DEP-6", settings=SETTINGS.deployments)


def note(words: str) -> Callable[[Tx], Any]:
    return lambda tx: incidents.add_note(tx, BOB, "INC-1", words)


def fire(words: str) -> Callable[[Tx], Any]:
    return lambda tx: alerts.raise_alert(
        tx, CI, dedup_key=words, summary=words, priority="P3", service="site", environment="production",
        rule="by hand", settings=SETTINGS.alerts,
    )  # fmt: skip


def take_over(person: str, schedule: str = "payments") -> Callable[[Tx], Any]:
    return lambda tx: schedules.add_override(
        tx, BOB, schedule=schedule, role="primary", person=person, starts_at=None,
        ends_at=tx.now + timedelta(hours=1),
    )  # fmt: skip


@dataclass(frozen=True)
class News:
    """A page, two changes somebody else makes, and where its reader sees what of them."""

    path: str
    place: str
    first: Callable[[Tx], Any]
    shown_first: str
    second: Callable[[Tx], Any]
    shown_second: str


PAGES = {
    "a rollout": News("/deployments/DEP-6", ".verdict", pause, "Paused by a person.", resume, "Healthy so far"),
    "an incident": News("/incidents/INC-1", "ol.timeline", note("Heard."), "Heard.", note("Missed."), "Missed."),
    "alerts": News("/alerts", ".found", fire("Heard alert"), "Heard alert", fire("Missed alert"), "Missed alert"),
    "on-call": News(
        "/oncall",
        "#schedule-payments",
        take_over("alice"),
        "alice is primary",
        take_over("root"),
        "root is primary",
    ),
}


@pytest.mark.parametrize("news", PAGES.values(), ids=PAGES.keys())
def test_news_arrive_and_a_cut_is_said_marked_and_healed(seen: Seen, news: News) -> None:
    page = seen.open_live(news.path)
    part = page.locator(news.place)
    state, warning = page.locator("[data-live-state]"), page.locator(".stale-note")
    expect(part).not_to_contain_text(news.shown_first)
    seen.server.write(news.first)
    expect(part).to_contain_text(news.shown_first)

    page.route("**/live?*", lambda route: route.abort())
    seen.server.cut_streams()
    expect(state).to_have_text("connection lost")
    expect(warning).to_contain_text("Connection lost. What you see is from")
    marked = "document.querySelector('[data-topic]').closest('.stale') !== null"
    assert page.evaluate(marked)
    dashes = "(el) => [el, ...el.children].some((each) => getComputedStyle(each).outlineStyle === 'dashed')"
    assert page.locator("[data-topic]").first.evaluate(dashes), "what is stale is not marked as such"
    seen.server.write(news.second)
    expect(part).not_to_contain_text(news.shown_second)

    page.unroute("**/live?*")
    expect(part).to_contain_text(news.shown_second)
    expect(state).to_have_text("live")
    expect(warning).to_be_hidden()
    assert not page.evaluate(marked)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/people?q=root", ".people .block"),
        ("/people/root", "[data-topic$=duty] p"),
        ("/teams", ".team dd .block"),
    ],
)
def test_whoever_takes_over_is_on_call_wherever_people_stand(seen: Seen, path: str, place: str) -> None:
    seen.server.write(take_over("alice", "platform"))
    page = seen.open_live(path)
    root = page.locator(place, has_text="platform").filter(has_text="root" if path == "/teams" else "on call")
    expect(root).to_have_count(0)
    seen.server.write(take_over("root", "platform"))
    expect(root).to_have_count(1)


def test_nothing_broke_meanwhile(seen: Seen) -> None:
    assert [each for each in seen.complaints if "ERR_FAILED" not in each] == []
