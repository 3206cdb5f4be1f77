"""`sc down --all` says what it ends, and what it has no hold of."""

from __future__ import annotations

from pathlib import Path

import pytest

from staycalm.app.ending import end_everything
from staycalm.kit.directory import DataDirectory

OWN_COMMANDS = '[exec.commands.deploy-shop]\nargv = ["/opt/shop/deploy-shop"]\n'


@pytest.mark.parametrize(("settings", "goes_on"), [("", False), (OWN_COMMANDS, True)])
def test_what_was_started_by_commands_of_ones_own_is_said_to_go_on(
    tmp_path: Path, settings: str, goes_on: bool
) -> None:
    (tmp_path / "staycalm.toml").write_text(settings, encoding="utf-8")
    told = end_everything(DataDirectory(tmp_path), None)
    assert told.startswith("Nothing else was running.")
    assert ("commands of yours have started goes on" in told) is goes_on
