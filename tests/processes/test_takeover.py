"""Two servers on one data directory and one PostgreSQL database: one drives the edge until it is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.conftest import WEBHOOKS_HERE
from tests.processes.night import Night, Route
from tests.processes.nursery import Nursling
from tests.processes.servers import Inbox, Server, eventually
from tests.processes.shop import QUICKLY, catalog, deploy, pack, take_down
from tests.processes.test_faults import visitors
from tests.processes.test_kills import check_direction, doubled

STEPS = [{"weight": weight, "duration_s": 1.0, "min_requests": 40} for weight in (10.0, 30.0, 60.0)]
HELD = [{"weight": 50.0, "duration_s": 600.0}]
ALERTS = 40
pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


@dataclass(frozen=True)
class Pair:
    """`driver` has the edge, `other` does not; `night` reads the routes of both, which are the same files."""

    driver: Server
    other: Server
    night: Night
    port: int
    folder: Path


@pytest.fixture
def pair(tmp_path: Path, inbox: Inbox, postgres: str) -> Iterator[Pair]:
    """Two servers in one directory whose release v1 is live; nothing of them runs afterwards."""
    port = free_port()
    settings = {**QUICKLY, **WEBHOOKS_HERE, "SC_DATABASE_URL": postgres}
    driver, other = Nursling(tmp_path / "a", **settings), Nursling(tmp_path / "a", **settings)
    try:
        driver.start()
        other.start()
        assert [each.get("/health")["drives_edge"] for each in (driver, other)] == [True, False]
        other.post("/api/v1/catalog/apply", {"text": catalog(inbox, port)})
        deploy(other, *pack(tmp_path, "v1"), [])
        eventually(lambda: other.events("deployments.completed"), what="the first release")
        yield Pair(driver, other, Night(other, "", port, tmp_path, 1), port, tmp_path)
    finally:
        take_down(driver, other)


def send_alerts(server: Server, answered: list[str]) -> threading.Thread:
    """Alerts of one service are being sent, for which one page is enough; `answered` are those that were."""

    def send() -> None:
        for n in range(ALERTS):
            body = {"summary": f"disk {n}", "priority": "P0", "dedup_key": f"disk/{n}", "service": "s0"}
            server.post("/api/v1/alerts", body)
            answered.append(body["dedup_key"])

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def watched(night: Night, routes: list[Route], stop: threading.Event) -> threading.Thread:
    """Every route file that is seen until `stop` is in `routes`."""

    def watch() -> None:
        while not stop.wait(0.005):
            route = night.route()
            if route is not None and (not routes or routes[-1] != route):
                routes.append(route)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def check_survivor(survivor: Server, inbox: Inbox, answered: list[str]) -> None:
    """What was answered is there and paged once; nothing was done twice, and nothing failed."""
    found = survivor.get("/api/v1/alerts", params={"limit": 200})["items"]
    assert len(answered) == ALERTS
    assert set(answered) <= {each["dedup_key"] for each in found}
    (incident,) = (e["subject"] for e in survivor.events("incidents.declared") if e["service"] == "s0")
    (page,) = eventually(
        lambda: [e for e in survivor.events("oncall.notification_sent") if e["subject"] == incident],
        what="the page for the alerts",
    )
    assert inbox.received[page["body"]["notification"]] == 1
    assert [key for key, marks in inbox.marks.items() if not all(marks[1:])] == []
    assert doubled(survivor) == []
    assert survivor.events("engine.delivery_died") == []
    assert "Traceback" not in survivor.log


def test_the_rollout_of_a_killed_server_goes_on_to_its_end_under_the_other_on_its_directory(
    pair: Pair, inbox: Inbox
) -> None:
    answered: list[str] = []
    routes: list[Route] = []
    stop = threading.Event()
    with visitors(pair.port):
        name = deploy(pair.driver, *pack(pair.folder, "v2"), STEPS)
        eventually(lambda: (r := pair.night.route()) and r.weight == STEPS[0]["weight"], what="the first step")
        watching = watched(pair.night, routes, stop)
        pair.driver.kill()
        began = time.monotonic()
        sending = send_alerts(pair.other, answered)
        eventually(lambda: pair.other.get("/health")["drives_edge"], what="the edge in other hands")
        taken_s = time.monotonic() - began
        eventually(lambda: (r := pair.night.route()) and r.weight > STEPS[0]["weight"], what="the next shift")
        print(f"\nedge taken after {taken_s:.1f} s, next shift after {time.monotonic() - began:.1f} s", end="")
        eventually(lambda: not pair.other.get(f"/api/v1/deployments/{name}")["is_running"], what="the end")
        sending.join()
    stop.set()
    watching.join()
    ended = pair.other.get(f"/api/v1/deployments/{name}")
    assert ended["state"] == "completed", ended["end_reason"]
    check_direction(routes)
    weights = [each.weight for each in routes]
    assert weights == sorted(weights)
    check_survivor(pair.other, inbox, answered)


def test_a_bad_release_of_a_killed_server_is_rolled_back_by_the_other_on_its_directory(
    pair: Pair, inbox: Inbox
) -> None:
    answered: list[str] = []
    routes: list[Route] = []
    is_bad, stop = pair.folder / "bad", threading.Event()
    with visitors(pair.port):
        name = deploy(pair.driver, *pack(pair.folder, "v2", bad_when=str(is_bad)), HELD)
        eventually(lambda: (r := pair.night.route()) and r.weight == HELD[0]["weight"], what="half of the traffic")
        watching = watched(pair.night, routes, stop)
        pair.driver.kill()
        is_bad.touch()
        began = time.monotonic()
        sending = send_alerts(pair.other, answered)
        eventually(lambda: (r := pair.night.route()) and r.is_rollback and r.weight == 0, what="the rollback")
        print(f"\nrolled back {time.monotonic() - began:.1f} s after the kill", end="")
        eventually(lambda: pair.other.events("deployments.rolled_back"), what="its event")
        sending.join()
    stop.set()
    watching.join()
    assert pair.other.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back"
    check_direction(routes)
    assert [each.weight for each in routes] == [HELD[0]["weight"], 0.0]
    check_survivor(pair.other, inbox, answered)
