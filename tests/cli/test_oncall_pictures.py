"""The on-call calendar on a terminal of 60, 100 and 200 columns, and times as people type them.

`pytest tests/cli/test_oncall_pictures.py` compares with snapshots/; SC_TEST_SNAPSHOTS=write writes them anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest

from staycalm.cli.measure import columns
from staycalm.cli.moments import read_moment
from staycalm.cli.oncall_calendar import draw, read
from tests.cli.test_pictures import WIDTHS, compare

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)
OVERRIDE = {"id": "x", "role": "primary", "person": "bob", "reason": "dentist", "added_by": "alice"}


def turn(start: str, end: str, primary: str | None, **more: Any) -> dict[str, Any]:
    return {"starts_at": start, "ends_at": end, "primary": primary, "secondary": None, "overrides": [],
            "instead_of": None, **more}  # fmt: skip


# Two weeks over the change to summer time on 29 March; hand-off at 09:00 in Berlin.
CALENDAR: dict[str, Any] = {
    "schedule": "platform",
    "time_zone": "Europe/Berlin",
    "turns": [
        turn("2026-03-22T23:00:00Z", "2026-03-23T08:00:00Z", "alice"),
        turn("2026-03-23T08:00:00Z", "2026-03-26T10:00:00Z", "bartholomew-fitzgerald"),
        turn("2026-03-26T10:00:00Z", "2026-03-26T12:00:00Z", "bob", instead_of="alice", overrides=[OVERRIDE]),
        turn("2026-03-26T12:00:00Z", "2026-03-27T20:00:00Z", "alice"),
        turn("2026-03-27T20:00:00Z", "2026-03-30T07:00:00Z", None),
        turn("2026-03-30T07:00:00Z", "2026-04-05T22:00:00Z", "日本\x1b[31m"),
        turn("2026-04-05T22:00:00Z", "2026-05-05T22:00:00Z", None),
    ],
}


def plain(text: str, **_style: Any) -> str:
    return text


def drawn(room: int) -> list[str]:
    return draw("platform", read(CALENDAR), BERLIN, weeks=2, now=NOW, room=room, paint=plain)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_calendar_fits(width: int) -> None:
    compare("oncall", drawn(width), width)


def test_gaps_and_overrides_are_told_in_words() -> None:
    text = "\n".join(drawn(100))
    assert "! NOBODY is on call Fri 27 Mar 21:00 to Mon 30 Mar 09:00" in text
    assert "* bob for alice Thu 26 Mar 11:00 to Thu 26 Mar 13:00: dentist (by alice)" in text
    # What lies behind the weeks asked for is not told.
    assert "May" not in text


def test_names_cannot_steer_the_terminal() -> None:
    assert not any("\x1b" in line for width in WIDTHS for line in drawn(width))


@pytest.mark.parametrize("room", [48, 55, 73, 99, 140])
def test_every_width_is_kept(room: int) -> None:
    assert max(map(columns, drawn(room))) <= room


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29 09:00", "2026-03-29T09:00:00+02:00"),
        ("2026-03-28T09:00", "2026-03-28T09:00:00+01:00"),
        ("2026-03-28T09:00+00:00", "2026-03-28T09:00:00+00:00"),
        ("18:30", "2026-03-25T18:30:00+01:00"),
        ("9:00", "2026-03-26T09:00:00+01:00"),
        ("mon 09:00", "2026-03-30T09:00:00+02:00"),
        ("Wednesday 08:00", "2026-04-01T08:00:00+02:00"),
        ("wed 18:00", "2026-03-25T18:00:00+01:00"),
    ],
)
def test_times_are_read_on_the_wall_clock(text: str, expected: str) -> None:
    assert read_moment(text, BERLIN, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "foo 09:00", "2026-02-30 09:00"])
def test_what_is_no_time_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(click.UsageError, match="is not a time"):
        read_moment(text, BERLIN, NOW)
