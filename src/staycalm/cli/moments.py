"""Times as people type them, on a wall clock: `2026-03-02 09:00`, `mon 09:00`, `18:30`, or with an offset."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"(?:(?P<day>[a-z]+)\s+)?(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\Z")


def read_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the instant; a time of day or a weekday is the next one after `now`. Refuses what is no time."""
    raw = text.strip().lower()
    match = _CLOCK.match(raw)
    if match is not None and (match["day"] is None or match["day"][:3] in DAYS):
        return _next(match, zone, now)
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.UsageError(
            f"'{text}' is not a time. Write '2026-03-02 09:00', 'mon 09:00' or '18:30' ({zone})."
        ) from None
    return told if told.tzinfo is not None else told.replace(tzinfo=zone)


def _next(match: re.Match[str], zone: ZoneInfo, now: datetime) -> datetime:
    local = now.astimezone(zone)
    found = local.replace(hour=int(match["hour"]), minute=int(match["minute"]), second=0, microsecond=0, fold=0)
    ahead = 0 if match["day"] is None else (DAYS.index(match["day"][:3]) - local.weekday()) % 7
    found += timedelta(days=ahead)
    return found if found > local else found + timedelta(days=1 if match["day"] is None else 7)
