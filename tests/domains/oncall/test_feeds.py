"""Calendar feeds: RFC 5545 to the octet, read by a real parser; secret, revocable, and never read too often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.accounts.service import deactivate
from staycalm.domains.oncall.edge import OncallEdge
from staycalm.domains.oncall.feeds import pages, queries, service
from staycalm.domains.oncall.feeds.ical import Entry, calendar, fold, text
from staycalm.domains.oncall.feeds.model import feeds
from staycalm.domains.oncall.feeds.pace import PER_MINUTE, FeedPace
from staycalm.domains.oncall.schedules import service as schedules
from staycalm.kit.http import install_problem_details
from staycalm.kit.logs import redact
from tests.conftest import VirtualClock
from tests.domains.oncall.browser import Browser
from tests.domains.oncall.world import ALICE, BOB, CAROL, World

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOSTILE = "a\\b;c,d\r\nEND:VCALENDAR\nX:1 \U0001f9d8 " + "ä" * 200


@pytest.fixture
def reader(world: World) -> Browser:
    app = FastAPI()
    app.state.database = world.database
    app.state.oncall = OncallEdge("https://calm.example", FeedPace(world.clock))
    install_problem_details(app)
    app.include_router(pages.page_router)
    return Browser(app)


def make(world: World, actor: Actor = ALICE, schedule: str | None = None) -> service.NewFeed:
    made: service.NewFeed = world.write(service.add_feed, actor, schedule=schedule)
    return made


def events(body: bytes) -> list[tuple[str, datetime, datetime]]:
    parsed = icalendar.Calendar.from_ical(body)
    return [(str(e["SUMMARY"]), e["DTSTART"].dt, e["DTEND"].dt) for e in parsed.walk("VEVENT")]


def test_my_shifts_are_mine_alone(world: World, reader: Browser) -> None:
    answer = reader.get(make(world, BOB).path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    found = events(answer.content)
    primary = [each for each in found if "primary" in each[0]]
    first, last = world.at("2026-03-09T09:00:00+01:00"), world.at("2026-03-16T09:00:00+01:00")
    assert primary[0] == ("On call: platform (primary)", first, last)
    # Summer time begins on 29 March: the hand-off of the wall clock is an hour earlier in UTC.
    assert (world.at("2026-04-06T09:00:00+02:00")) in [start for _, start, _ in primary]
    assert {summary for summary, _, _ in found} == {"On call: platform (primary)", "On call: platform (secondary)"}


def test_a_whole_schedule_names_everybody_and_its_overrides(world: World, reader: Browser) -> None:
    start = world.clock.now() + timedelta(days=3)
    world.write(
        schedules.add_override, ALICE, schedule="platform", role="primary", person="carol", starts_at=start,
        ends_at=start + timedelta(hours=4), reason="dentist; 3,5 km",
    )  # fmt: skip
    body = reader.get(make(world, schedule="platform").path).content
    assert ("carol: platform (primary)", start, start + timedelta(hours=4)) in events(body)
    (covered,) = [e for e in icalendar.Calendar.from_ical(body).walk("VEVENT") if "carol: " in e["SUMMARY"]]
    assert str(covered["DESCRIPTION"]) == "primary of platform\nOverride by alice: dentist; 3,5 km"


def test_a_shift_keeps_its_uid_while_time_passes(world: World, reader: Browser) -> None:
    made = make(world, schedule="platform")

    def uids() -> dict[str, datetime]:
        parsed = icalendar.Calendar.from_ical(reader.get(made.path).content)
        found = [(str(e["UID"]), e["DTSTART"].dt) for e in parsed.walk("VEVENT")]
        assert len({uid for uid, _ in found}) == len(found)
        return dict(found)

    before = uids()
    world.forward(days=3, hours=5)
    after = uids()
    assert {uid: start for uid, start in after.items() if uid in before} == before


def test_gaps_still_to_come_are_events_and_past_ones_are_not(world: World, reader: Browser) -> None:
    from tests.domains.oncall.world import FILE

    world.apply(FILE.replace("starts_on: 2026-03-02", "starts_on: 2026-03-05"))
    made = make(world, schedule="platform")
    assert "NOBODY is on call: platform" in [summary for summary, _, _ in events(reader.get(made.path).content)]
    world.forward(days=4)
    assert not any("NOBODY" in summary for summary, _, _ in events(reader.get(made.path).content))


def test_the_secret_is_kept_as_a_digest_and_blanked_in_logs(world: World) -> None:
    made = make(world)
    rows = world.read(lambda tx: tx.rows(feeds.select().limit(10)))
    assert made.token not in str(rows)
    assert made.token not in str([entry.body for entry in world.events("calendar_feed_added")])
    assert redact(f"GET {made.path}") == "GET /calendar/sc_cal_***.ics"


def test_a_revoked_address_and_that_of_somebody_who_left_are_dead(world: World, reader: Browser) -> None:
    first, second = make(world, ALICE), make(world, CAROL)
    with pytest.raises(NotFound):
        world.write(service.revoke_feed, BOB, first.feed.id)
    world.write(service.revoke_feed, ALICE, first.feed.id)
    assert reader.get(first.path).status_code == 404
    assert reader.get(second.path).status_code == 200
    world.write(deactivate, SYSTEM, "carol", managed_by="file")
    assert reader.get(second.path).status_code == 404
    assert reader.get("/calendar/sc_cal_nothing.ics").status_code == 404


def test_the_last_reading_is_noted_once_an_hour_and_an_unchanged_calendar_is_not_sent_again(
    world: World, reader: Browser
) -> None:
    made = make(world)
    tag = reader.get(made.path).headers["etag"]
    (noted,) = world.read(queries.list_feeds, "alice")
    assert noted.last_read_at == world.clock.now()
    world.clock.move_to(world.clock.now() + timedelta(minutes=59))
    again = reader.get(made.path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert world.read(queries.list_feeds, "alice") == (noted,)


def test_a_feed_is_read_so_often_a_minute_and_no_more() -> None:
    clock = VirtualClock()
    app = FastAPI()
    app.state.database = None
    app.state.oncall = OncallEdge("https://calm.example", pace := FeedPace(clock))
    app.include_router(pages.page_router)
    key = queries.token_hash("sc_cal_x")
    assert [pace.take(key) for _ in range(PER_MINUTE)] == [0] * PER_MINUTE
    refused = Browser(app).get("/calendar/sc_cal_x.ics")
    assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 60
    assert pace.take("another") == 0
    clock.move_to(clock.now() + timedelta(minutes=1))
    assert pace.take(key) == 0


def test_the_number_of_feeds_is_bounded_and_machines_have_none(world: World) -> None:
    for _ in range(queries.MAX_FEEDS):
        make(world)
    with pytest.raises(Conflict):
        make(world)
    with pytest.raises(Invalid):
        make(world, Actor("service", "ci"))
    with pytest.raises(NotFound):
        make(world, BOB, "nothing")


def test_hostile_text_cannot_end_an_event(world: World) -> None:
    entry = Entry("uid", AT, AT + timedelta(hours=1), HOSTILE, HOSTILE, "On-call")
    body = calendar(HOSTILE, [entry, entry], made_at=AT)
    parsed = icalendar.Calendar.from_ical(body)
    assert len(parsed.walk("VEVENT")) == 2
    assert str(parsed.walk("VEVENT")[0]["SUMMARY"]) == HOSTILE.replace("\r\n", "\n")


@given(st.text(max_size=400))
def test_every_text_comes_back_and_every_line_is_short_enough(value: str) -> None:
    body = calendar("c", [Entry("u", AT, AT + timedelta(hours=1), f"x{value}x")], made_at=AT)
    assert body.endswith(b"END:VCALENDAR\r\n")
    for line in body.split(b"\r\n"):
        assert len(line) <= 75 and b"\n" not in line and b"\r" not in line
        line.decode()
    unfolded = body.replace(b"\r\n ", b"").decode()
    (summary,) = [line for line in unfolded.split("\r\n") if line.startswith("SUMMARY:")]
    assert summary == f"SUMMARY:{text(f'x{value}x')}"
    assert icalendar.Calendar.from_ical(body).walk("VEVENT")[0]["DTSTART"].dt == AT


@pytest.mark.parametrize("length", [74, 75, 76, 149, 150, 500])
def test_lines_are_folded_at_75_octets(length: int) -> None:
    folded = fold("é" * length)
    assert all(len(part) <= 75 for part in folded.split(b"\r\n"))
    assert folded.replace(b"\r\n ", b"").rstrip(b"\r\n").decode() == "é" * length
