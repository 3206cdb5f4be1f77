"""`sc watch`: pages by itself when the server it watches goes silent, and says when it is back."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.cli import exits
from staycalm.watch.decisions import Watched, after_check, after_telling, what_to_tell
from tests.cli.server import Said, clean_environment, run_sc
from tests.ports import free_port

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WELL = (200, {"status": "ok", "version": "1", "problems": []})
FAILING = (503, {"status": "failing", "version": "1", "problems": ["the database does not answer"]})
PATIENCE_S = 60.0


def tells(checks: str, *, every_s: float = 10.0, repeat_s: float = 900.0, is_reached: bool = True) -> list[str]:
    """Return what is told at each check: `x` a failed one, `.` a good one."""
    known, found = Watched(), []
    for number, seen in enumerate(checks):
        now = START + timedelta(seconds=every_s * number)
        known = after_check(known, "silent" if seen == "x" else None, now)
        due = what_to_tell(known, now, checks=3, repeat_s=repeat_s)
        found.append({"page": "P", "all-clear": "C", None: "-"}[due])
        if due is not None and is_reached:
            known = after_telling(known, due, now)
    return found


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ("....", "----"),
        ("xx.xx.xx.", "---------"),
        ("xxx", "--P"),
        ("xxxxxx", "--P---"),
        ("xxx.", "--PC"),
        ("xxx..", "--PC-"),
        ("xxx.xxx.", "--PC--PC"),
    ],
)
def test_it_pages_after_three_failures_in_a_row_and_clears_once(checks: str, told: str) -> None:
    assert "".join(tells(checks)) == told


def test_it_pages_again_every_quarter_of_an_hour() -> None:
    assert "".join(tells("x" * 9, every_s=300.0)) == "--P--P--P"


def test_what_reached_nobody_is_tried_at_every_check() -> None:
    assert "".join(tells("xxxxx.", is_reached=False)) == "--PPP-"


@given(st.text("x.", max_size=60))
def test_every_all_clear_follows_a_page_and_no_page_is_left_open(checks: str) -> None:
    told = "".join(tells(checks + ".")).replace("-", "")
    assert "CC" not in told
    assert not told.startswith("C")
    assert told == "" or told.endswith("C")


@dataclass
class Peer:
    """Plays the watched server on `/health` and the receiver of webhooks on `/hook`."""

    url: str
    answers: dict[str, Any]
    taken: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)

    def next(self) -> dict[str, Any]:
        return self.taken.get(timeout=PATIENCE_S)


@contextlib.contextmanager
def a_peer() -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = mine.answers["/health"]
            content = json.dumps(body).encode() if isinstance(body, dict) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = mine.answers["/hook"]
            if status < 300:
                mine.taken.put(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mine = Peer(f"http://127.0.0.1:{server.server_address[1]}", {"/health": WELL, "/hook": 204})
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield mine
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    with a_peer() as found:
        yield found


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return clean_environment(
        tmp_path, XDG_STATE_HOME=str(tmp_path / "state"), SC_WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8", **more
    )


def once(tmp_path: Path, peer: Peer, *more: str) -> Said:
    return run_sc("watch", peer.url, "--webhook", f"{peer.url}/hook", "--once", *more, env=environment(tmp_path))


def test_it_watches_pages_and_gives_the_all_clear(tmp_path: Path, peer: Peer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "staycalm.cli", "watch", peer.url, "--webhook", f"{peer.url}/hook",
         "--every", "200ms", "--checks", "3"],
        env=environment(tmp_path), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "Watching" in process.stdout.readline()
        peer.answers["/health"] = FAILING
        page = peer.next()
        assert "silent" in page["subject"]
        assert "the database does not answer" in page["text"]
        peer.answers["/health"] = WELL
        assert "is back" in peer.next()["subject"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_by_cron_it_remembers_between_two_runs(tmp_path: Path, peer: Peer) -> None:
    assert once(tmp_path, peer).code == exits.OK
    peer.answers["/health"] = (200, b"<html>It works!</html>")
    codes = [once(tmp_path, peer, "--checks=2").code for _ in range(2)]
    assert codes == [exits.UNHEALTHY, exits.UNHEALTHY]
    assert "is not StayCalm" in peer.next()["text"]
    peer.answers["/health"] = WELL
    assert once(tmp_path, peer, "--checks=2").code == exits.OK
    assert "is back" in peer.next()["subject"]


def test_nobody_reached_is_an_exit_code_of_its_own(tmp_path: Path, peer: Peer) -> None:
    peer.answers |= {"/health": FAILING, "/hook": 500}
    assert once(tmp_path, peer, "--checks=1").code == exits.NOBODY_PAGED
    peer.answers["/hook"] = 204
    assert once(tmp_path, peer, "--checks=1").code == exits.UNHEALTHY


def test_a_server_that_is_gone_is_silent(tmp_path: Path, peer: Peer) -> None:
    said = run_sc(
        "watch", f"http://127.0.0.1:{free_port()}", "--webhook", f"{peer.url}/hook", "--once", "--checks=1",
        env=environment(tmp_path),
    )  # fmt: skip
    assert said.code == exits.UNHEALTHY
    assert "cannot be reached" in said.out
    assert peer.next()["priority"] == "P0"


def test_contacts_can_be_tried(tmp_path: Path, peer: Peer) -> None:
    said = run_sc("watch", peer.url, "--webhook", f"{peer.url}/hook", "--test", env=environment(tmp_path))
    assert (said.code, said.out) == (exits.OK, "1 of 1 contact took the test message\n")
    assert peer.next()["subject"].startswith("Test")


def test_its_own_file_names_everything(tmp_path: Path, peer: Peer) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(
        f'[watch]\nserver = "{peer.url}"\nwebhook = "{peer.url}/hook"\nchecks = 1\n'
        '[webhook]\nsecret = "${env:HOOK_KEY}"\nallow_networks = ["127.0.0.0/8"]\n',
        encoding="utf-8",
    )
    said = run_sc("watch", "--settings", str(file), "--once", env=environment(tmp_path, HOOK_KEY="k" * 32))
    assert said.code == exits.OK, said
    unset = run_sc("watch", "--settings", str(file), "--once", env=environment(tmp_path))
    assert unset.code == exits.USAGE
    assert "HOOK_KEY" in unset.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Which server?"),
        (("http://127.0.0.1:9",), "nobody to page"),
        (("http://127.0.0.1:9", "--email", "ada@example.org"), "smtp.host"),
        (("http://127.0.0.1:9", "--ntfy", "topic"), "ntfy.server"),
        (("127.0.0.1:9", "--webhook", "https://example.org"), "not an address"),
        (("http://127.0.0.1:9", "--webhook", "nonsense"), "complete URL"),
        (("http://127.0.0.1:9", "--webhook", "https://example.org", "--checks", "many"), "not a number"),
    ],
)
def test_what_it_cannot_watch_or_page_is_said_at_once(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    said = run_sc("watch", *arguments, "--once", env=environment(tmp_path, SC_DATA=str(tmp_path / "none")))
    assert said.code == exits.USAGE
    assert words in said.err
