"""Every command fails in one voice: what happened and why in a sentence, below it what to do; no traceback."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from staycalm.cli import exits
from staycalm.cli.command import REMOTE, Command
from staycalm.cli.main import GROUPS, run, sc
from tests.cli.shop import Shop


def remote_commands() -> list[tuple[str, ...]]:
    """Return the example of every command that asks a server, as its arguments."""
    found = []
    for group, names in GROUPS.items():
        words = group.split()[1:]
        parent: click.Command | None = sc
        for word in words:
            assert isinstance(parent, click.Group)
            parent = parent.get_command(click.Context(sc), word)
        assert isinstance(parent, click.Group)
        for name in names:
            command = parent.get_command(click.Context(sc), name)
            if isinstance(command, Command) and set(REMOTE) <= set(command.codes) and name != "login":
                example = command.example.partition(" && ")[0].partition(" | ")[0].partition(" > ")[0]
                # With --watch it would go on trying, as it should.
                found.append(tuple(word for word in shlex.split(example)[1:] if word != "--watch"))
    return found


EXAMPLES = remote_commands()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what the examples name, and nothing of this machine's own StayCalm."""
    monkeypatch.chdir(tmp_path)
    for name in ("SC_SERVER", "SC_TOKEN", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SC_DATA", str(tmp_path / "none"))
    (tmp_path / "staycalm.yaml").write_text("people: {}\n", encoding="utf-8")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "index.html").write_text("calm", encoding="utf-8")
    return tmp_path


def check_voice(said: str) -> None:
    lines = [line for line in said.splitlines() if line]
    assert lines and lines[-2 if len(lines) > 1 else -1].startswith("sc: "), said
    assert len(lines) == 2, said
    assert "Traceback" not in said


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 20


@pytest.mark.parametrize("arguments", EXAMPLES, ids=" ".join)
def test_without_a_server(here: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(list(arguments)) == exits.UNREACHABLE
    check_voice(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", EXAMPLES, ids=" ".join)
def test_with_a_server_that_is_not_there(
    here: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SC_SERVER", "http://127.0.0.1:9")
    assert run(list(arguments)) == exits.UNREACHABLE
    check_voice(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", EXAMPLES, ids=" ".join)
def test_with_a_wrong_token(
    shop: Shop,
    here: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SC_SERVER", shop.server.url)
    monkeypatch.setenv("SC_TOKEN", "sc_pat_nobody")
    assert run(list(arguments)) == exits.NOT_ALLOWED
    check_voice(capsys.readouterr().err)
