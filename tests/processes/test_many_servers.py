"""Two and four servers on one PostgreSQL database, of which one dies; and an old version beside the new one."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.servers import Inbox, Server, apply, eventually

MakeServer = Callable[..., Server]
ROOT = Path(__file__).parents[2]
SECOND_SCHEMA = "src/staycalm/migrations/versions/0002_calendar_feeds_and_who_added_an_override.py"
EACH = 10


def declare(server: Server, first: int, count: int) -> None:
    for n in range(first, first + count):
        server.post("/api/v1/incidents", {"title": f"number {n}", "priority": "P0"})


def declared(server: Server) -> set[str]:
    """Return the incidents of `declare`; not the one that a silent server is."""
    return {e["subject"] for e in server.events("incidents.declared") if e["body"]["title"].startswith("number")}


def paged(server: Server) -> list[str]:
    """Return the incidents whose page was accepted, once for each acceptance."""
    sent = [e for e in server.events("oncall.notification_sent") if e["body"]["kind"] == "page"]
    ours = declared(server)
    return [e["subject"] for e in sent if e["subject"] in ours]


def check_once(server: Server, inbox: Inbox, incidents: int) -> None:
    """Every incident has its first step and its page once; who was told twice was told that it may be so."""
    ours, reached = declared(server), server.events("oncall.step_reached")
    steps = [(e["subject"], e["body"]["step"]) for e in reached if e["subject"] in ours]
    assert len(steps) == len(set(steps)) == incidents
    assert len(paged(server)) == len(set(paged(server))) == incidents
    assert [key for key, marks in inbox.marks.items() if not all(marks[1:])] == []
    assert server.events("engine.delivery_died") == []


def take_turns(servers: list[Server]) -> None:
    """Every server is asked at the same time as the others."""
    threads = [
        threading.Thread(target=declare, args=(server, 100 * n, EACH)) for n, server in enumerate(servers, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("count", [2, 4])
def test_work_is_shared_and_that_of_a_killed_server_goes_on(
    make_shared: MakeServer, inbox: Inbox, count: int
) -> None:
    servers = [make_shared(name).start() for name in "abcd"[:count]]
    victim, *others = servers
    apply(victim, inbox, wait="24h")
    take_turns(servers)
    eventually(lambda: len(paged(others[0])) == EACH * count, what="every page")
    check_once(others[0], inbox, EACH * count)
    assert set(inbox.received.values()) == {1}

    inbox.gate.clear()
    before = inbox.arrived
    declare(victim, 1000, EACH)
    eventually(lambda: inbox.arrived - before >= EACH, what="pages in flight")
    victim.kill()
    began = time.monotonic()
    inbox.gate.set()
    eventually(lambda: len(paged(others[0])) == EACH * (count + 1), what="the pages of the killed server")
    print(f"\n{count} servers: the killed one's pages went on within {time.monotonic() - began:.1f} s", end="")
    check_once(others[0], inbox, EACH * (count + 1))
    for server in others:
        assert "Traceback" not in server.log


@pytest.fixture
def first_schema(tmp_path: Path) -> Path:
    """The product as it was before its schema first changed."""
    named = ["git", "log", "-1", "--format=%H", "--diff-filter=A", "--", SECOND_SCHEMA]
    found = subprocess.run(named, cwd=ROOT, capture_output=True, text=True, check=False)
    packed = subprocess.run(
        ["git", "archive", f"{found.stdout.strip()}~1", "src"], cwd=ROOT, capture_output=True, check=False
    )
    if not found.stdout.strip() or packed.returncode:
        pytest.skip("the history that holds the old version is not here")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old" / "src"


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_an_old_version_works_beside_the_new_one_that_changed_the_schema(
    make_shared: MakeServer, inbox: Inbox, first_schema: Path
) -> None:
    old = make_shared("old", PYTHONPATH=str(first_schema)).start()
    apply(old, inbox, wait="24h")
    declare(old, 1, EACH)
    eventually(lambda: len(paged(old)) == EACH, what="the pages of the old version alone")
    new = make_shared("new").start()
    assert "Running upgrade" in new.log
    take_turns([old, new])
    eventually(lambda: len(paged(old)) == 3 * EACH, what="the pages of both")
    for server in (old, new):
        check_once(server, inbox, 3 * EACH)
    assert set(inbox.received.values()) == {1}

    # The old one is taken out in the middle of its work; what it has written is delivered by the new one.
    declare(old, 1000, EACH)
    old.kill()
    eventually(lambda: len(paged(new)) == 4 * EACH, what="what the old one had begun")
    check_once(new, inbox, 4 * EACH)
    late = make_shared("late", PYTHONPATH=str(first_schema)).start()
    declare(late, 2000, EACH)
    eventually(lambda: len(paged(new)) == 5 * EACH, what="an old version that starts on the new schema")
    check_once(late, inbox, 5 * EACH)
    for server in (old, new, late):
        assert "Traceback" not in server.log
