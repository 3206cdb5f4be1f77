"""`sc ops status --watch` on a terminal: one screen that redraws itself, and leaves the terminal as it was.

A thread asks the server; the main thread draws, listens to keys, and follows the terminal's size. Whatever
ends it (q, Ctrl-C, SIGTERM, a hang-up, an error), the former screen and the cursor are back. Ctrl-Z gives the
screen back until `fg`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.busy import drawing
from staycalm.cli.look import Picture, verdict
from staycalm.cli.measure import cut, harmless
from staycalm.cli.screen import draw, stale
from staycalm.client.api import ApiError, Unreachable

# Alternate screen, cursor hidden, no wrapping; and all of it undone (ECMA-48, xterm control sequences).
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
# A frame between these two is shown at once where the terminal knows how (mode 2026); others ignore it.
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
QUIT = frozenset(b"qQ\x03\x04")
SERVER_TROUBLE = 500


class _Asking(threading.Thread):
    """Asks over and over. `now` is the last answer, `at` when it came, `trouble` why there is none newer."""

    def __init__(self, ask: Callable[[], Picture], every_s: float, wake: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._ask, self._every_s, self._wake = ask, every_s, wake
        self._done = threading.Event()
        self.now: Picture | None = None
        self.at = ""
        self.trouble = ""
        self.refusal: Exception | None = None

    def run(self) -> None:
        while not self._done.is_set() and self.refusal is None:
            try:
                self.now, self.trouble = self._ask(), ""
                self.at = f"{datetime.now(UTC):%H:%M:%S}"
            except Unreachable as error:
                self.trouble = str(error)
            except ApiError as error:
                self._refused(error)
            except Exception as error:  # noqa: BLE001  the main thread raises it: no thread dies in silence
                self.refusal = error
            self._wake()
            self._done.wait(self._every_s)

    def _refused(self, error: ApiError) -> None:
        if error.status >= SERVER_TROUBLE:
            self.trouble = error.detail
        else:
            self.refusal = error

    def stop(self) -> None:
        self._done.set()


def watch_until_quit(ask: Callable[[], Picture], every_s: float) -> int:
    """Returns the exit code of the last picture. Raises what the server refused, once the screen is back."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)

    def ring(*_: Any) -> None:
        with suppress(OSError):
            os.write(wake, b".")

    asking = _Asking(ask, every_s, ring)
    try:
        with drawing(), _taken_over(ring):
            asking.start()
            _loop(asking, woken, every_s)
    except KeyboardInterrupt:
        pass
    finally:
        asking.stop()
    if asking.refusal is not None:
        raise asking.refusal
    return exits.UNREACHABLE if asking.now is None or asking.trouble else verdict(asking.now)


def _loop(asking: _Asking, woken: int, every_s: float) -> None:
    keys = [sys.stdin.fileno()] if sys.stdin.isatty() else []
    while asking.refusal is None:
        _show(asking)
        ready, _, _ = select.select([woken, *keys], [], [], every_s)
        if woken in ready:
            os.read(woken, 4096)
        if keys and keys[0] in ready:
            pressed = os.read(keys[0], 64)
            if not pressed or QUIT & set(pressed):
                return


def _show(asking: _Asking) -> None:
    wide, high = output.size()
    lines = _frame(asking, wide, high)[:high]
    frame = "\n".join(line + CLEAR_LINE for line in lines)
    click.echo(f"{BEGIN}{HOME}{frame}{CLEAR_REST}{END}", nl=False)


def _frame(asking: _Asking, wide: int, high: int) -> list[str]:
    if asking.now is None:
        words = f"Connection lost, trying again: {asking.trouble}" if asking.trouble else "Asking the server …"
        return [cut(harmless(words), wide), output.paint(cut("q ends", wide), dim=True)]
    foot = output.paint(cut(f"{asking.at} UTC   q ends", wide), dim=True)
    lines = draw(asking.now, wide, high - 2)
    if asking.trouble:
        said = cut(harmless(f"Connection lost, trying again. Figures of {asking.at} UTC. {asking.trouble}"), wide)
        lines = [stale(said, wide), *lines]
    lines = lines[: high - 1]
    return [*lines, *[""] * (high - 1 - len(lines)), foot]


@contextmanager
def _taken_over(resized: Callable[..., None]) -> Iterator[None]:
    """The terminal is ours inside: keys come one by one, nothing is echoed; before and after it is as it was."""
    import termios
    import tty

    keyboard = sys.stdin.fileno() if sys.stdin.isatty() else None
    before = termios.tcgetattr(keyboard) if keyboard is not None else None

    def enter() -> None:
        if keyboard is not None:
            tty.setcbreak(keyboard)
        click.echo(ENTER, nl=False)

    def leave() -> None:
        click.echo(LEAVE, nl=False)
        if keyboard is not None and before is not None:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    def suspend(_number: int, _frame: FrameType | None) -> None:
        leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        enter()
        resized()

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers = {signal.SIGWINCH: resized, signal.SIGTSTP: suspend, signal.SIGTERM: end, signal.SIGHUP: end}
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        enter()
        yield
    finally:
        # A terminal that is gone (hang-up) cannot be given back.
        with suppress(OSError):
            leave()
        for number, handler in former.items():
            signal.signal(number, handler)
