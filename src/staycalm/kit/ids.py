"""The only place that rolls dice: UUIDv7 (RFC 9562 section 5.7), secret tokens, jitter."""

from __future__ import annotations

import base64
import os
import random
import threading
from collections.abc import Callable

from staycalm.kit.clock import Clock


class Ids:
    """Source of ids and randomness; `seeded` makes every draw repeatable for simulation."""

    def __init__(self, clock: Clock, draw_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._draw_bytes = draw_bytes
        self._lock = threading.Lock()
        self._last = 0

    @staticmethod
    def seeded(clock: Clock, seed: int) -> Ids:
        """Return a source whose draws depend on nothing but `seed` and the clock."""
        return Ids(clock, random.Random(seed).randbytes)

    def uuid(self) -> str:
        """Return a UUIDv7; within one process each is greater than the one before."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            # The 12 bits after the version count up within a millisecond (RFC 9562 section 6.2, method 1).
            self._last = max(milliseconds << 12, self._last + 1)
            stamp, counter = self._last >> 12, self._last & 0xFFF
        tail = int.from_bytes(self._draw_bytes(8)) & (2**62 - 1)
        value = (stamp & (2**48 - 1)) << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | tail
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def token(self, size: int = 32) -> str:
        """Return `size` random bytes as URL-safe text without padding; fit for a secret."""
        return base64.urlsafe_b64encode(self._draw_bytes(size)).rstrip(b"=").decode()

    def random(self) -> float:
        """Return a number in [0, 1) for jitter and sampling; not a secret."""
        return int.from_bytes(self._draw_bytes(7)) / (1 << 56)
