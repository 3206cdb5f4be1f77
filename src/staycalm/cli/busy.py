"""A sign of life for what takes longer than a second, on standard error, and only on a terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from staycalm.cli.measure import cut

AFTER_S = 1.0
EVERY_S = 0.1
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ERASE = "\r\x1b[K"


# Two that draw at once would draw over each other.
_terminal = threading.Lock()


@contextmanager
def busy(words: str) -> Iterator[None]:
    """While the block runs longer than a second, its words and seconds are shown; afterwards nothing is left.

    Nothing is shown within another such block, nor while something else draws.
    """
    is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not is_shown or not _terminal.acquire(blocking=False):
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(words, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _terminal.release()


@contextmanager
def drawing() -> Iterator[None]:
    """The block has the terminal for itself: whoever is busy meanwhile says nothing."""
    with _terminal:
        yield


def _draw(words: str, done: threading.Event) -> None:
    started = time.monotonic()
    if done.wait(AFTER_S):
        return
    turn = 0
    while not done.wait(EVERY_S):
        turn += 1
        took_s = time.monotonic() - started
        said = cut(f"{FRAMES[turn % len(FRAMES)]} {words} … {took_s:.0f} s", _columns() - 1)
        sys.stderr.write(f"{ERASE}{said}")
        sys.stderr.flush()
    sys.stderr.write(ERASE)
    sys.stderr.flush()


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns)
    except OSError:
        return 80
