"""The machine's clock is set by an hour under a real server, in the middle of a rollout and of an escalation.

Only `kit.clock` reads the wall clock. The server here reads it with an offset that a file says; the clock since
boot, which no setting of the wall clock moves, is the machine's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.conftest import WEBHOOKS_HERE
from tests.processes.night import STEPS, Night
from tests.processes.nursery import nursery
from tests.processes.servers import Inbox, Server, eventually
from tests.processes.shop import QUICKLY, catalog, deploy, pack, take_down
from tests.processes.test_faults import visitors
from tests.processes.test_kills import doubled

PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from staycalm.app.command import main
from staycalm.kit.clock import SystemClock
file = sys.argv.pop()
def wall():
    with open(file) as told:
        return datetime.now(UTC) + timedelta(seconds=float(told.read()))
SystemClock.__init__.__kwdefaults__["wall"] = wall
main()
"""
HOUR_S = 3600.0


class Dated(Server):
    """A server on a machine whose wall clock can be set."""

    @property
    def _file(self) -> Path:
        return self.directory.parent / "seconds-ahead"

    def set_clock(self, ahead_s: float) -> None:
        """The wall clock is so far ahead of the true one, from one instant to the next."""
        written = self._file.with_suffix(".new")
        written.write_text(str(ahead_s))
        written.replace(self._file)

    def launch(self) -> Server:
        self.set_clock(0.0)
        self.process = nursery().bear(  # type: ignore[assignment]
            self.directory.parent / f"{self.directory.name}.log",
            self.whole_environment(),
            *("up", "--data", str(self.directory), str(self._file)),
            program=PROGRAM,
        )
        return self


@pytest.fixture
def dated(tmp_path: Path) -> Iterator[Dated]:
    """A server on such a machine, of which nothing runs afterwards."""
    server = Dated(tmp_path / "a", **{**QUICKLY, **WEBHOOKS_HERE})
    try:
        server.start()
        yield server
    finally:
        take_down(server)


@pytest.mark.soak
@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_clock_set_by_an_hour_under_a_real_server_changes_no_rollout_and_no_page(
    dated: Dated, inbox: Inbox, tmp_path: Path, step_s: float
) -> None:
    port = free_port()
    quick = catalog(inbox, port).replace("person alice, wait: 24h", "person alice, wait: 5s")
    dated.post("/api/v1/catalog/apply", {"text": quick})
    night = Night(dated, dated.url, port, tmp_path, 1)
    deploy(dated, *pack(tmp_path, "v1"), [])
    eventually(lambda: dated.events("deployments.completed"), what="the first release")
    with visitors(port):
        name = deploy(dated, *pack(tmp_path, "v2"), STEPS)
        incident = dated.post("/api/v1/incidents", {"title": "down", "priority": "P0"})["incident"]["id"]
        eventually(lambda: len(inbox.received) == 1, what="alice's page")
        eventually(lambda: (r := night.route()) and r.weight == STEPS[0]["weight"], what="the first step")
        dated.set_clock(step_s)
        eventually(lambda: dated.events("engine.clock_stepped"), what="the step of the clock")
        eventually(
            lambda: not dated.get(f"/api/v1/deployments/{name}")["is_running"], what="the end of the rollout"
        )
        eventually(lambda: len(dated.events("oncall.notification_sent")) >= 2, what="bob's page")

    ended = dated.get(f"/api/v1/deployments/{name}")
    assert ended["state"] == "completed", ended["end_reason"]
    shifts = [e["body"]["weight"] for e in dated.events("deployments.weight_shifted") if e["subject"] == name]
    assert shifts == [*(step["weight"] for step in STEPS), 100.0]
    reached = [e["body"]["step"] for e in dated.events("oncall.step_reached") if e["subject"] == incident]
    assert reached == [1, 2]
    assert sorted(body["data"]["person"] for body in inbox.bodies.values()) == ["alice", "bob"]
    assert set(inbox.received.values()) == {1}
    (told,) = dated.events("engine.clock_stepped")
    assert told["body"]["step_s"] == pytest.approx(step_s, abs=5.0)
    assert doubled(dated) == []
    assert dated.events("engine.delivery_died") == []
    assert dated.get("/health")["status"] == "ok"
    assert "Traceback" not in dated.log
