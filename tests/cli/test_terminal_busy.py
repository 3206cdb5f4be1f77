"""What takes over a second says what it waits for, on a terminal that can forget it again, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.server import clean_environment
from tests.cli.terminal import PATIENCE_S, Terminal

ANSWER = b'{"items": [], "next_cursor": null}'
ERASE = "\r\x1b[K"


@dataclass
class Slow:
    """A server that answers nobody before `answers` is set. `asked` counts up with every question."""

    url: str
    answers: threading.Event = field(default_factory=threading.Event)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@pytest.fixture
def slow() -> Iterator[Slow]:
    found: list[Slow] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found[0].asked.release()
            found[0].answers.wait(PATIENCE_S)
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            return

    peer = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.append(Slow(f"http://127.0.0.1:{peer.server_port}"))
    thread = threading.Thread(target=peer.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found[0]
    found[0].answers.set()
    peer.shutdown()
    thread.join()
    peer.server_close()


def test_a_slow_answer_is_waited_for_in_words_that_vanish(slow: Slow, tmp_path: Path) -> None:
    env = clean_environment(tmp_path, SC_SERVER=slow.url, SC_TOKEN="x")
    dumb = Terminal("ops", "alerts", env={**env, "TERM": "dumb"})
    assert slow.asked.acquire(timeout=PATIENCE_S)
    shown = Terminal("ops", "alerts", env={**env, "NO_COLOR": "1"}, columns=40)
    # The first has waited longer than the second, so it had its second to say something.
    shown.wait_for(f"Waiting for {slow.url.removeprefix('http://')}")
    slow.answers.set()
    assert (shown.end(), dumb.end()) == (0, 0)
    drawn, _, left = shown.screen.rpartition(ERASE)
    assert left.replace("\r", "") == "No open alerts. Stay calm.\n"
    assert all(len(each) < 40 for each in drawn.split(ERASE)), "it never takes two lines"
    assert "\x1b[3" not in shown.screen
    assert dumb.screen.replace("\r", "") == "No open alerts. Stay calm.\n"
