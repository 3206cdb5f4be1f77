"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST_NAME = 64
"""Twice the longest of the tz database, America/Argentina/ComodRivadavia."""


def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone of this name, None when there is none.

    A longer name is none: every part of it is a folder that is looked for inside the one before, and some
    hundreds exhaust the stack.
    """
    if len(name) > LONGEST_NAME:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
