"""A digest comes once a day to who asked for it, and not on a quiet day; the end of an incident is told once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

import staycalm
from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Invalid
from staycalm.core.events import Event
from staycalm.domains.accounts.public import Identity
from staycalm.domains.deployments.events import DeploymentCompleted
from staycalm.domains.incidents.events import IncidentDeclared, IncidentResolved
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.digest import queries, service
from staycalm.domains.oncall.digest.decisions import next_at
from staycalm.domains.oncall.digest.pages import page_router
from staycalm.kit.database import Tx
from staycalm.kit.http import Permission, Views, install_problem_details
from tests.domains.oncall.browser import Browser
from tests.domains.oncall.world import ALICE, BOB, World

ROOT = Path(staycalm.__file__).parent
INCIDENT = IncidentDeclared(
    subject="INC-7", service="shop", environment="production", priority="P1",
    title="Checkout\r\nBcc: eve <b>slow</b>", cause="c", cause_kind="hand",
)  # fmt: skip


def tell(world: World, event: Event) -> None:
    world.write(_emit, event)


def _emit(tx: Tx, event: Event) -> None:
    tx.emit(SYSTEM, event)


def mails(world: World, person: str = "alice") -> list[Any]:
    return [
        each.message
        for each in world.email.arrived
        if each.address.startswith(person) and each.message.data["kind"] == "digest"
    ]


def wish(world: World, at: str = "08:00", who: Actor = ALICE) -> None:
    world.write(service.want_digest, who, at=at)


def completed(n: int) -> DeploymentCompleted:
    return DeploymentCompleted(
        subject=f"DEP-{n}", service="shop", environment="production", is_proven=True, release="REL-1", digest="d",
        commit_sha="c", is_first=False,
    )  # fmt: skip


def test_a_digest_comes_at_the_persons_time_and_says_what_waits_first(world: World) -> None:
    wish(world)
    tell(world, completed(1))
    tell(world, INCIDENT)
    world.forward(hours=24)
    (mail,) = mails(world)
    assert mail.text.splitlines()[0] == "INC-7 is still open."
    assert mail.subject == "[Digest] 1 incident, 1 deployment since Monday 10:00"
    assert "- INC-7 (open): P1 Checkout Bcc: eve <b>slow</b>: https://calm.example/incidents/INC-7" in mail.text
    assert "- shop: 1 completed: https://calm.example/deployments" in mail.text
    assert mail.priority is None and "<b>slow" not in mail.html


def test_a_quiet_day_has_no_mail_and_nothing_is_told_twice(world: World) -> None:
    wish(world)
    tell(world, completed(1))
    world.forward(hours=24)
    assert len(mails(world)) == 1
    world.forward(hours=72)
    assert len(mails(world)) == 1
    tell(world, completed(2))
    tell(world, IncidentResolved(subject="INC-7", summary="over"))
    world.forward(hours=24)
    assert len(mails(world)) == 2
    assert mails(world)[1].text.splitlines()[0] == "Nothing waits for you."


def test_nobody_gets_a_digest_who_did_not_ask(world: World) -> None:
    tell(world, INCIDENT)
    world.forward(hours=48)
    assert mails(world, "alice") == mails(world, "bob") == []


def test_a_digest_alone_can_be_stopped_from_the_mail_and_the_link_goes_on_working(world: World) -> None:
    wish(world)
    tell(world, INCIDENT)
    world.forward(hours=24)
    (mail,) = mails(world)
    assert mail.unsubscribe_url is not None
    token = mail.unsubscribe_url.rpartition("/")[2]
    assert world.read(queries.is_stop_link, token)
    assert world.write(service.stop_by_link, token) and world.write(service.stop_by_link, token)
    assert world.read(queries.find_digest, "alice") is None
    assert not world.write(service.stop_by_link, "sc_ack_unknown")


def test_the_link_of_a_page_stops_no_digest(world: World) -> None:
    wish(world)
    world.start(policy="shop", priority="P0")
    world.forward(seconds=1)
    page = next(each.message for each in world.email.arrived if each.message.data["kind"] == "page")
    assert page.unsubscribe_url is None
    assert not world.write(service.stop_by_link, page.action_url.rpartition("/")[2])
    assert world.read(queries.find_digest, "alice") is not None


def test_the_time_can_be_changed_and_the_digest_turned_off(world: World) -> None:
    wish(world, "08:00")
    wish(world, "17:30")
    found = world.read(queries.find_digest, "alice")
    assert found is not None and (found.at, found.due_at) == ("17:30", datetime(2026, 3, 2, 16, 30, tzinfo=UTC))
    world.write(service.stop_digest, ALICE)
    assert world.read(queries.find_digest, "alice") is None


@pytest.mark.parametrize("at", ["8:00", "24:00", "08:60", "", "08:00\n", "noon"])
def test_a_time_that_is_none_is_refused(world: World, at: str) -> None:
    with pytest.raises(Invalid):
        wish(world, at)


def test_who_has_no_mailbox_is_told_so(world: World) -> None:
    with pytest.raises(Invalid, match="no e-mail address"):
        wish(world, who=Actor("person", "nobody", "Nobody"))


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(st.integers(0, 23), st.integers(0, 59), ZONES, st.integers(0, 366 * 86400))
def test_the_next_digest_is_within_two_days_and_never_now(hour: int, minute: int, zone: str, after_s: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=after_s)
    found = next_at(f"{hour:02}:{minute:02}", ZoneInfo(zone), now)
    assert now < found <= now + timedelta(hours=26)


# -- it is over ---------------------------------------------------------------------------------


def test_whoever_was_asked_is_told_once_that_it_is_over_but_not_who_ended_it(world: World) -> None:
    world.start(policy="shop", priority="P0", subject="INC-3")
    world.forward(minutes=6)
    asked = set(world.paged())
    assert asked == {"alice", "bob"}
    world.write(oncall.stop_escalation, BOB, "INC-3", "INC-3 is resolved")
    world.forward(seconds=5)
    (over,) = [each for each in world.email.arrived if each.message.data["kind"] == "over"]
    assert over.address == "alice@example.com"
    mail = over.message
    assert mail.text.splitlines()[0] == "Nothing to do any more: INC-3 is resolved."
    assert re.match(r"\[P0 over\] ", mail.subject) and mail.priority is None
    assert mail.data["acknowledge_url"] is None


# -- pages --------------------------------------------------------------------------------------


@pytest.fixture
def alice(world: World) -> Browser:
    """Alice, signed in; the link in a mail works without that."""
    app = FastAPI()
    app.state.database = world.database
    parts = {
        "oncall": "domains/oncall/templates",
        "web": "web/templates",
        "accounts": "domains/accounts/templates",
    }
    app.state.views = Views({name: ROOT / path for name, path in parts.items()}, world.clock)

    async def guard(request: Request, permission: Permission) -> Actor:
        request.state.identity = Identity(ALICE, frozenset({"developer"}), "session")
        return ALICE

    app.state.guard = guard
    install_problem_details(app)
    app.include_router(page_router)
    return Browser(app)


def test_a_person_turns_the_digest_on_and_off_on_their_own_page(world: World, alice: Browser) -> None:
    assert (
        "Off." in alice.get("/settings/digest").text and "alice@example.com" in alice.get("/settings/digest").text
    )
    assert alice.post("/settings/digest", data={"at": "07:15"}).status_code == 303
    assert 'value="07:15"' in alice.get("/settings/digest").text and "On." in alice.get("/settings/digest").text
    alice.post("/settings/digest", data={"stop": "yes"})
    assert world.read(queries.find_digest, "alice") is None


def test_looking_at_the_link_stops_nothing_and_one_press_does(world: World, alice: Browser) -> None:
    wish(world)
    tell(world, INCIDENT)
    world.forward(hours=24)
    path = str(mails(world)[0].unsubscribe_url).removeprefix("https://calm.example")
    assert "Stop the daily digest?" in alice.get(path).text
    assert world.read(queries.find_digest, "alice") is not None
    stopped = alice.post(path, data={"List-Unsubscribe": "One-Click"})
    assert stopped.status_code == 200 and stopped.headers["referrer-policy"] == "no-referrer"
    assert world.read(queries.find_digest, "alice") is None
    assert alice.get("/digest/stop/sc_ack_guessed").status_code == 404
