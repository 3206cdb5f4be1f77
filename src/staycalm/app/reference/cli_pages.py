"""docs/reference/cli.md and exit-codes.md, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from staycalm.app.reference.markdown import code, table
from staycalm.cli import exits
from staycalm.cli.command import Command
from staycalm.cli.main import sc
from staycalm.cli.manual import ENVIRONMENT

INTRODUCTION = """\
# The command line

`sc` is a client of the API. It finds its server and token by, in this order: `--server` and `--token`;
`SC_SERVER` and `SC_TOKEN`; the file that `sc login` wrote; a server on this machine, through its data directory.

Every command that asks the server takes `--json` and prints the API's answer; exit codes are stable and listed
with each command, and [all in one place](exit-codes.md). Colours and moving pictures appear on a terminal only.
What fails is said in one sentence on standard error, and below it what to do next.

"""
EXIT_CODES = """\
# Exit codes

`sc` ends with one of these; scripts can rely on them. `sc help exit-codes --json` prints the same table.

"""


def exit_codes_page() -> str:
    """Return the page about exit codes."""
    rows = [[str(number), words] for number, words in exits.MEANINGS.items()]
    parts = [EXIT_CODES, table(["code", "meaning"], rows), "\n\n## By command\n\nBesides 0, 2 and 130:\n\n"]
    used = [
        [code(path), ", ".join(str(each) for each in command.codes if each not in (exits.OK, exits.USAGE))]
        for path, command, _ in _walk(sc, "sc", None)
        if isinstance(command, Command)
    ]
    return "".join([*parts, table(["command", "codes"], used)])


def cli_page() -> str:
    """Return the page about every command."""
    environment = table(["variable", "meaning"], [[code(name), words] for name, words in ENVIRONMENT.items()])
    parts = [INTRODUCTION, "## Environment\n\n", environment, "\n\n"]
    for path, command, context in _walk(sc, "sc", None):
        parts.append(_command(path, command, context))
    return "".join(parts)


def _walk(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, parent=parent, info_name=path.rpartition(" ")[2])
    yield path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _walk(inner, f"{path} {name}", context)


def _command(path: str, command: click.Command, context: click.Context) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    words = "\n".join(line.strip() for line in (command.help or "").replace("\b\n", "").splitlines())
    if isinstance(command, click.Group):
        words = words.partition("\n\n")[0]
        names = ", ".join(code(f"{path} {name}") for name in command.list_commands(context))
        parts = [f"## `{path}`\n\n{words}\n\nCommands: {names}\n\n"]
        if not command.invoke_without_command:
            return parts[0]
    else:
        parts = [f"## `{path}`\n\n{words}\n\n```\n{usage}\n```\n\n"]
    rows = [_option(each, context) for each in command.params if isinstance(each, click.Option)]
    if rows:
        parts.append(table(["option", "meaning", "default"], rows) + "\n\n")
    if isinstance(command, Command):
        if command.example:
            parts.append(f"Example:\n\n```sh\n{command.example}\n```\n\n")
        special = [
            each for each in command.codes if each in (exits.NOBODY_PAGED, exits.UNHEALTHY, exits.ROLLED_BACK)
        ]
        if special:
            told = "; ".join(f"{each}: {exits.MEANINGS[each]}" for each in special)
            parts.append(f"Exit codes of its own: {told}.\n\n")
    return "".join(parts)


def _option(option: click.Option, context: click.Context) -> list[str]:
    names = ", ".join(code(name) for name in option.opts)
    if not option.is_flag:
        names += f" {option.make_metavar(context)}"
    words = option.help or ""
    needed = " Required." if option.required else ""
    shown = (
        "" if option.is_flag or not option.show_default or option.default is None else code(str(option.default))
    )
    return [names, words + needed, shown]
