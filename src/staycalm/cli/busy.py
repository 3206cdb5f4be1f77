"""A sign of life for what takes longer than a second, on standard error, and only on a terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AFTER_S = 1.0
EVERY_S = 0.1
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ERASE = "\r\x1b[K"


@contextmanager
def busy(words: str) -> Iterator[None]:
    """While the block runs longer than a second, its words and seconds are shown; afterwards nothing is left."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    done = threading.Event()
    drawing = threading.Thread(target=_draw, args=(words, done), daemon=True)
    drawing.start()
    try:
        yield
    finally:
        done.set()
        drawing.join()


def _draw(words: str, done: threading.Event) -> None:
    started = time.monotonic()
    if done.wait(AFTER_S):
        return
    turn = 0
    while not done.wait(EVERY_S):
        turn += 1
        took_s = time.monotonic() - started
        sys.stderr.write(f"{ERASE}{FRAMES[turn % len(FRAMES)]} {words} … {took_s:.0f} s")
        sys.stderr.flush()
    sys.stderr.write(ERASE)
    sys.stderr.flush()
