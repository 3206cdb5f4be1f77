"""Every page in light and dark, small and large, with nothing, little, a great deal and the worst that is allowed.

Each page is loaded once per kind of data and looked at in several forms. The run of every day takes each kind of
data in the forms that tell most; all of them in all forms are behind the `soak` marker.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from staycalm.kit.database.tables import metadata
from tests.browser.crowd import crowd, make_hostile
from tests.browser.every_page import (
    DESK,
    NARROW,
    PHONE,
    Form,
    Walker,
    addresses,
    join_first,
    report,
    signed_in,
)
from tests.browser.server import Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DARK_DESK, LIGHT_PHONE = (
    Form(1440, 900, "dark", whole=True, axe=True),
    Form(390, 844, "light", whole=True, axe=True),
)
EVERY_DAY: dict[str, tuple[Form, ...]] = {
    "none": (Form(390, 844, "dark", whole=True),),
    "little": (DESK, PHONE),
    "much and hostile": (Form(1440, 900, "dark", whole=True), Form(390, 844, "light", whole=True), *NARROW),
}
ALL_FORMS = (DESK, DARK_DESK, PHONE, LIGHT_PHONE, *NARROW)
# Links that were used or do not exist are pages too: they say so.
STATUSES = (200, 404)


def _fill(server: Server, data: str) -> None:
    fillings: dict[str, Callable[..., None]] = {"much": crowd, "hostile": make_hostile}
    for name, fill in fillings.items():
        if name in data:
            server.write(fill)


@contextmanager
def _holding(data: str, told: Path, folder: Path) -> Iterator[Server]:
    if data != "none":
        shutil.copytree(told, folder)
    with serving(folder) as server:
        if data == "none":
            metadata.create_all(server.database.engine)
            join_first(server)
        _fill(server, data)
        yield server


def _look_at_all(browser: Browser, server: Server, data: str, forms: tuple[Form, ...]) -> str:
    """Return what is wrong with any page, as one text; empty when nothing is."""
    opened = browser.new_context(storage_state=signed_in(browser, server))
    walker = Walker(opened, server)
    found = {
        address: walker.look(address, forms, statuses=STATUSES)
        for address in addresses(server, has_data=data != "none")
    }
    opened.close()
    assert len(found) > 20, "the application has more pages than this"
    return report(found)


@pytest.mark.parametrize("data", EVERY_DAY)
def test_every_page_holds(browser: Browser, told: Path, tmp_path: Path, data: str) -> None:
    with _holding(data, told, tmp_path / "data") as server:
        assert _look_at_all(browser, server, data, EVERY_DAY[data]) == "{}"


@pytest.mark.soak
@pytest.mark.parametrize("data", ["none", "little", "much", "hostile"])
def test_every_page_holds_in_every_form(browser: Browser, told: Path, tmp_path: Path, data: str) -> None:
    with _holding(data, told, tmp_path / "data") as server:
        assert _look_at_all(browser, server, data, ALL_FORMS) == "{}"


def test_whoever_is_not_signed_in_sees_pages_that_hold(browser: Browser, told: Path, tmp_path: Path) -> None:
    """The log-in, links from messages, and the refusal of everything else."""
    with _holding("little", told, tmp_path / "data") as server:
        opened = browser.new_context()
        walker = Walker(opened, server)
        seen = [
            each
            for each in addresses(server, has_data=True)
            if each.startswith(("/login", "/ack", "/set-up", "/in"))
        ]
        found = {each: walker.look(each, (DESK, PHONE), statuses=(200, 401, 404)) for each in seen}
        opened.close()
    assert report(found) == "{}"
