"""One server and one signed-in browser for all tests of the shell: nothing they do changes what others see."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser.conftest import context, sign_in
from tests.browser.server import Server, serving


@pytest.fixture(scope="module")
def shell(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("shell") / "data"
    shutil.copytree(told, folder)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(browser: Browser, shell: Server) -> StorageState:
    opened = context(browser)
    sign_in(opened, shell.url)
    state = opened.storage_state()
    opened.close()
    return state


@pytest.fixture
def opened(browser: Browser, signed_in: StorageState) -> Iterator[BrowserContext]:
    """A fresh context of somebody who is signed in."""
    fresh = context(browser, storage_state=signed_in)
    yield fresh
    fresh.close()


@pytest.fixture
def tab(opened: BrowserContext) -> Page:
    return opened.new_page()
