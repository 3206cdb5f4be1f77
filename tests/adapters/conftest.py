"""Fixtures that several files here share."""

from __future__ import annotations

from pathlib import Path

import pytest

from staycalm.adapters.filestore import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")
