"""What tables, the status screen and the live area look like at 60, 100 and 200 columns.

`pytest tests/cli/test_pictures.py` compares with snapshots/; SC_TEST_SNAPSHOTS=write writes them anew.
"""

from __future__ import annotations

import io
import json
import os
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from staycalm.cli import output
from staycalm.cli.live_view import picture
from staycalm.cli.logs import news
from staycalm.cli.look import verdict
from staycalm.cli.measure import columns, cut, harmless, harmless_lines, pad
from staycalm.cli.screen import draw
from staycalm.cli.spark import sparkline, split_bar

SNAPSHOTS = Path(__file__).parent / "snapshots"
WIDTHS = (60, 100, 200)
# Overrides and embeddings of the writing direction (UAX 9).
STEERING = "\u202a\u202b\u202c\u202d\u202e\u200e\u200f"
REASON = "the candidate's error rate is 3.1 pp higher than stable's (1.0 to 8.6), proven after 3 failed requests"

NOW = datetime(2026, 3, 2, 9, 4, 18, tzinfo=UTC)
STATUS: dict[str, Any] = {
    "server": "https://staycalm.example.org",
    "staycalm": {"version": "1.0.0", "status": "ok", "problems": []},
    "placements": [{"service": "shop", "environment": "staging"},
                   {"service": "shop", "environment": "production", "is_production": True}],
    "live": [
        {"service": "shop", "environment": "production", "release": "REL-12", "digest": "sha256:" + "c0ffee" * 10,
         "since": None},
        {"service": "calm-kettle-checkout", "environment": "production", "release": "REL-9",
         "digest": "sha256:" + "beef" * 16, "since": None},
    ],
    "signals": [
        {"service": "shop", "environment": "production", "request_rate": 151.3, "error_rate": 0.0031,
         "p50_ms": 8.2, "p95_ms": 41.0, "saturation": 0.37,
         "request_rates": [None, *(90.0 + 3 * n for n in range(20))],
         "error_rates": [0.0] * 15 + [0.02, 0.04, 0.003],
         "p95s_ms": [38.0, None, 41.0, 44.0]},
    ],
    "deployments": [
        {"id": "DEP-13", "service": "shop", "environment": "production", "release": "REL-13", "weight": 10.0,
         "state": "shifting", "is_held": False, "is_paused": False, "held_reason": None, "verdict_reason": REASON},
    ],
    "incidents": [
        {"id": "INC-3", "priority": "P0", "state": "triage", "service": "shop", "environment": "production",
         "declared_at": None, "title": f"shop rolled back: {REASON}", "held_by": None, "reopened_because": None},
        {"id": "INC-2", "priority": "P1", "state": "investigating", "service": None, "environment": None,
         "declared_at": None, "title": "Mails are late", "held_by": "ada", "reopened_because": "The queue grows"},
    ],
    "alerts": [
        {"group": "ALG-7", "priority": "P2", "state": "firing", "service": None, "environment": None,
         "opened_at": None, "summary": "disk \x1b[31mfull\x1b[0m on 日本語 host"},
    ],
    "oncall": [
        {"schedule": "shop", "primary": None, "secondary": "bob", "until": "2026-03-09T09:00:00+00:00",
         "next_primary": "ada"},
    ],
}  # fmt: skip
ROLLOUT: dict[str, Any] = {
    **STATUS["deployments"][0], "problem": None, "is_running": True, "is_proven": False, "is_first": False,
    "end_reason": None, "step_ends_at": "2026-03-02T09:05:00+00:00",
    "steps": [
        {"weight": 10.0, "state": "done", "detection_s": 90.0},
        {"weight": 50.0, "state": "now", "detection_s": 56.1},
        {"weight": 90.0, "state": "ahead", "detection_s": None},
    ],
    "evidence": {
        "stable_requests": 1022, "candidate_requests": 98, "failed_requests": 3,
        "metrics": [
            {"name": "errors", "stable_rate": 0.001, "candidate_rate": 0.031, "evidence": 1.7, "needed": 2.3,
             "is_proven": False, "difference": 0.03, "low": 0.01, "high": 0.086},
            {"name": "latency-p95", "stable_rate": 0.05, "candidate_rate": None, "evidence": -0.1, "needed": 2.6,
             "is_proven": False},
        ],
    },
}  # fmt: skip


def compare(name: str, lines: list[str], width: int) -> None:
    """The lines fit, and are what the snapshot holds."""
    assert max(map(columns, lines)) <= width
    file = SNAPSHOTS / f"{name}-{width}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("SC_TEST_SNAPSHOTS") == "write":
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_status_screen_fits(width: int) -> None:
    compare("status", draw(STATUS, width), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_live_area_fits(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), no_color=True, force_terminal=False)
    with console.capture() as drawn:
        console.print(picture(ROLLOUT, width, NOW))
    compare("rollout", [line.rstrip() for line in drawn.get().splitlines()], width)


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    assert not any("\x1b" in line for line in draw(STATUS, 100))


def test_what_the_role_may_not_see_is_said() -> None:
    shown = "\n".join(draw({**STATUS, "alerts": None, "incidents": None, "oncall": None}, 100))
    assert shown.count("not for your role") == 3


