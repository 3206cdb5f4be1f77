"""`sc` starts fast because it imports little; help and refusals need no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from staycalm.cli import exits
from staycalm.cli.command import Command
from staycalm.cli.main import GROUPS, sc
from tests.cli.server import Said, clean_environment, run_sc

HEAVY = {
    "rich", "sqlalchemy", "pydantic", "fastapi", "starlette", "jinja2", "uvicorn", "aiohttp", "alembic", "numpy",
    "psycopg", "httpx", "yaml", "msgspec",
}  # fmt: skip
SERVER = (
    "staycalm.app",
    "staycalm.domains",
    "staycalm.adapters",
    "staycalm.kit",
    "staycalm.engine",
    "staycalm.ports",
)
LOOK = """\
import json, sys
from staycalm.cli.main import run
code = run(sys.argv[1:])
print("MODULES " + json.dumps([code, sorted(sys.modules)]))
"""


STARTED_WITH = ("command", "errors", "exits", "main", "measure", "output")


def imported(tmp_path: Path, *arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments],
        env=clean_environment(tmp_path, SC_SERVER="http://127.0.0.1:9"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stdout.rpartition("MODULES ")[2])
    return code, modules


@pytest.mark.parametrize("arguments", [("--version",), ("ops", "status"), ("ops", "deploy", "--help")])
def test_little_is_imported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    _, modules = imported(tmp_path, *arguments)
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert [name for name in modules if name.startswith(SERVER)] == []


def test_the_version_imports_no_command(tmp_path: Path) -> None:
    _, modules = imported(tmp_path, "--version")
    ours = {name for name in modules if name.startswith("staycalm.cli") and "client" not in name}
    assert ours == {"staycalm.cli", *(f"staycalm.cli.{each}" for each in STARTED_WITH)}


def offline(tmp_path: Path, *arguments: str, **env: str) -> Said:
    return run_sc(*arguments, env=clean_environment(tmp_path, SC_DATA=str(tmp_path / "none"), **env), cwd=tmp_path)


# Groups have no example of their own, and `sc demo` hands everything on.
COMMANDS = [
    (*group.split()[1:], name)
    for group, commands in GROUPS.items()
    for name in commands
    if f"{group} {name}" not in (*GROUPS, "sc demo")
]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_with_an_example_and_exit_codes(path: tuple[str, ...]) -> None:
    command: click.Command = sc
    context = click.Context(sc, info_name="sc")
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    if isinstance(command, click.Group):
        return
    assert isinstance(command, Command)
    assert command.example.split()[: len(path) + 1] == ["sc", *path] or f"sc {path[0]}" in command.example
    shown = command.get_help(context)
    assert "Exit codes:" in shown
    assert f"Example:\n  {command.example}" in shown
    assert set(command.codes) <= set(exits.MEANINGS)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("opz",), "`sc ops`"),
        (("status",), "`sc ops status`"),
        (("ops", "deply"), "`sc ops deploy`"),
        (("deploy",), "`sc ops deploy`"),
        (("ops", "logs"), "`sc logs`"),
        (("oncall", "tke"), "`sc oncall take`"),
        (("swap",), "`sc oncall swap`"),
        (("ops", "deployments", "--limmit=3"), "Did you mean `--limit`?"),
        (("ops", "incident-report", "--id=INC-1", "--format=pfd"), "Did you mean `pdf`?"),
    ],
)
def test_a_slip_is_told_what_was_meant(tmp_path: Path, arguments: tuple[str, ...], hint: str) -> None:
    said = offline(tmp_path, *arguments)
    assert said.code == exits.USAGE
    assert hint in said.err
    assert len(said.err.splitlines()) <= 2


@pytest.mark.parametrize("arguments", [(), ("ops",), ("contact",)])
def test_a_group_alone_shows_what_there_is_as_it_is_laid_out(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = offline(tmp_path, *arguments)
    assert said.code == exits.USAGE
    assert said.err == offline(tmp_path, *arguments, "--help").out


def test_exit_codes_are_a_page_of_the_manual(tmp_path: Path) -> None:
    said = offline(tmp_path, "help", "exit-codes", "--json")
    assert {int(code) for code in said.json} == set(exits.MEANINGS)
    assert offline(tmp_path, "help", "ops", "deploy").out.startswith("Usage: sc ops deploy")
    assert offline(tmp_path, "help", "nonsense").code == exits.USAGE


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "no StayCalm server is known"),
        ({"SC_SERVER": "http://127.0.0.1:9"}, "does not answer"),
        ({"SC_SERVER": "ftp://example.org"}, "is not an http:// or https:// address"),
        ({"SC_SERVER": "http://example.org:99999"}, "is not an http:// or https:// address"),
        ({"SC_SERVER": "http://127.0.0.1:9", "SC_TOKEN": "two words"}, "blanks or control characters"),
    ],
)
def test_without_a_server_it_says_what_to_do(tmp_path: Path, env: dict[str, str], words: str) -> None:
    said = offline(tmp_path, "ops", "status", **env)
    assert said.code == exits.UNREACHABLE
    assert words in said.err
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(tmp_path: Path, shell: str) -> None:
    assert "_SC_COMPLETE" in offline(tmp_path, "completion", shell).out


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    env = {"_SC_COMPLETE": "bash_complete", "COMP_WORDS": "sc ops dep", "COMP_CWORD": "2"}
    assert {"plain,deploy", "plain,deployments"} <= set(offline(tmp_path, **env).out.splitlines())


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "staycalm.yaml").write_text("mine", encoding="utf-8")
    assert offline(tmp_path, "init").code == exits.CONFLICT
    assert (tmp_path / "staycalm.yaml").read_text(encoding="utf-8") == "mine"


def test_a_closed_pipe_is_no_trouble(tmp_path: Path) -> None:
    ended = subprocess.run(
        f"{sys.executable} -m staycalm.cli help exit-codes | head -1",
        shell=True, env=clean_environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stderr == ""
