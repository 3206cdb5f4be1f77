"""Man pages from the command tree, in the macros of man(7): one for `sc`, one for every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from staycalm import __version__
from staycalm.cli import exits
from staycalm.cli.command import Command
from staycalm.cli.manual import ENVIRONMENT

Line = str


def pages(root: click.Command, *, on: str = "") -> dict[str, str]:
    """Return the file name and the text of every page, such as `sc-ops-deploy.1`, written `on` that day."""
    return {
        f"{path.replace(' ', '-')}.1": _page(path, command, ctx, on)
        for path, command, ctx in _walk(root, "sc", None)
    }


def _walk(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, parent=parent, info_name=path.rpartition(" ")[2])
    yield path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _walk(inner, f"{path} {name}", context)


def _page(path: str, command: click.Command, context: click.Context, on: str) -> str:
    title = path.replace(" ", "-")
    first, _, rest = (command.help or path).replace("\b\n", "").partition("\n\n")
    lines = [
        f'.TH {escape(title.upper())} 1 "{on}" "StayCalm {escape(__version__)}" "StayCalm"',
        ".SH NAME",
        f"{escape(title)} \\- {escape(' '.join(first.split()))}",
        ".SH SYNOPSIS",
        f".B {escape(path)}",
        escape(" ".join(command.collect_usage_pieces(context))),
    ]
    if rest:
        lines += [".SH DESCRIPTION", *_paragraphs(rest)]
    lines += _options(command, context)
    if isinstance(command, click.Group):
        lines += _commands(command, path, context)
    if isinstance(command, Command):
        if command.example:
            lines += [".SH EXAMPLE", ".nf", escape(command.example), ".fi"]
        lines += [".SH EXIT STATUS", *_listed({str(code): exits.MEANINGS[code] for code in command.codes})]
    if path == "sc":
        lines += [".SH ENVIRONMENT", *_listed(ENVIRONMENT)]
        lines += [".SH EXIT STATUS", *_listed({str(code): words for code, words in exits.MEANINGS.items()})]
    else:
        lines += [".SH SEE ALSO", f".BR {escape(title.rpartition('-')[0].partition('-')[0] or 'sc')} (1)"]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[Line]:
    found: list[Line] = []
    for number, part in enumerate(text.split("\n\n")):
        found += ([".PP"] if number else []) + [escape(line.strip()) for line in part.splitlines() if line.strip()]
    return found


def _options(command: click.Command, context: click.Context) -> list[Line]:
    records = [(param, param.get_help_record(context)) for param in command.get_params(context)]
    rows = {record[0]: record[1] for param, record in records if record and isinstance(param, click.Option)}
    return [".SH OPTIONS", *_listed(rows)] if rows else []


def _commands(group: click.Group, path: str, context: click.Context) -> list[Line]:
    known = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [
        ".SH COMMANDS",
        *_listed({f"{path} {name}": each.get_short_help_str(200) for name, each in known if each is not None}),
    ]


def _listed(rows: dict[str, str]) -> list[Line]:
    return [line for term, words in rows.items() for line in (".TP", f".B {escape(term)}", escape(words) or "\\&")]


def escape(text: str) -> str:
    """Return the text as roff prints it: no line of it is a request, hyphens can be copied (groff_char(7))."""
    found = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    found = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in found)
    return f"\\&{found}" if found[:1] in (".", "'") else found
