"""`sc ops status --watch`: it gives the terminal back however it ends, follows its size, and heals."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from staycalm.cli import exits
from tests.cli.shop import Shop
from tests.cli.terminal import Terminal
from tests.ports import free_port

WATCH = ("ops", "status", "--watch", "--every=0.5")
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?7h\x1b[?25h\x1b[?1049l"
DRAWN = "UTC   q ends"
CALM = (exits.OK, exits.UNHEALTHY)


def test_q_ends_it_and_the_former_screen_is_back(shop: Shop) -> None:
    shown = Terminal(*WATCH, env=shop.server.environment())
    shown.wait_for(DRAWN)
    assert not shown.echoes
    shown.press(b"q")
    assert shown.end() in CALM
    assert shown.screen.startswith(ENTERED)
    assert shown.screen.endswith(LEFT)
    assert shown.was_left_as_found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, CALM), (signal.SIGTERM, (143,))])
def test_a_signal_ends_it_and_the_former_screen_is_back(
    shop: Shop, number: signal.Signals, code: tuple[int, ...]
) -> None:
    shown = Terminal(*WATCH, env=shop.server.environment())
    shown.wait_for(DRAWN)
    shown.send(number)
    assert shown.end() in code
    assert shown.screen.endswith(LEFT)
    assert shown.was_left_as_found


def test_it_follows_the_size_of_the_terminal(shop: Shop) -> None:
    shown = Terminal(*WATCH, env=shop.server.environment(), columns=100, lines=40)
    shown.wait_for(DRAWN)
    shown.resize(60, 12)

    def fits() -> bool:  # what was on its way in the old size may still come first
        *frames, _ = shown.text.split(DRAWN)
        frame = frames[-1].rpartition("StayCalm")[2].splitlines() if frames else []
        return 0 < len(frame) <= 12 and max(map(len, frame)) <= 60

    shown.wait_until(fits, "a frame of 60 columns and 12 lines")
    shown.press(b"q")
    assert shown.end() in CALM


class Line:
    """A connection to the server that can be cut and mended."""

    def __init__(self, url: str) -> None:
        self._far = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self._through: list[socket.socket] = []
        self.port = free_port()
        self.mend()

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for end in self._through:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(self._far)
                self._through += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while read := source.recv(65536):
            sink.sendall(read)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_a_lost_connection_is_said_and_heals(shop: Shop) -> None:
    line = Line(shop.server.url)
    env = shop.server.environment(SC_SERVER=f"http://127.0.0.1:{line.port}", SC_TOKEN=shop.server.token)
    shown = Terminal(*WATCH, env=env, columns=160)
    try:
        shown.wait_for(DRAWN)
        line.cut()
        shown.screen = ""
        shown.wait_for("Connection lost, trying again. Figures of ")
        shown.wait_for(DRAWN)
        line.mend()
        shown.wait_for(f"{DRAWN}StayCalm")
        shown.press(b"q")
        assert shown.end() in CALM
    finally:
        line.cut()


def test_a_refusal_is_said_on_the_former_screen(shop: Shop) -> None:
    shown = Terminal(*WATCH, env=shop.server.environment(SC_TOKEN="sc_pat_nobody"))
    assert shown.end() == exits.NOT_ALLOWED
    assert "sc: " in shown.screen.rpartition(LEFT)[2]
