"""The link in a message, through HTTP: looking changes nothing, one press acknowledges."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

import staycalm
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.model import links
from staycalm.domains.oncall.pages import page_router
from staycalm.kit.http import Views, install_problem_details
from tests.domains.oncall.browser import Browser
from tests.domains.oncall.world import BOB, World

ROOT = Path(staycalm.__file__).parent


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that is not signed in and follows nothing by itself."""
    app = FastAPI()
    app.state.database = world.database
    folders = {"oncall": ROOT / "domains/oncall/templates", "web": ROOT / "web/templates"}
    app.state.views = Views(folders, world.clock)
    install_problem_details(app)
    app.include_router(page_router)
    return Browser(app)


def state_of(answer: httpx.Response) -> str:
    """Return what the page says of the link."""
    found = re.search(r'data-ack="([a-z]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def link_to(world: World, person: str) -> str:
    """Return the path of the link in the newest message to this person."""
    text = world.email.to(f"{person}@example.com")[-1].text
    return text.splitlines()[1].removeprefix("https://calm.example")


def test_looking_shows_what_it_is_about_and_changes_nothing(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    for _ in range(3):
        answer = browser.get(link_to(world, "alice"))
        assert answer.status_code == 200 and state_of(answer) == "ready"
    assert "Service down" in answer.text and "INC-1" in answer.text and "shop@production" in answer.text
    assert '<form method="post"><button' in answer.text
    assert browser.ask("HEAD", link_to(world, "alice")).status_code == 405
    world.forward(minutes=5)
    assert world.paged() == ["alice", "bob"]


def test_pressing_the_button_acknowledges_in_the_recipients_name(world: World, browser: Browser) -> None:
    world.start("P0")
    world.forward(minutes=5)
    answer = browser.post(link_to(world, "bob"))
    assert answer.status_code == 200 and state_of(answer) == "yours"
    (event,) = world.events("page_acknowledged")
    assert (event.body["person"], event.body["via"], event.actor) == ("bob", "link", BOB)
    world.forward(hours=2)
    assert world.paged() == ["alice", "bob"]
    assert state_of(browser.get(link_to(world, "bob"))) == "yours"


def test_pressing_twice_acknowledges_once(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    browser.post(link_to(world, "alice"))
    assert state_of(browser.post(link_to(world, "alice"))) == "yours"
    assert len(world.events("page_acknowledged")) == 1


def test_whoever_comes_second_is_told_who_has_it(world: World, browser: Browser) -> None:
    world.start("P0")
    world.forward(minutes=5)
    browser.post(link_to(world, "bob"))
    answer = browser.post(link_to(world, "alice"))
    assert state_of(answer) == "taken" and "bob has it" in answer.text
    assert [e.body["person"] for e in world.events("page_acknowledged")] == ["bob"]


def test_a_link_of_a_stopped_escalation_has_nothing_to_do(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    world.write(oncall.stop_escalation, BOB, "INC-1", "resolved")
    assert state_of(browser.post(link_to(world, "alice"))) == "ended"
    assert world.events("page_acknowledged") == []


def test_an_old_link_says_to_use_the_newest_message(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    path = link_to(world, "alice")
    world.forward(hours=25)
    answer = browser.post(path)
    assert answer.status_code == 410 and state_of(answer) == "expired"
    assert "newest message" in answer.text
    assert world.events("page_acknowledged") == []


def test_a_used_link_does_not_work_when_the_page_comes_again(world: World, browser: Browser) -> None:
    world.start("P1")
    world.settle()
    path = link_to(world, "alice")
    browser.post(path)
    world.write(oncall.raise_priority, BOB, "INC-1", "P0")
    world.settle()
    assert (browser.post(path).status_code, state_of(browser.post(path))) == (410, "used")
    assert state_of(browser.post(link_to(world, "alice"))) == "yours"


@pytest.mark.parametrize("token", ["sc_ack_wrong", "x", "%00", "..%2f..", "a" * 200])
def test_a_wrong_link_gets_a_plain_page(world: World, browser: Browser, token: str) -> None:
    for answer in (browser.get(f"/ack/{token}"), browser.post(f"/ack/{token}")):
        assert answer.status_code == 404
        assert "Traceback" not in answer.text


def test_a_link_of_another_purpose_acknowledges_nothing(world: World, browser: Browser) -> None:
    found = world.start("P0")
    assert found is not None
    token = world.write(
        notifications.make_link, purpose="unsubscribe", subject="INC-1", escalation=found.id, notification="n",
        person="alice", valid_s=60,
    )  # fmt: skip
    assert state_of(browser.post(f"/ack/{token}")) == "unknown"
    assert world.events("page_acknowledged") == []


def test_the_link_of_somebody_who_left_acknowledges_nothing(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    world.write(accounts.deactivate, BOB, "alice", managed_by="file")
    assert state_of(browser.post(link_to(world, "alice"))) == "unknown"
    assert world.events("page_acknowledged") == []


def test_the_page_trusts_no_host_header_and_is_kept_nowhere(world: World, browser: Browser) -> None:
    world.start("P0")
    world.settle()
    path = link_to(world, "alice")
    for answer in (browser.get(path, headers={"host": "evil.example", "x-forwarded-host": "evil.example"}),
                   browser.post(path, headers={"host": "evil.example"})):  # fmt: skip
        assert "evil.example" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_title_of_an_incident_stays_text_on_the_page(world: World, browser: Browser) -> None:
    world.start("P0", title="<script>alert(1)</script>")
    world.settle()
    assert "<script>alert" not in browser.get(link_to(world, "alice")).text


def test_the_database_never_holds_a_token(world: World) -> None:
    world.start("P0")
    world.settle()
    token = link_to(world, "alice").rpartition("/")[2]

    stored = repr(world.read(lambda tx: tx.rows(sa.select(links))))
    told = repr([event.body for event in world.events("notification_sent", "step_reached")])
    assert "alice" in stored and "alice" in told
    assert token not in stored + told
