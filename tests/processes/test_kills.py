"""A server that is killed again and again in the middle of its work.

`SC_KILLS` says how often, `SC_KILLS_FOR_S` for how long at most, `SC_SEED` when.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.ports import free_port
from tests.processes.night import Night, Route
from tests.processes.nursery import Nursling
from tests.processes.servers import Inbox, Server, eventually
from tests.processes.shop import QUICKLY, catalog, take_down

KILLS = int(os.environ.get("SC_KILLS", "1000"))
FOR_S = float(os.environ.get("SC_KILLS_FOR_S", "inf"))
SEED = int(os.environ.get("SC_SEED", "1"))
IN_THE_START = 0.5
LONGEST_LIFE_S = 2.0
QUIET_S = 240.0
ONCE = {
    "incidents.declared": ("cause",), "oncall.step_reached": ("step",), "deployments.requested": (),
    "deployments.completed": (), "deployments.rolled_back": (), "deployments.aborted": (),
    "deployments.weight_shifted": ("generation",),
}  # fmt: skip
"""Events that may exist once per subject and these fields."""


@pytest.fixture(params=databases.ENGINES)
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of the database the server uses."""
    if request.param == "sqlite":
        yield {}
        return
    with databases.empty_postgres() as url:
        yield {"SC_DATABASE_URL": url}


@pytest.fixture
def night(tmp_path: Path, inbox: Inbox, database: dict[str, str]) -> Iterator[Night]:
    """A server with its file in force; nothing of it runs afterwards."""
    port, proxy_port = free_port(), free_port()
    settings = {**QUICKLY, **database, "SC_SERVER_PORT": str(port), "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}
    server = Nursling(tmp_path / "a", **settings)
    try:
        server.start()
        server.post("/api/v1/catalog/apply", {"text": catalog(inbox, proxy_port)})
        yield Night(server, server.url, proxy_port, tmp_path, SEED)
    finally:
        take_down(server)


def check_promises(night: Night, last: int) -> int:
    """What was answered last is there; returns how many promises were looked up."""
    keys, incidents = night.answered_alerts[-last:], night.answered_incidents[-last:]
    found = {each["dedup_key"] for each in night.server.get("/api/v1/alerts", params={"limit": 200})["items"]}
    assert set(keys) <= found
    for name, title in incidents:
        assert night.server.get(f"/api/v1/incidents/{name}")["title"] == title
    for rollout in night.rollouts[-1:]:
        assert night.server.get(f"/api/v1/deployments/{rollout.id}")["id"] == rollout.id
    return len(keys) + len(incidents)


def on_their_way(server: Server) -> list[str]:
    """Return the messages that the server was sending when it was killed; its database stays as it was left."""
    asked = "SELECT id FROM oncall_notifications WHERE state = 'sending'"
    url = server.environment.get("SC_DATABASE_URL")
    if url is not None:
        with psycopg.connect(url) as connection:
            return [row[0] for row in connection.execute(asked)]
    with tempfile.TemporaryDirectory() as folder:
        for file in server.directory.glob("staycalm.db*"):
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / "staycalm.db")) as copy:
            return [row[0] for row in copy.execute(asked)]


def kill_again_and_again(night: Night) -> tuple[list[float], int, Counter[str]]:
    """The server was killed KILLS times.

    Returns the seconds that its starts took, kills during a start, and how often each message was on its way.
    """
    rng, starts, early, interrupted = random.Random(SEED), [2.0], 0, Counter[str]()
    never, end = threading.Event(), time.monotonic() + FOR_S
    while len(starts) - 1 + early < KILLS and time.monotonic() < end:
        never.wait(rng.uniform(0.0, LONGEST_LIFE_S))
        night.server.kill()
        interrupted.update(on_their_way(night.server))
        while rng.random() < IN_THE_START:
            night.server.launch()
            never.wait(rng.uniform(0.0, 1.2 * statistics.median(starts)))
            night.server.kill()
            interrupted.update(on_their_way(night.server))
            early += 1
        began = time.monotonic()
        night.server.start()
        starts.append(time.monotonic() - began)
        check_promises(night, 5)
        assert "Traceback" not in night.server.log
    return starts[1:], early, interrupted


