from __future__ import annotations

from zoneinfo import available_timezones

import pytest

from staycalm.core.zones import find_zone


def test_every_zone_of_the_database_is_found() -> None:
    assert [name for name in available_timezones() if str(find_zone(name)) != name] == []


@pytest.mark.parametrize(
    "name",
    [
        "", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "Europe", "a\0b", "Europe/Berlin\n",
        "x" * 70_000, "Europe/" * 5_000, "E" + "/65rope" * 400,
    ],
    ids=lambda name: name[:20],
)  # fmt: skip
def test_anything_else_is_no_zone(name: str) -> None:
    assert find_zone(name) is None
