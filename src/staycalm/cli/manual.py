"""`sc help`: the manual's pages that belong to no single command."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import local

ENVIRONMENT = {
    "SC_SERVER": "address of the server, such as https://staycalm.example.org; --server goes before it",
    "SC_TOKEN": "API token; --token goes before it",
    "SC_DATA": "data directory of a local server (`sc up`, and where `sc` looks for one last)",
    "SC_<SECTION>_<KEY>": "any setting of the server (`sc up`) or the watchdog (`sc watch`), before its file",
    "NO_COLOR": "set to anything: no colours",
    "CLICOLOR_FORCE": "set to 1: colours in a pipe, too; NO_COLOR goes before it",
    "COLUMNS, LINES": "size of the terminal, instead of what it says itself",
    "TERM": "dumb: neither colours nor moving pictures",
    "SSL_CERT_FILE": "certificates to trust for https, such as those of a private authority",
    "XDG_CONFIG_HOME": "where `sc login` keeps its token (staycalm/login.json, mode 0600)",
}
TOPICS = ("exit-codes", "environment")


@local(example="sc help exit-codes")
@click.argument("topic", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def manual(topic: tuple[str, ...], as_json: bool) -> int:
    """Explain a command (`sc help ops deploy`), the exit codes, or the environment."""
    if topic == ("exit-codes",):
        return _show(
            as_json, {str(code): words for code, words in exits.MEANINGS.items()}, ["exit code", "meaning"]
        )
    if topic == ("environment",):
        return _show(as_json, ENVIRONMENT, ["variable", "meaning"])
    context = click.get_current_context().find_root()
    command: click.Command = context.command
    for word in topic:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            raise click.UsageError(
                f"There is nothing on `{' '.join(topic)}`. Topics: {', '.join(TOPICS)}, and every command."
            )
        command = found
        context = click.Context(command, parent=context, info_name=word)
    click.echo(command.get_help(context))
    return exits.OK


def _show(as_json: bool, rows: dict[str, str], headings: list[str]) -> int:
    if as_json:
        output.print_json(rows)
    else:
        output.table(headings, [[key, words] for key, words in rows.items()], empty="")
    return exits.OK


def topics() -> dict[str, Any]:
    """Return the pages for the reference."""
    return {"exit-codes": exits.MEANINGS, "environment": ENVIRONMENT}
