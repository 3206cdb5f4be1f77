"""The on-call calendar as lines of text: a week per row, gaps marked by a word, overrides by a star."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from staycalm.cli.measure import columns, cut, harmless, pad

NARROWEST, WIDEST = 6, 24
ROOM_FOR_MINUTES = 14
NOBODY = "NOBODY"
MOST_NOTES = 20
Paint = Callable[..., str]


@dataclass(frozen=True)
class Turn:
    """One turn as the API tells it; times are UTC. A primary of None is a gap."""

    starts_at: datetime
    ends_at: datetime
    primary: str | None
    instead_of: str | None
    why: str


def read(calendar: dict[str, Any]) -> list[Turn]:
    """Return the turns of `GET …/calendar`."""
    return [
        Turn(
            datetime.fromisoformat(turn["starts_at"]).astimezone(UTC),
            datetime.fromisoformat(turn["ends_at"]).astimezone(UTC),
            turn["primary"],
            turn["instead_of"],
            "; ".join(_why(each) for each in turn["overrides"]),
        )
        for turn in calendar["turns"]
    ]


def monday(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which this week began on the zone's wall clock."""
    today = now.astimezone(zone).date()
    return _midnight(today - timedelta(days=today.weekday()), zone)


def draw(
    name: str, turns: Sequence[Turn], zone: ZoneInfo, *, weeks: int, now: datetime, room: int, paint: Paint
) -> list[str]:
    """Return the weeks from this Monday on in at most `room` columns (48 at least), then what needs words."""
    first = monday(now, zone).astimezone(zone).date()
    last = first + timedelta(days=7 * weeks - 1)
    wide = max(NARROWEST, min(WIDEST, (room - 6) // 7))
    title = f"{harmless(name)} · {zone} · {first.day} {first:%b} – {last.day} {last:%b %Y}"
    found = [paint(cut(title, room), bold=True), ""]
    found.append(
        paint(" ".join(pad(f"{first + timedelta(days=n):%a}", wide) for n in range(7)).rstrip(), dim=True)
    )
    for week in range(weeks):
        days = [first + timedelta(days=7 * week + n) for n in range(7)]
        found += _week(days, turns, zone, now, wide, paint)
    shown = [turn for turn in turns if turn.starts_at < _midnight(last + timedelta(days=1), zone)]
    return [*found, *_notes(shown, zone, now, room, paint)]


def moment(instant: datetime, zone: ZoneInfo) -> str:
    """Return a wall-clock time such as `Mon 2 Mar 09:00`."""
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def _week(
    days: Sequence[date], turns: Sequence[Turn], zone: ZoneInfo, now: datetime, wide: int, paint: Paint
) -> list[str]:
    dates, parts, today = [], [], now.astimezone(zone).date()
    for n, day in enumerate(days):
        label = f"{day.day} {day:%b}" if n == 0 or day.day == 1 else str(day.day)
        cell = pad(f"[{label}]" if day == today else label, wide)
        dates.append(paint(cell, bold=True) if day == today else paint(cell, dim=True))
        parts.append(_parts(day, turns, zone))
    lines = [" ".join(dates).rstrip()]
    for row in range(max(map(len, parts))):
        cells = [_cell(found[row], now, wide, paint) if row < len(found) else " " * wide for found in parts]
        lines.append(" ".join(cells).rstrip())
    return [*lines, ""]


def _parts(day: date, turns: Sequence[Turn], zone: ZoneInfo) -> list[tuple[str, Turn]]:
    """Return (wall-clock time it begins at, or empty at midnight; turn) where the primary of the day changes."""
    start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    found: list[tuple[str, Turn]] = []
    for turn in turns:
        if turn.starts_at >= end or turn.ends_at <= start:
            continue
        since = f"{turn.starts_at.astimezone(zone):%H:%M}" if turn.starts_at > start else ""
        if not found or (found[-1][1].primary, found[-1][1].instead_of) != (turn.primary, turn.instead_of):
            found.append((since, turn))
    return found


def _cell(part: tuple[str, Turn], now: datetime, wide: int, paint: Paint) -> str:
    since, turn = part
    start = f"{since if wide >= ROOM_FOR_MINUTES else since[:2]} " if since else ""
    rest = wide - columns(start)
    if turn.primary is None and turn.ends_at <= now:
        return start + paint(pad("nobody", rest), dim=True)
    if turn.primary is None:
        word = next((each for each in (f"!{NOBODY}!", NOBODY, "GAP!") if len(each) <= rest), "!!!")
        return start + paint(pad(word, rest), fg="red", bold=True)
    star = "*" if turn.instead_of else ""
    shown = pad(cut(harmless(turn.primary), rest - len(star)) + star, rest)
    return start + (paint(shown, fg="cyan") if star else shown)


def _notes(turns: Sequence[Turn], zone: ZoneInfo, now: datetime, room: int, paint: Paint) -> list[str]:
    lines: list[str] = []
    for turn in turns:
        if turn.ends_at <= now:
            continue
        when = f"{moment(max(turn.starts_at, now), zone)} to {moment(turn.ends_at, zone)}"
        if turn.primary is None:
            lines.append(paint(cut(f"! {NOBODY} is on call {when}", room), fg="red", bold=True))
        elif turn.instead_of:
            said = f"* {turn.primary} for {turn.instead_of} {when}{': ' if turn.why else ''}{turn.why}"
            lines.append(cut(harmless(said), room))
    more = len(lines) - MOST_NOTES
    return lines if more <= 0 else [*lines[:MOST_NOTES], f"and {more} more: --json has them all"]


def _why(override: dict[str, Any]) -> str:
    author = f" (by {override['added_by']})" if override["added_by"] else ""
    return f"{override['reason'] or 'no reason told'}{author}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