def test_who_has_an_incident_is_told_and_what_is_wrong_now() -> None:
    shown = draw(STATUS, 200)
    assert any("INC-3" in line and "NOBODY" in line for line in shown)
    assert any("ada" in line and "again: The queue grows (first: Mails are late)" in line for line in shown)


def test_a_muted_alert_is_no_alarm() -> None:
    calm = {
        **STATUS,
        "incidents": [],
        "alerts": [{**STATUS["alerts"][0], "priority": "P0", "state": "suppressed"}],
    }
    assert verdict(calm) == 0
    assert verdict({**calm, "alerts": [{**STATUS["alerts"][0], "priority": "P1"}]}) == 8
    assert verdict({**calm, "staycalm": {**STATUS["staycalm"], "status": "failing"}}) == 8


@pytest.mark.parametrize("room", [20, 40, 80])
def test_a_table_never_gets_wider_than_its_room(room: int) -> None:
    rows = [["DEP-1", "calm-kettle-checkout", "production", "x" * 300]]
    for line in output.lines(["id", "service", "env", "note"], rows, room, spare=(2, 1)):
        assert columns(line) <= room


def test_a_pipe_gets_everything() -> None:
    assert output.lines(["id", "note"], [["1", "x" * 300]], None)[1].endswith("x" * 300)


LINES = [{"at_s": float(n), "instance": 0, "stream": "stdout", "text": f"line {n}"} for n in range(8)]


@pytest.mark.parametrize(
    ("seen", "now", "fresh", "is_whole"),
    [
        (LINES[:3], LINES[:3], [], True),
        (LINES[:3], LINES[:5], LINES[3:5], True),
        (LINES[:3], LINES[2:6], LINES[3:6], True),
        (LINES[1:3], LINES[:4], LINES[3:4], True),
        ([], LINES[:2], LINES[:2], True),
        (LINES[:2], LINES[5:], LINES[5:], False),
    ],
)
def test_following_prints_each_line_once(
    seen: list[Any], now: list[Any], fresh: list[Any], is_whole: bool
) -> None:
    assert news(seen, now) == (fresh, is_whole)


def test_the_same_line_twice_is_two_lines() -> None:
    twice = [LINES[0], LINES[0]]
    assert news(twice[:1], twice) in ((twice[1:], True), ([], True))


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("calm", 4),
        ("日本語", 6),
        ("e\u0301te\u0301", 3),
        ("שלום", 4),
        ("👩\u200d👩\u200d👧\u200d👦", 2),
        ("🇩🇪", 2),
        ("▁▂█ …", 5),
    ],
)
def test_text_is_as_wide_as_a_terminal_draws_it(text: str, width: int) -> None:
    assert columns(text) == width
    for room in range(1, width + 2):
        assert columns(pad(text, room)) == room
        assert columns(cut(text, room)) <= room


@given(st.text(max_size=60), st.integers(1, 40))
def test_no_text_leaves_its_cell_or_steers_the_terminal(text: str, room: int) -> None:
    shown = pad(harmless(text), room)
    assert columns(shown) == room
    assert not set(shown) & set(STEERING)
    assert not any(unicodedata.category(each) == "Cc" for each in shown)


def test_an_escape_sequence_from_outside_is_only_text() -> None:
    hostile = "a\x1b]0;owned\x07\x1b[2Jb\u202egnp.exe\x9b31m\r\nc"
    (row,) = output.lines(["what"], [[hostile]], 60)[1:]
    assert row == "a ]0;owned [2Jbgnp.exe 31m c"


def test_a_document_and_json_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert harmless_lines("# T\x1b[2J\r\n\tx\u202ey") == "# T [2J\n\txy"
    output.print_json({"title": "a\x1b[2J\x9b2J\u202eb"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"title": "a\x1b[2J\x9b2J\u202eb"}
    assert printed.isascii()


def test_text_from_right_to_left_keeps_its_place() -> None:
    (row,) = output.lines(["service", "state"], [["שלום", "ok"]], 60)[1:]
    assert row == "\u2068שלום\u2069     ok"


@pytest.mark.parametrize(
    ("points", "drawn"),
    [
        ([], ""),
        ([None, None], ""),
        ([0.0, 0.0], "  ▁▁"),
        ([0.0, 5.0, 10.0], " ▁▄▇"),
        ([1.0, None, 1.0], " ▇ ▇"),
        ([0.0, 0.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0], "▁▇▇▇"),
    ],
)
def test_a_curve_begins_at_nothing_and_shows_gaps(points: list[float | None], drawn: str) -> None:
    assert sparkline(points, 4) == drawn


@pytest.mark.parametrize(
    ("weight", "candidate"), [(None, 0), (0.0, 0), (1.0, 1), (50.0, 5), (99.0, 9), (100.0, 10)]
)
def test_a_candidate_with_traffic_is_seen_and_so_is_stable(weight: float | None, candidate: int) -> None:
    stable, filled = split_bar(weight, 10)
    assert (len(filled), len(stable)) == (candidate, 10 - candidate)


def test_a_low_terminal_gets_a_short_screen_with_the_worst_first() -> None:
    many = [{**STATUS["alerts"][0], "group": f"ALG-{n}", "priority": f"P{n % 4}"} for n in range(40)]
    shown = draw({**STATUS, "alerts": many}, 100, 24)
    assert len(shown) <= 30
    assert "ALG-0 " in "\n".join(shown)
    assert any(line.endswith("more: `sc ops alerts`") for line in shown)
