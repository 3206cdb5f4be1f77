"""Telling a proxy that hangs from one that is slow because the whole machine is.

A hung one keeps its port and answers nobody, so it must go within seconds; a slow one must not be killed for a
load that its restart would only add to. What tells them apart is not only how long an answer takes: a question has
`admin_timeout_s` (2 s), three times the longest seen with thirty busy processes on two processors. It is that

- nothing else was answered meanwhile, on any connection;
- we were there to hear it: where our own clock ran late, we were kept waiting too, and it counts for nothing;
- its main thread neither ran nor waited for a processor or the disk. If it did, it counts for half: it may be an
  endless loop, and is one in the end.

So one that is stopped or dead-locked is ended after `liveness_interval_s` and `liveness_misses` questions (4.5 s),
one in an endless loop after twice as many (8.5 s), and serves again a moment later.
"""

from __future__ import annotations

from dataclasses import dataclass

OWN_DELAY_S = 0.5


@dataclass(frozen=True, slots=True)
class Silence:
    """One question that had no answer. `late_s`: how much later than its time-out we noticed."""

    is_kept_waiting: bool
    late_s: float = 0.0

    @property
    def halves(self) -> int:
        """Return how many halves of a missed answer it is."""
        if self.late_s > OWN_DELAY_S:
            return 0
        return 1 if self.is_kept_waiting else 2


class Patience:
    """Is over when as many answers as `misses` were missed in a row."""

    def __init__(self, misses: int) -> None:
        self._misses = misses
        self._halves = self.questions = 0

    def heard(self) -> None:
        """It answered."""
        self._halves = self.questions = 0

    def missed(self, silence: Silence) -> bool:
        """Return whether it is over now."""
        self.questions += 1
        self._halves += silence.halves
        return self._halves >= 2 * self._misses
