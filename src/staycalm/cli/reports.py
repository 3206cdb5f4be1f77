"""`sc ops report` and `sc ops incident-report`: what is written about an incident."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from staycalm.cli import exits
from staycalm.cli.busy import busy
from staycalm.cli.command import command
from staycalm.cli.measure import harmless_lines
from staycalm.client.api import Api, segment

FORMS = {"md": "markdown", "markdown": "markdown", "html": "html", "pdf": "pdf"}


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what both commands have, in the order of their help."""
    for option in (
        click.option("--output", "to", type=click.Path(path_type=Path), help="Write it to this file."),
        click.option(
            "--audience",
            type=click.Choice(["internal", "customer"]),
            default="internal",
            show_default=True,
            help="customer: a post-incident summary without any internal name.",
        ),
        click.option(
            "--document", type=click.Choice(["post-mortem", "root-cause"]), default="post-mortem",
            show_default=True, help="The post-mortem, or the short analysis of its cause.",
        ),
        click.option(
            "--format", "form", type=click.Choice(list(FORMS)), default="markdown", show_default=True,
            help="HTML is one file with its own style; a PDF has a title page.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@command(example="sc ops report INC-123 --format pdf --audience customer --output summary.pdf")
@click.argument("name", metavar="INC-n")
@_options
def report(api: Api, as_json: bool, name: str, form: str, document: str, audience: str, to: Path | None) -> int:
    """Print the report of an incident: the post-mortem's draft, or what customers are told."""
    return _print(api, as_json, name, form, document, audience, to)


@command(example="sc ops incident-report --id=INC-123 --format=pdf --output=report.pdf")
@click.option("--id", "name", required=True, metavar="INC-n", help="Which incident.")
@_options
def incident_report(
    api: Api, as_json: bool, name: str, form: str, document: str, audience: str, to: Path | None
) -> int:
    """Print the report of an incident, as `sc ops report` does."""
    return _print(api, as_json, name, form, document, audience, to)


def _print(api: Api, as_json: bool, name: str, form: str, document: str, audience: str, to: Path | None) -> int:
    wanted = "json" if as_json else FORMS[form]
    if wanted == "pdf" and to is None and sys.stdout.isatty():
        raise click.UsageError("A PDF does not go on a terminal; add --output=report.pdf.")
    path = f"/api/v1/incidents/{segment(name)}/report"
    with busy("Writing the report"):
        content = api.get_bytes(path, format=wanted, document=document, audience=audience)
    if to is not None:
        to.write_bytes(content)
        click.echo(f"Wrote {to} ({len(content)} bytes).")
        return exits.OK
    if sys.stdout.isatty():
        click.echo(harmless_lines(content.decode("utf-8", "replace")))
    else:
        click.echo(content, nl=wanted != "pdf")
    return exits.OK
