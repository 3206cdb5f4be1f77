"""How a command is declared: its connection, its help with an example, its exit codes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from staycalm.cli import exits
from staycalm.client.api import Api, ApiError
from staycalm.client.connection import find_connection

SERVER = click.option(
    "--server", metavar="URL", help="Server to talk to (else SC_SERVER, `sc login`, local data)."
)
TOKEN = click.option("--token", metavar="TOKEN", help="Token to use (else SC_TOKEN).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
NAMES_NOTHING = (404, 422)
COMMON = (exits.OK, exits.USAGE)
REMOTE = (exits.REFUSED, exits.UNREACHABLE, exits.NOT_FOUND, exits.NOT_ALLOWED, exits.CONFLICT)


# What an argument or option of this metavar or name is the name of: the shell completes it from the server.
KINDS = {
    "service": "services",
    "environment": "environments",
    "deployment": "deployments",
    "revision": "revisions",
    "schedule": "schedules",
    "INC-n": "incidents",
    "ACT-n": "actions",
    "ALG-n|INC-n|ALERT": "alerts",
    "[ALG-n|ALERT]...": "alerts",
    "HANDLE": "people",
    "HANDLE|me": "people",
    "PERSON|nobody": "people",
}


class Known(click.types.StringParamType):
    """Text that names something the server knows."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from staycalm.cli.names import complete

        return complete(self.kind, ctx, incomplete)


class Artifact(click.types.StringParamType):
    """A file, a directory, or a digest that the server has."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class Command(click.Command):
    """A command whose help ends with an example and its exit codes."""

    def __init__(self, *args: Any, example: str = "", codes: tuple[int, ...] = (), **named: Any) -> None:
        super().__init__(*args, **named)
        self.example = example
        self.codes = tuple(sorted({*COMMON, *codes}))
        for param in self.params:
            kind = KINDS.get(param.metavar or "") or KINDS.get(param.name or "")
            if kind and type(param.type) is click.types.StringParamType:
                param.type = Known(kind)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            formatter.write_paragraph()
            formatter.write(f"Example:\n  {self.example}\n")
        formatter.write_paragraph()
        formatter.write("Exit codes:\n")
        for code in self.codes:
            formatter.write(f"  {code:<3} {exits.MEANINGS[code]}\n")


def local(example: str = "", *, codes: tuple[int, ...] = (), **named: Any) -> Callable[..., click.Command]:
    """Declare a command that needs no server."""
    declare: Callable[..., click.Command] = click.command(cls=Command, example=example, codes=codes, **named)
    return declare


def command(
    example: str = "", *, codes: tuple[int, ...] = (), timeout_s: float = 30.0, **named: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command that talks to the server: it has --server, --token, --json, and gets `api`, `as_json`."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        def run(server: str | None, token: str | None, as_json: bool, **rest: Any) -> Any:
            from staycalm.cli.busy import busy

            given = click.get_current_context().find_root().params
            found = find_connection(server or given.get("server"), token or given.get("token"), os.environ)
            api = Api(found, timeout_s=timeout_s, waiting=busy)
            try:
                return function(api, as_json, **rest)
            except ApiError as error:
                if error.status in NAMES_NOTHING:
                    from staycalm.cli.names import add_known

                    add_known(api, error, rest.values())
                raise

        wrapped: Callable[..., Any] = functools.wraps(function)(run)
        for option in (JSON, TOKEN, SERVER):
            wrapped = option(wrapped)
        name = named.pop("name", function.__name__.replace("_", "-"))
        declare: Callable[..., click.Command] = click.command(
            name, cls=Command, example=example, codes=(*REMOTE, *codes), **named
        )
        return declare(wrapped)

    return decorate
