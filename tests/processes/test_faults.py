"""What is outside fails for a while: mail, receivers, the database. Nothing is lost, and no restart is needed."""

from __future__ import annotations

import contextlib
import http.client
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.ports import free_port
from tests.processes.conftest import WEBHOOKS_HERE
from tests.processes.night import Night
from tests.processes.nursery import servers
from tests.processes.servers import PATIENCE_S, Inbox, Server, eventually
from tests.processes.shop import HOST, catalog, deploy, pack

MakeServer = Callable[..., Server]
PEOPLE = """
organisation: {{name: Acme, escalation_policy: default}}
people:
  alice: {{name: Alice, email: alice@example.com, contact_methods: [{{email: alice@example.com}}]}}
  bob: {{name: Bob, email: bob@example.com, contact_methods: [{{webhook: "{url}bob"}}]}}
  carol: {{name: Carol, email: carol@example.com, contact_methods: [{{webhook: "{other}carol"}}]}}
teams:
  platform: {{members: [alice, bob, carol]}}
escalation_policies:
  default: {{rounds: 1, steps: [{{page: team platform, wait: 24h}}]}}
"""


class Mails:
    """What a mail server took, as aiosmtpd's handler."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.taken.append(envelope)
        return "250 taken"


def failures(server: Server, channel: str) -> list[str]:
    return [e["body"]["reason"] for e in server.events("oncall.notification_failed") if channel in str(e["body"])]


def test_a_mail_server_that_is_down_and_a_receiver_that_hangs_delay_their_own_pages_alone(
    make: MakeServer, inbox: Inbox
) -> None:
    port, mails, other = free_port(), Mails(), Inbox()
    smtp = {"SC_SMTP_HOST": "127.0.0.1", "SC_SMTP_PORT": str(port), "SC_SMTP_SECURITY": "none"}
    server = make("a", **smtp, SC_ONCALL_RETRY_BASE_S="0.2", SC_WEBHOOK_TIMEOUT_S="0.5").start()
    inbox.gate.clear()
    server.post("/api/v1/catalog/apply", {"text": PEOPLE.format(url=inbox.url, other=other.url)})
    server.post("/api/v1/incidents", {"title": "down", "priority": "P0"})
    eventually(lambda: len(other.received) == 1, what="carol's page")
    eventually(lambda: failures(server, "email"), what="a failed mail")
    eventually(lambda: "did not answer" in str(failures(server, "webhook")), what="a receiver given up")
    inbox.gate.set()
    mail = Controller(mails, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE_S)
    mail.start()
    try:
        eventually(lambda: mails.taken, what="alice's page")
        eventually(lambda: len(server.events("oncall.notification_sent")) == 3, what="three accepted pages")
    finally:
        mail.stop()
        other.close()
    assert len(mails.taken) == 1
    # Whose answer was late on a busy machine is told that it may be the second time.
    assert [marks for marks in other.marks.values() if not all(marks[1:])] == []
    (marks,) = inbox.marks.values()
    assert len(marks) >= 1
    assert "Traceback" not in server.log


@contextlib.contextmanager
def visitors(port: int) -> Iterator[None]:
    """Somebody asks the shop without pause."""
    stop = threading.Event()

    def visit() -> None:
        while not stop.wait(0.005):
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/", headers={"Host": HOST})
                connection.getresponse().read()
                connection.close()

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.soak
def test_while_another_program_locks_the_database_a_bad_release_goes_back_and_the_last_resort_is_told(
    make: MakeServer, inbox: Inbox, tmp_path: Path
) -> None:
    port, is_bad = free_port(), tmp_path / "bad"
    last = {"SC_SERVER_LAST_RESORT_CHANNEL": "webhook", "SC_SERVER_LAST_RESORT_ADDRESS": f"{inbox.url}last"}
    server = make("a", **last, SC_DEPLOYMENTS_BASELINE_S="0.5", SC_DEPLOYMENTS_VERIFY_S="0.5").start()
    server.post("/api/v1/catalog/apply", {"text": catalog(inbox, port)})
    night = Night(server, server.url, port, tmp_path, 1)
    deploy(server, *pack(tmp_path, "v1"), [])
    eventually(lambda: server.events("deployments.completed"), what="the first release")
    with visitors(port):
        name = deploy(server, *pack(tmp_path, "v2", bad_when=str(is_bad)), [{"weight": 50, "duration_s": 600}])
        eventually(lambda: (r := night.route()) and r.weight == 50, what="half of the traffic")
        locked = sqlite3.connect(server.directory / "staycalm.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        is_bad.touch()
        eventually(lambda: (r := night.route()) and r.is_rollback and r.weight == 0, what="the rollback")
        refused = server.ask("POST", "/api/v1/incidents", json={"title": "down", "priority": "P3"})
        assert refused.status_code == 503
        assert "database is locked" in refused.json()["detail"]
        eventually(lambda: any(key.startswith("last-resort") for key in inbox.received), what="the last resort")
        assert server.events("deployments.rolled_back") == []
        locked.rollback()
        locked.close()
        eventually(lambda: server.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back", what="the record")
    eventually(lambda: server.ask("GET", "/health").status_code == 200, what="health")
    eventually(lambda: server.events("incidents.declared"), what="the incident of the rollback")
    assert len(server.events("incidents.declared")) == 1
    assert len([key for key in inbox.received if key.startswith("last-resort")]) == 1
    assert "Traceback" not in server.log


@pytest.mark.soak
def test_a_disk_that_is_full_for_a_minute_stops_no_rollback_and_the_last_resort_is_told(
    small_disk: Path, inbox: Inbox, tmp_path: Path
) -> None:
    port, is_bad, ballast = free_port(), tmp_path / "bad", small_disk / "ballast"
    settings = {
        "SC_SERVER_LAST_RESORT_CHANNEL": "webhook", "SC_SERVER_LAST_RESORT_ADDRESS": f"{inbox.url}last",
        "SC_DEPLOYMENTS_BASELINE_S": "0.5", "SC_DEPLOYMENTS_VERIFY_S": "0.5", **WEBHOOKS_HERE,
    }  # fmt: skip
    with servers(small_disk, **settings) as make:
        server = make("a").start()
        server.post("/api/v1/catalog/apply", {"text": catalog(inbox, port)})
        night = Night(server, server.url, port, tmp_path, 1)
        deploy(server, *pack(tmp_path, "v1"), [])
        eventually(lambda: server.events("deployments.completed"), what="the first release")

        def is_refused() -> bool:
            """Whatever room is left, or was set free by others, is taken first."""
            with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                while True:
                    file.write(b"\0" * 4096)
            body = {"title": "x" * 900, "priority": "P3"}
            return server.ask("POST", "/api/v1/incidents", json=body).status_code == 503

        with visitors(port):
            name = deploy(server, *pack(tmp_path, "v2", bad_when=str(is_bad)), [{"weight": 50, "duration_s": 600}])
            eventually(lambda: (r := night.route()) and r.weight == 50, what="half of the traffic")
            eventually(is_refused, what="a full disk")
            end = time.monotonic() + 60.0
            is_bad.touch()
            eventually(lambda: (r := night.route()) and r.is_rollback and r.weight == 0, what="the rollback")
            eventually(lambda: is_refused() and any(k.startswith("last-resort") for k in inbox.received))
            eventually(lambda: is_refused() and time.monotonic() > end, within_s=120.0, what="a minute")
            assert (r := night.route()) and (r.is_rollback, r.weight) == (True, 0.0)
            ballast.unlink()
            eventually(
                lambda: server.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back", what="the record"
            )
        eventually(lambda: server.ask("GET", "/health").status_code == 200, what="health")
        assert len([key for key in inbox.received if key.startswith("last-resort")]) == 1
        assert "Traceback" not in server.log


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`control("restart")` is pg_ctl on a PostgreSQL of the test's own; `url.txt` has its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found or os.geteuid() != 0:
        pytest.skip("needs PostgreSQL's programs, and root to start one")
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o755)
    subprocess.run(["install", "-d", "-o", "postgres", str(folder / "data")], check=True)
    options = f"-k {folder}/data -h '' -c fsync=off"

    def run(program: str, *arguments: str) -> None:
        command = [str(found[-1].with_name(program)), "-D", f"{folder}/data", *arguments]
        subprocess.run(command, user="postgres", cwd="/", check=True, timeout=60, stdout=subprocess.DEVNULL)

    def control(*arguments: str) -> None:
        run("pg_ctl", "-w", "-l", f"{folder}/data/log", "-o", options, *arguments)

    run("initdb", "-U", "staycalm", "-A", "trust", "--no-sync")
    control("start")
    (tmp_path / "url.txt").write_text(f"postgresql://staycalm@/postgres?host={folder}/data")
    try:
        yield control
    finally:
        control("-m", "immediate", "stop")
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.soak
@pytest.mark.parametrize("manner", ["fast", "immediate"])
def test_a_restarted_postgresql_is_said_and_needs_no_restart_of_ours(
    own_postgres: Callable[..., None], tmp_path: Path, inbox: Inbox, manner: str
) -> None:
    """`immediate` is a crash of PostgreSQL: it recovers from its log."""
    settings = {"SC_DATABASE_URL": (tmp_path / "url.txt").read_text(), "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}
    with servers(tmp_path, **settings) as make:
        server = make("a").start()
        server.post("/api/v1/catalog/apply", {"text": PEOPLE.format(url=inbox.url, other=inbox.url)})
        answered: list[str] = []
        stop = threading.Event()

        def declare() -> None:
            while not stop.wait(0.02):
                answer = server.ask("POST", "/api/v1/incidents", json={"title": "down", "priority": "P0"})
                assert answer.status_code in (201, 503), answer.text
                if answer.status_code == 201:
                    answered.append(answer.json()["incident"]["id"])

        thread = threading.Thread(target=declare)
        thread.start()
        eventually(lambda: len(answered) >= 10, what="ten answers")
        own_postgres("-m", manner, "restart")
        before = len(answered)
        eventually(lambda: len(answered) >= before + 10, what="ten answers afterwards")
        stop.set()
        thread.join()
        declared = [e["subject"] for e in server.events("incidents.declared")]
        assert set(answered) <= set(declared)
        assert len(declared) == len(set(declared))
        # Bob and carol have a webhook, alice's mail has no server: everybody reachable is paged, once each.
        eventually(lambda: len(server.events("oncall.notification_sent")) == 2 * len(declared), what="every page")
        assert [key for key, marks in inbox.marks.items() if not all(marks[1:])] == []
        assert "Traceback" not in server.log
        server.end()