def all_alerts(server: Server) -> list[str]:
    keys: list[str] = []
    cursor: str | None = None
    while True:
        page = server.get("/api/v1/alerts", params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        keys += [each["dedup_key"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return keys


def doubled(server: Server) -> list[str]:
    """Return every effect that is in the database twice."""
    found: list[str] = []
    for name, fields in ONCE.items():
        seen = Counter((e["subject"], *(str(e["body"][f]) for f in fields)) for e in server.events(name))
        found += [f"{name} {key}" for key, count in seen.items() if count > 1]
    sent = Counter(e["body"]["notification"] for e in server.events("oncall.notification_sent"))
    return found + [f"notification {key}" for key, count in sent.items() if count > 1]


def unpaged(server: Server) -> set[str]:
    """Return the urgent incidents whose first page nobody has accepted yet."""
    urgent = {e["subject"] for e in server.events("incidents.declared") if e["body"]["priority"] in ("P0", "P1")}
    return urgent - {
        e["subject"] for e in server.events("oncall.notification_sent") if e["body"]["kind"] == "page"
    }


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_kills_lose_nothing_and_double_nothing(night: Night, inbox: Inbox) -> None:
    server = night.server
    with night.going_on():
        starts, early, interrupted = kill_again_and_again(night)
        night.resting.set()
        eventually(night.released.is_set, within_s=QUIET_S, what="the end of the last rollout")
        eventually(lambda: not unpaged(server), within_s=QUIET_S, what="the last page")
        visits = night.visits
        eventually(lambda: night.visits > visits + 100, what="visitors after it all")

    keys = all_alerts(server)
    lost = set(night.answered_alerts) - set(keys)
    declared = {e["subject"]: e["body"] for e in server.events("incidents.declared")}
    lost |= {name for name, _ in night.answered_incidents} - set(declared)
    deployments = {e["subject"] for e in server.events("deployments.requested")}
    lost |= {each.id for each in night.rollouts} - deployments
    twice = doubled(server) + [f"alert {key}" for key, count in Counter(keys).items() if count > 1]
    again = {key: marks for key, marks in inbox.marks.items() if len(marks) > 1}
    rolled_back = {e["subject"] for e in server.events("deployments.rolled_back")}
    print(
        f"\n{server.environment.get('SC_DATABASE_URL', 'sqlite').partition(':')[0]}: {len(starts) + early} kills "
        f"({early} during a start) in {len(starts)} rounds, start median {statistics.median(starts):.2f} s; "
        f"answered: {len(night.answered_alerts)} alerts, {len(night.answered_incidents)} incidents, "
        f"{len(night.rollouts)} rollouts ({len(rolled_back)} rolled back); {len(inbox.marks)} pages; "
        f"lost {len(lost)}, doubled {len(twice)}, outside duplicates {sum(len(m) - 1 for m in again.values())} of "
        f"{interrupted.total()} on their way at a kill; "
        f"visits {night.visits}, failed {night.failed_visits} (while no bad release was out "
        f"{len(night.stray_failures)}: {night.stray_failures[:3]}), to a candidate after its rollback "
        f"{len(night.late_visits)}"
    )
    assert night.troubles == []
    assert lost == set()
    assert twice == []
    assert [key for key, marks in again.items() if not all(marks[1:])] == []
    # Once more for each kill while it was on its way, and for each try that is known to have failed; not oftener.
    excused = interrupted + Counter(e["body"]["notification"] for e in server.events("oncall.notification_failed"))
    assert [key for key, marks in again.items() if len(marks) - 1 > excused[key]] == []
    assert {r.id: r.state for r in night.rollouts if r.state not in ("completed", "rolled-back", "aborted")} == {}
    assert [r.id for r in night.rollouts if r.is_bad and r.state == "completed"] == []
    assert night.late_visits == []
    causes = [body["cause"] for body in declared.values() if body["cause_kind"] != "declared"]
    assert len(causes) == len(set(causes))
    for rollout in night.rollouts:
        check_direction(rollout.routes)
    assert server.events("engine.delivery_died") == []


def check_direction(routes: list[Route]) -> None:
    """Generations only grow, and after the rollback nobody is sent to the candidate again."""
    numbers = [each.generation for each in routes]
    assert numbers == sorted(numbers)
    first = next((n for n, each in enumerate(routes) if each.is_rollback), len(routes))
    assert all(each.weight == 0.0 for each in routes[first:]), routes
