"""`sc ops post-mortem`: what people write after an incident."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import output
from staycalm.cli.command import command
from staycalm.cli.measure import harmless, harmless_lines
from staycalm.client.api import Api, segment

BASE = "/api/v1/incidents"
SECTIONS = (
    "summary", "root-cause", "not-caught", "users-affected", "revenue-impact", "went-well", "went-wrong", "lucky",
    "lessons", "customer-summary",
)  # fmt: skip
VERBS = {"to_review": "submit", "to_draft": "return", "publish": "publish"}


@command(example='sc ops post-mortem INC-3 --write root-cause --text "The retry had no budget."')
@click.argument("name", metavar="INC-n")
@click.option("--write", "section", type=click.Choice(SECTIONS), help="Store a text in this section.")
@click.option("--text", help="The text, in Markdown.")
@click.option(
    "--file",
    "source",
    type=click.File("r", encoding="utf-8"),
    help="Read the text from this file; - reads the input.",
)
@click.option(
    "--version",
    "version",
    type=click.IntRange(min=0),
    help="The version the text was written on; refused when there is a newer one. Without: the present one.",
)
@click.option("--submit", "to_review", is_flag=True, help="Send it to review.")
@click.option("--return", "to_draft", is_flag=True, help="Make it a draft again.")
@click.option("--publish", is_flag=True, help="Publish it: frozen from then on.")
@click.option("--amend", metavar="TEXT", help="Append to what is published.")
def post_mortem(
    api: Api, as_json: bool, name: str, section: str | None, text: str | None, source: Any, version: int | None,
    amend: str | None, **wishes: bool,
) -> None:  # fmt: skip
    """Show, write, review and publish the post-mortem of an incident."""
    at = f"{BASE}/{segment(name)}"
    wanted = [verb for flag, verb in VERBS.items() if wishes[flag]]
    if bool(section) + bool(amend) + len(wanted) > 1:
        raise click.UsageError("Do one thing at a time: --write, --submit, --return, --publish or --amend.")
    if section is None and (text is not None or source is not None):
        raise click.UsageError("Name the section with --write.")
    if section is not None:
        paper = _write(api, at, section, _given(text, source), version)
    elif amend is not None:
        paper = api.post(f"{at}/amendments", {"text": amend})
    elif wanted:
        paper = api.post(f"{at}/post-mortem/{wanted[0]}")
    else:
        paper = api.get(f"{at}/post-mortem")
    if as_json:
        output.print_json(paper)
    elif section is not None or amend is not None or wanted:
        click.echo(f"The post-mortem of {paper['incident']}: {paper['state'].replace('-', ' ')}.")
        click.echo(f"{api.connection.url}/incidents/{paper['incident']}/post-mortem")
    else:
        _show(paper)


def _given(text: str | None, source: Any) -> str:
    if (text is None) == (source is None):
        raise click.UsageError("Give the text with --text or with --file.")
    return text if text is not None else str(source.read())


def _write(api: Api, at: str, section: str, text: str, version: int | None) -> Any:
    if version is None:
        known = api.get(f"{at}/post-mortem")["sections"]
        version = next((each["version"] for each in known if each["section"] == section), 0)
    return api.patch(f"{at}/post-mortem", {"texts": {section: text}, "based_on": {section: version}})


def _show(paper: dict[str, Any]) -> None:
    due = f", due {output.clock(paper['due_at'])} UTC" if paper["due_at"] and not paper["published_at"] else ""
    at = f" {output.clock(paper['published_at'])} UTC by {paper['published_by']}" if paper["published_at"] else ""
    click.echo(f"Post-mortem of {paper['incident']}: {paper['state'].replace('-', ' ')}{at}{due}")
    for each in paper["sections"]:
        if each["text"]:
            by = f"{each['by']}, {output.ago(each['at'])}, version {each['version']}"
            click.echo(f"\n{output.paint(each['title'], bold=True)}  {output.paint(harmless(by), dim=True)}")
            click.echo(harmless_lines(each["text"]))
    empty = [each["section"] for each in paper["sections"] if not each["text"]]
    if empty and not paper["published_at"]:
        click.echo(output.paint(f"\nNot written: {', '.join(empty)}", dim=True))
    for each in paper["amendments"]:
        click.echo(
            f"\n{output.paint('Amended', bold=True)} {output.clock(each['at'])} UTC by {harmless(each['by'])}"
        )
        click.echo(harmless_lines(each["text"]))
