"""Two servers on one PostgreSQL database: the work is shared, none is doubled, none is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM
from staycalm.domains.incidents.public import declare
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.ids import Ids
from staycalm.kit.subscriptions import Subscriptions
from tests.conftest import drive
from tests.processes.servers import Inbox, Server, apply, eventually

MakeServer = Callable[..., Server]


@pytest.fixture
def pair(make_shared: MakeServer, inbox: Inbox) -> Iterator[tuple[Server, Server]]:
    a = make_shared("a").start()
    eventually(lambda: a.get("/health")["drives_edge"], what="the lease of the first")
    b = make_shared("b").start()
    apply(a, inbox)
    yield a, b


def incident(number: int, **more: str) -> dict[str, str]:
    return {"title": f"number {number}", "priority": "P0", "service": f"s{number % 40}", **more}


def test_alerts_sent_to_both_are_taken_once_and_everybody_is_paged_once(
    pair: tuple[Server, Server], inbox: Inbox
) -> None:
    a, b = pair
    assert [s.get("/health")["drives_edge"] for s in pair] == [True, False]

    def send(server: Server, numbers: range) -> None:
        for n in numbers:
            server.post(
                "/api/v1/alerts",
                {"summary": f"disk {n}", "priority": "P3", "dedup_key": f"disk/{n}", "service": f"s{n % 5}"},
            )

    threads = [threading.Thread(target=send, args=(server, range(200))) for server in pair]
    threads += [
        threading.Thread(
            target=lambda server=server, first=first: [
                server.post("/api/v1/incidents", incident(n)) for n in range(first, first + 5)
            ]
        )
        for server, first in ((a, 10), (b, 20))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = a.get("/api/v1/alerts", params={"limit": 200})
    assert len(page["items"]) == len({alert["dedup_key"] for alert in page["items"]}) == 200
    assert page["next_cursor"] is None
    assert len({alert["group"] for alert in page["items"]}) == 5
    eventually(lambda: len(inbox.received) >= 10, what="ten pages")
    sent = eventually(
        lambda: (s := b.events("oncall.notification_sent")) and len(s) >= 10 and s, what="ten records"
    )
    assert len(sent) == 10
    reached = a.events("oncall.step_reached")
    assert len(reached) == len({(e["subject"], e["body"]["step"]) for e in reached}) == 10
    assert set(inbox.received.values()) == {1}
    assert b.events("incidents.declared") == a.events("incidents.declared")
    for server in pair:
        assert server.end(signal.SIGTERM) == 0
        assert "Traceback" not in server.log


def rules(server: Server, state: str) -> list[str]:
    return [alert["rule"] for alert in server.get("/api/v1/alerts", params={"state": state})["items"]]


def test_the_work_of_a_killed_server_goes_on_and_its_silence_is_told(
    pair: tuple[Server, Server], inbox: Inbox
) -> None:
    a, b = pair
    apply(a, inbox, wait="6s")  # within the ten that pass anyway before its silence is told
    a.post("/api/v1/incidents", incident(1))
    eventually(lambda: b.events("oncall.notification_sent"), what="the first page")
    a.kill()
    eventually(lambda: len(inbox.received) >= 2, what="the second page")
    eventually(
        lambda: any(e["body"]["step"] == 2 for e in b.events("oncall.step_reached")), what="the second step"
    )
    (silent,) = eventually(lambda: b.events("engine.went_silent"), what="the event")
    assert silent["body"]["silent_for_s"] >= 10
    assert set(inbox.received.values()) == {1}
    eventually(lambda: rules(b, "open") == ["engine-silent"], what="the alert")
    a.start()
    eventually(lambda: rules(b, "open") == [], what="the end of the alert")


def test_without_notifications_of_commits_a_page_still_leaves(
    pair: tuple[Server, Server], inbox: Inbox, postgres: str
) -> None:
    """Listening is cut off again and again, and who declares the incidents runs no engine of its own."""
    a, b = pair
    stop = threading.Event()

    def cut_off() -> None:
        with psycopg.connect(postgres, autocommit=True) as admin:
            while not stop.wait(0.05):
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'staycalm-listen'"
                )

    cutting = threading.Thread(target=cut_off)
    cutting.start()
    try:
        eventually(lambda: "listening for commits failed" in a.log and "listening for commits failed" in b.log)
        clock = SystemClock()
        silent = Database(postgres, clock, Ids(clock), inline=True)
        silent.subscriptions = Subscriptions(wiring.subscriptions(Settings()))
        for n in range(3):
            drive(silent.write(declare, SYSTEM, environment=None, cause=None, **incident(n)))
            eventually(lambda n=n: len(inbox.received) > n, what="the page")
        silent.close()
    finally:
        stop.set()
        cutting.join()
    assert set(inbox.received.values()) == {1}


def test_a_lost_database_is_said_and_its_return_needs_no_restart(
    pair: tuple[Server, Server], inbox: Inbox, postgres: str
) -> None:
    """Every connection is cut in the middle of work, several times: what was answered is there once."""
    a, _ = pair
    answered: list[str] = []
    stop = threading.Event()

    def declare_many(server: Server, first: int) -> None:
        n = first
        while not stop.is_set():
            answer = server.ask("POST", "/api/v1/incidents", json=incident(n, priority="P3"))
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 201:
                answered.append(answer.json()["incident"]["id"])
            n += 1

    threads = [threading.Thread(target=declare_many, args=(s, n * 10_000)) for n, s in enumerate(pair, 1)]
    for thread in threads:
        thread.start()
    with psycopg.connect(postgres, autocommit=True) as admin:
        for _ in range(8):
            stop.wait(0.3)
            with suppress(psycopg.Error):
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
    stop.set()
    for thread in threads:
        thread.join()
    eventually(lambda: a.ask("GET", "/health").status_code == 200, what="health")
    declared = [event["subject"] for event in a.events("incidents.declared")]
    assert set(answered) <= set(declared)
    assert len(declared) == len(set(declared))
    for server in pair:
        assert "Traceback" not in server.log
