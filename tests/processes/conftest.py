from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import databases
from tests.processes.nursery import servers
from tests.processes.servers import Inbox, Server

MakeServer = Callable[..., Server]
WEBHOOKS_HERE = {"SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeServer]:
    """`make("a")` is a server on SQLite in its own data directory, not started."""
    with servers(tmp_path, **WEBHOOKS_HERE) as new:
        yield new


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    if databases.SERVER is None:
        pytest.skip("SC_TEST_POSTGRES names no server")
    with databases.empty_postgres() as url:
        yield url


@pytest.fixture
def make_shared(tmp_path: Path, postgres: str) -> Iterator[MakeServer]:
    """`make_shared("a")` is a server in its own data directory; all share one PostgreSQL database."""
    with servers(tmp_path, SC_DATABASE_URL=postgres, **WEBHOOKS_HERE) as new:
        yield new


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    receiver = Inbox()
    yield receiver
    receiver.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
