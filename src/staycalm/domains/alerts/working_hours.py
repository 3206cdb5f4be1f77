"""Whether people are at work now. Pure."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

FIRST_HOUR, LAST_HOUR = time(9), time(17)


def is_working_time(now: datetime, time_zone: str) -> bool:
    """Return True from Monday to Friday, 09:00 to 17:00 in the zone; holidays are not known."""
    local = now.astimezone(ZoneInfo(time_zone))
    return local.weekday() < 5 and FIRST_HOUR <= local.time() < LAST_HOUR
