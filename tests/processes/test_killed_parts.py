"""Parts of a running product are killed one by one: the proxy, what serves, its supervisor, the candidate."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.night import Night
from tests.processes.nursery import servers
from tests.processes.servers import Inbox, Server, eventually
from tests.processes.shop import HOST, QUICKLY, catalog, deploy, pack
from tests.processes.test_faults import visitors

HELD = [{"weight": 50.0, "duration_s": 600.0}]
pytestmark = pytest.mark.soak


def ask(port: int) -> str | None:
    """Return which version answered, None for none."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/", headers={"Host": HOST})
        answer = connection.getresponse()
        version = answer.read().decode()
        connection.close()
        return version if answer.status == 200 else None
    return None


class Running:
    """A server whose release v1 is live. `supervised` is the state file of an instance."""

    def __init__(self, server: Server, port: int, folder: Path) -> None:
        self.server, self.port, self.folder = server, port, folder
        self.night = Night(server, server.url, port, folder, 1)

    def supervised(self, revision: int) -> dict[str, int]:
        place = self.server.directory / "processes" / f"shop-production-{revision}" / "instances"
        (file,) = place.glob("*/state.json")
        found: dict[str, int] = json.loads(file.read_text())
        return found

    def envoy(self) -> int:
        return int(json.loads((self.server.directory / "envoy" / "envoy.pid").read_text())["pid"])

    def back_within(self, killed: str) -> None:
        """The first release is answered with, ten times in a row; prints how long that took."""
        began = time.monotonic()
        eventually(lambda: all(ask(self.port) == "v1" for _ in range(10)), what=f"v1 after the {killed}")
        print(f"\n{killed} killed: served again after {time.monotonic() - began:.2f} s", end="")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port, inbox = tmp_path_factory.mktemp("parts"), free_port(), Inbox()
    settings = {**QUICKLY, "SC_DEPLOYMENTS_STEADY_S": "1", "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}
    with servers(folder, **settings) as make:
        server = make("a").start()
        try:
            server.post("/api/v1/catalog/apply", {"text": catalog(inbox, port)})
            deploy(server, *pack(folder, "v1"), [])
            eventually(lambda: server.events("deployments.completed"), what="the first release")
            yield Running(server, port, folder)
        finally:
            server.end()
            subprocess.run(
                [sys.executable, "-m", "staycalm.app", "down", "--data", str(server.directory)],
                env={"PATH": os.environ["PATH"]}, check=True, timeout=60,
            )  # fmt: skip
            inbox.close()


def kill_envoy(running: Running) -> None:
    os.kill(running.envoy(), signal.SIGKILL)


def kill_stable(running: Running) -> None:
    os.kill(running.supervised(1)["pid"], signal.SIGKILL)


def kill_supervisor(running: Running) -> None:
    os.kill(running.supervised(1)["shim_pid"], signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_envoy, kill_stable, kill_supervisor])
def test_what_was_killed_comes_back_by_itself(running: Running, kill: Callable[[Running], None]) -> None:
    kill(running)
    running.back_within(kill.__name__.removeprefix("kill_"))
    eventually(lambda: running.server.ask("GET", "/health").status_code == 200, what="health")


def test_a_killed_proxy_comes_back_in_the_middle_of_a_rollout_with_its_weights(running: Running) -> None:
    """And the rollout goes back when somebody says so, as if nothing had been."""
    with visitors(running.port):
        name = deploy(running.server, *pack(running.folder, "v2"), HELD)
        eventually(lambda: (r := running.night.route()) and r.weight == 50, what="half of the traffic")
        before = running.night.route()
        kill_envoy(running)
        eventually(lambda: {ask(running.port) for _ in range(20)} == {"v1", "v2"}, what="both versions")
        assert running.night.route() == before
        eventually(lambda: "the proxy ended" in running.server.log, what="a line in the log")
        found = running.server.get(f"/api/v1/deployments/{name}")
        assert (found["state"], found["weight"]) == ("shifting", 50.0)
        running.server.post(f"/api/v1/deployments/{name}/rollback", {"reason": "the test"})
        eventually(lambda: running.server.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back")
        assert {ask(running.port) for _ in range(20)} == {"v1"}


def test_a_killed_candidate_is_rolled_back_and_fails_nobody(running: Running) -> None:
    name = deploy(running.server, *pack(running.folder, "v3"), HELD)
    answers: list[str | None] = []
    eventually(lambda: answers.append(ask(running.port)) or "v3" in answers, what="a visit of the candidate")  # type: ignore[func-returns-value]
    revision = running.server.get(f"/api/v1/deployments/{name}")["candidate_revision"]
    state = running.supervised(int(revision.rpartition("-")[2]))
    # Its supervisor first: it would start the candidate again.
    os.kill(state["shim_pid"], signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(state["pid"], signal.SIGKILL)

    def is_back() -> bool:
        answers.append(ask(running.port))
        return bool(running.server.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back")

    eventually(is_back, what="the rollback")
    answers += [ask(running.port) for _ in range(20)]
    assert None not in answers
    assert set(answers[-20:]) == {"v1"}


def test_stable_whose_supervisor_is_killed_in_the_middle_of_a_rollout_serves_again(running: Running) -> None:
    with visitors(running.port):
        name = deploy(running.server, *pack(running.folder, "v4"), HELD)
        eventually(lambda: (r := running.night.route()) and r.weight == 50, what="half of the traffic")
        kill_supervisor(running)
        eventually(lambda: {ask(running.port) for _ in range(20)} == {"v1", "v4"}, what="both versions")
        assert running.server.get(f"/api/v1/deployments/{name}")["state"] == "shifting"
        running.server.post(f"/api/v1/deployments/{name}/rollback", {"reason": "the test"})
        eventually(lambda: running.server.get(f"/api/v1/deployments/{name}")["state"] == "rolled-back")
    assert {ask(running.port) for _ in range(20)} == {"v1"}
