"""One server on SQLite: it refuses company, survives kill -9 and a full disk, and stops quickly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes.conftest import WEBHOOKS_HERE
from tests.processes.nursery import Nursling, nursery, servers
from tests.processes.servers import PATIENCE_S, Inbox, Server, apply, eventually

MakeServer = Callable[..., Server]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that several tests ask, and none ends."""
    with servers(tmp_path_factory.mktemp("lasting"), **WEBHOOKS_HERE) as make_lasting:
        yield make_lasting("a").start()


def test_a_second_server_on_the_same_directory_is_refused_in_words(lasting: Server) -> None:
    second = Nursling(lasting.directory, **lasting.environment)
    second.launch()
    assert second.process is not None
    assert second.process.wait(timeout=PATIENCE_S) == 1
    assert "sc up: another StayCalm server already uses" in second.log
    assert "Stop it first, or name another directory with --data." in second.log
    assert "Traceback" not in second.log
    assert lasting.get("/health")["status"] == "ok"


def test_a_taken_port_is_said_in_words(make: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = make("a")
        server.environment["SC_SERVER_PORT"] = str(port)
        server.launch()
        assert server.process is not None
        assert server.process.wait(timeout=PATIENCE_S) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in server.log
    assert "Traceback" not in server.log


def test_what_was_answered_is_there_after_kill_9(make: MakeServer, inbox: Inbox) -> None:
    server = make("a").start()
    apply(server, inbox)
    answered: list[str] = []

    def declare_many(first: int) -> None:
        for n in range(first, first + 200):
            try:
                answer = server.ask("POST", "/api/v1/incidents", json={"title": f"number {n}", "priority": "P3"})
            except (httpx.TransportError, RuntimeError):
                return
            if answer.status_code == 201:
                answered.append(answer.json()["incident"]["id"])

    threads = [threading.Thread(target=declare_many, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answered) >= 40, what="forty answers")
    server.kill()
    for thread in threads:
        thread.join()
    server.start()
    declared = [event["subject"] for event in server.events("incidents.declared")]
    assert set(answered) <= set(declared)
    assert len(declared) == len(set(declared))
    assert server.get(f"/api/v1/incidents/{answered[-1]}")["id"] == answered[-1]


def test_a_page_that_was_due_while_nobody_ran_leaves_at_the_next_start(make: MakeServer, inbox: Inbox) -> None:
    server = make("a").start()
    apply(server, inbox, wait="2s")
    inbox.gate.clear()
    server.post("/api/v1/incidents", {"title": "down", "priority": "P0", "service": "s0"})
    server.kill()
    due = time.monotonic() + 2.0
    eventually(lambda: time.monotonic() > due, what="the second step's time")
    inbox.gate.set()
    server.start()
    eventually(
        lambda: [e["subject"] for e in server.events("oncall.step_reached") if e["body"]["step"] == 2],
        what="the second step",
    )
    eventually(lambda: len(inbox.received) >= 2, what="both pages")


def test_the_end_waits_for_no_open_stream_and_no_hanging_webhook(make: MakeServer, inbox: Inbox) -> None:
    server = make("a").start()
    apply(server, inbox)
    inbox.gate.clear()
    server.post("/api/v1/incidents", {"title": "down", "priority": "P0", "service": "s0"})
    token = (server.directory / "cli-token").read_text().strip()
    with (
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client,
        client.stream("GET", "/live", params={"topic": "overview:all"}, timeout=PATIENCE_S) as stream,
    ):
        assert stream.status_code == 200
        assert next(stream.iter_lines()), "the stream has begun"
        assert server.end(signal.SIGTERM) == 0
    assert not (server.directory / "server.json").exists()
    assert "Traceback" not in server.log


def test_a_backup_of_the_server_is_restored_into_a_new_directory(
    lasting: Server, make: MakeServer, tmp_path: Path
) -> None:
    server = lasting
    server.post("/api/v1/incidents", {"title": "down", "priority": "P3"})
    made = server.post("/api/v1/backups", {})
    server.post("/api/v1/incidents", {"title": "later", "priority": "P3"})

    def refused(directory: Path) -> str:
        code, said = nursery().run("restore", made["file"], "--data", str(directory))
        assert code == 1
        return said

    assert "a StayCalm server already uses" in refused(server.directory)
    done = subprocess.run(
        [sys.executable, "-m", "staycalm.app", "restore", made["file"], "--data", str(tmp_path / "b")],
        capture_output=True, text=True, timeout=180, env={"PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Restored {made['rows']} rows")
    assert "the database is not empty" in refused(tmp_path / "b")
    restored = make("b").start()
    assert [e["body"]["title"] for e in restored.events("incidents.declared")] == ["down"]
    assert restored.get("/health")["drives_edge"] is True


def test_a_full_disk_is_said_and_its_end_needs_no_restart(small_disk: Path, tmp_path: Path) -> None:
    with servers(small_disk) as make:
        server = make("a").start()
        ballast = small_disk / "ballast"
        body = {"title": "x" * 900, "priority": "P3"}

        def is_refused() -> httpx.Response | None:
            answer = server.ask("POST", "/api/v1/incidents", json=body)
            return answer if answer.status_code != 201 else None

        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        refused = eventually(is_refused, what="a refusal")
        assert refused.status_code == 503
        assert "database or disk is full" in refused.json()["detail"]
        before = {event["subject"] for event in server.events("incidents.declared")}
        ballast.unlink()
        eventually(lambda: server.ask("POST", "/api/v1/incidents", json=body).status_code == 201, what="recovery")
        eventually(lambda: server.ask("GET", "/health").status_code == 200, what="health")
        after = {event["subject"] for event in server.events("incidents.declared")}
        assert len(after) > len(before)
        assert before < after
        assert "Traceback" not in server.log
