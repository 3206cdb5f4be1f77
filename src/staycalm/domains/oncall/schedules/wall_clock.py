"""From a zone's wall clock to an instant, for hand-offs. (Calendar imports follow RFC 5545 and live elsewhere.)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) at which the zone's wall clock reads `local` or later.

    One rule for every hand-off: a local time that does not exist becomes the instant of the transition,
    an ambiguous one is its first occurrence, and a later wall time never maps to an earlier instant.
    `local` is naive, whole seconds. (SOP "On-Call Rotation"; PEP 495 for `fold`.)
    """
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(instant, zone) == local:
        return instant
    after = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    # Inside a gap the new offset gives an instant before the transition and the old offset one at or after it.
    early = (local - after).replace(tzinfo=UTC)
    low, high = 0, int((instant - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _wall(early + timedelta(seconds=middle), zone) >= local:
            high = middle
        else:
            low = middle
    return early + timedelta(seconds=high)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
