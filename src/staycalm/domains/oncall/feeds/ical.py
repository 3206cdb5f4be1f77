"""Shifts as an iCalendar object (RFC 5545): UTC instants, so it needs no time zone of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MEDIA_TYPE = "text/calendar; charset=utf-8"
LINE_OCTETS = 75
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BREAK = re.compile(r"\r\n|\r|\n|\x85|\u2028|\u2029")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `uid` names it for ever; `starts_at` < `ends_at`."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str = ""
    category: str = ""


def calendar(name: str, entries: Sequence[Entry], *, made_at: datetime) -> bytes:
    """Return the calendar as it leaves: CRLF, lines folded at 75 octets, text escaped (RFC 5545 §3.1, §3.3.11).

    Being on call keeps nobody from meetings: events are transparent. Readers are asked to come back hourly.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//StayCalm//On-call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{text(name)}",
        f"X-WR-CALNAME:{text(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    for entry in entries:
        lines += _event(entry, made_at)
    lines.append("END:VCALENDAR")
    return b"".join(fold(line) for line in lines)


def text(value: str) -> str:
    """Return a TEXT value: backslash, semicolon, comma and line breaks escaped, control characters gone."""
    clean = _CONTROL.sub(" ", _BREAK.sub("\n", value.encode("utf-8", "replace").decode("utf-8")))
    escaped = clean.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def fold(line: str) -> bytes:
    """Return the content line ended by CRLF, no part of it longer than 75 octets, no character torn."""
    parts: list[bytes] = [b""]
    for character in line:
        octets = character.encode()
        if len(parts[-1]) + len(octets) > LINE_OCTETS:
            parts.append(b" ")
        parts[-1] += octets
    return b"\r\n".join(parts) + b"\r\n"


def _event(entry: Entry, made_at: datetime) -> list[str]:
    found = [
        "BEGIN:VEVENT",
        f"UID:{text(entry.uid)}",
        f"DTSTAMP:{_stamp(made_at)}",
        f"DTSTART:{_stamp(entry.starts_at)}",
        f"DTEND:{_stamp(entry.ends_at)}",
        f"SUMMARY:{text(entry.summary)}",
    ]
    if entry.description:
        found.append(f"DESCRIPTION:{text(entry.description)}")
    if entry.category:
        found.append(f"CATEGORIES:{text(entry.category)}")
    return [*found, "TRANSP:TRANSPARENT", "END:VEVENT"]


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
