"""`sc` on a terminal of its own, of a given size."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 90.0
SHORTLY_S = 0.05
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# An answer that takes over a second is waited for in words, which are gone from the screen afterwards.
TAKEN_BACK = re.compile(r"[^\n]*\r\x1b\[K")


class Terminal:
    """One run of `sc` on a pseudo terminal; `screen` is everything it wrote."""

    def __init__(self, *arguments: str, env: dict[str, str], columns: int = 100, lines: int = 40) -> None:
        self._main, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "staycalm.cli", *arguments],
            stdin=far, stdout=far, stderr=far, env={"TERM": "xterm-256color", **env}, start_new_session=True,
            cwd=Path(env["HOME"]),
        )  # fmt: skip
        self._far = far
        self.screen = ""
        self.was_left_as_found = False

    @property
    def text(self) -> str:
        """What was written, without colours and movements, and without lines that were taken back."""
        return ESCAPES.sub("", TAKEN_BACK.sub("", self.screen)).replace("\r", "")

    def wait_for(self, words: str) -> None:
        """Return when the words were written."""
        self.wait_until(lambda: words in self.text, repr(words))

    def wait_until(self, claim: Callable[[], bool], what: str) -> None:
        """Return when the claim holds for what was written."""
        deadline = time.monotonic() + PATIENCE_S
        while not claim():
            assert self._read(deadline), f"never said {what}:\n{self.text[-3000:]}"

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.send(signal.SIGINT)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def press(self, key: bytes) -> None:
        """Type the key."""
        os.write(self._main, key)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, and forget what was on it."""
        self.screen = ""
        fcntl.ioctl(self._far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.send(signal.SIGWINCH)

    @property
    def echoes(self) -> bool:
        """Return whether the terminal shows what is typed and waits for whole lines, as a shell left it."""
        local = termios.tcgetattr(self._far)[3]
        return bool(local & termios.ECHO) and bool(local & termios.ICANON)

    def end(self) -> int:
        """Return the exit code, once it has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.text[-3000:]}"
            self._read(time.monotonic() + SHORTLY_S, must=False)
        while self._read(time.monotonic(), must=False):
            pass
        self.was_left_as_found = self.echoes
        os.close(self._far)
        os.close(self._main)
        return self._process.returncode

    def _read(self, deadline: float, *, must: bool = True) -> bool:
        ready, _, _ = select.select([self._main], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            if not must:
                return False
            self._process.kill()
            raise AssertionError(f"nothing more within {PATIENCE_S:.0f} s:\n{self.text[-3000:]}")
        try:
            read = os.read(self._main, 65536)
        except OSError:
            return False
        self.screen += read.decode(errors="replace")
        return bool(read)
