"""`sc oncall` and `sc ops maintenance` against a real server."""

from __future__ import annotations

import urllib.request

import icalendar

from staycalm.cli import exits
from tests.cli.shop import Shop


def test_an_override_is_looked_at_added_listed_and_removed(shop: Shop) -> None:
    wanted = ("oncall", "override", "add", "sam", "--for", "4h", "--reason=dentist")
    looked = shop.server.sc(*wanted, "--dry-run", "--json").json
    first = looked["changes"][0]
    assert (first["role"], first["before"], first["after"]) == ("primary", "ada", "sam")
    assert shop.server.sc("oncall", "override", "list", "--json").json == {"items": []}
    added = shop.server.sc(*wanted)
    assert added.code == exits.OK
    assert "sam is primary until" in added.out and "WILL BE" in added.out
    (listed,) = shop.server.sc("oncall", "override", "list", "--json").json["items"]
    assert (listed["person"], listed["reason"]) == ("sam", "dentist")
    assert "sam" in shop.server.sc("oncall", "--schedule=platform").out
    drawn = shop.server.sc("oncall", "--weeks=2").out
    assert "* sam for ada" in drawn and "\x1b" not in drawn
    removed = shop.server.sc("oncall", "override", "remove", listed["id"][-8:])
    assert removed.code == exits.OK and "The rotation counts." in removed.out
    assert shop.server.sc("oncall", "override", "remove", "ffff").code == exits.USAGE


def test_a_bad_override_is_refused_in_words(shop: Shop) -> None:
    both = shop.server.sc("oncall", "override", "add", "sam", "--for=4h", "--until=18:00")
    assert both.code == exits.USAGE and "either --until or --for" in both.err
    nobody = shop.server.sc("oncall", "override", "add", "nobody-like-that", "--for=4h")
    assert nobody.code == exits.NOT_FOUND


def test_one_takes_a_shift_and_sees_it_among_ones_own(shop: Shop, support_token: str) -> None:
    refused = shop.server.sc("--token", support_token, "oncall", "take", "--yes")
    assert refused.code == exits.NOT_ALLOWED
    assert shop.server.sc("--token", support_token, "oncall", "--mine", "--json").json == {"items": []}


def test_a_calendar_link_is_read_by_a_calendar_and_revoked(shop: Shop, support_token: str) -> None:
    made = shop.server.sc("--token", support_token, "oncall", "link", "--schedule=platform", "--json").json
    with urllib.request.urlopen(made["url"], timeout=60) as answer:
        events = icalendar.Calendar.from_ical(answer.read()).walk("VEVENT")
    assert str(events[0]["SUMMARY"]) == "ada: platform (primary)"
    ended = shop.server.sc("--token", support_token, "oncall", "link", f"--revoke={made['id'][-8:]}")
    assert ended.out == "The link works no more.\n"
    log = (shop.server.folder / "server.log").read_text(encoding="utf-8")
    assert made["url"].rpartition("/")[2].removesuffix(".ics") not in log
    # A token of the machine is no person: it has no shifts of its own.
    assert "belongs to a person" in shop.server.sc("oncall", "link").err


def test_a_maintenance_is_begun_listed_and_ended(shop: Shop) -> None:
    assert "needs a --reason" in shop.server.sc("ops", "maintenance", "shop@production", "--for=1h").err
    begun = shop.server.sc("ops", "maintenance", "@production", "--for=1h", "--reason=disks", "--json").json
    assert (begun["service"], begun["environment"]) == (None, "production")
    assert begun["id"] in shop.server.sc("ops", "maintenance").out
    assert "has ended" in shop.server.sc("ops", "maintenance", "--end", begun["id"]).out
