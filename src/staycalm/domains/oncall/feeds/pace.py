"""How often a calendar address is answered: a few times a minute per feed, whatever asks."""

from __future__ import annotations

from collections import OrderedDict

from staycalm.kit.clock import Clock

PER_MINUTE = 20
MOST_KEPT = 2000


class FeedPace:
    """Counts readings per feed and minute, in this process. The least lately read feeds are forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, feed: str) -> int:
        """Return 0 when the feed may be read now, else the seconds (1-60) until it may be read again."""
        now_s = self._clock.monotonic()
        minute = int(now_s // 60)
        since, count = self._read.pop(feed, (minute, 0))
        count = count + 1 if since == minute else 1
        self._read[feed] = (minute, count)
        if len(self._read) > MOST_KEPT:
            self._read.popitem(last=False)
        return 0 if count <= PER_MINUTE else max(1, int(60 - now_s % 60))
