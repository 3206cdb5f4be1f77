"""One server and one log-in for a whole file, whose tests each keep to what they made themselves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import context, sign_in
from tests.browser.server import Server, serving


@pytest.fixture(scope="module")
def server(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The told story, served."""
    folder = tmp_path_factory.mktemp("one") / "data"
    shutil.copytree(told, folder)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(browser: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = context(browser)
    sign_in(opened, server.url)
    kept = tmp_path_factory.mktemp("session") / "state.json"
    opened.storage_state(path=kept)
    opened.close()
    return kept


@pytest.fixture(params=[True], ids=["script"])
def page(request: pytest.FixtureRequest, browser: Browser, signed_in: Path) -> Iterator[Page]:
    opened = context(browser, script=request.param, storage_state=signed_in)
    yield opened.new_page()
    opened.close()
