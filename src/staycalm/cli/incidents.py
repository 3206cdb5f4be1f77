"""`sc ops incident`, `incidents`, `mitigate`, `resolve`."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, segment

BASE = "/api/v1/incidents"
ID = click.argument("id", metavar="INC-n")


@command(
    example='sc ops incident --severity=P0 --title="Service Down" --service=shop', codes=(exits.NOBODY_PAGED,)
)
@click.option("--severity", required=True, help="P0-P3, SEV1-SEV4, critical, high, medium, low.")
@click.option("--title", required=True, help="What is wrong, as a person sees it.")
@click.option("--service", help="The service it is about; its escalation policy pages.")
@click.option("--env", "environment", help="The environment it is about.")
def incident(
    api: Api, as_json: bool, severity: str, title: str, service: str | None, environment: str | None
) -> int:
    """Declare an incident and page whoever has to know. Exit code 7 when NOBODY was paged."""
    declared: dict[str, Any] = api.post(
        BASE, {"title": title, "priority": severity, "service": service, "environment": environment}
    )
    if as_json:
        output.print_json(declared)
    else:
        about = declared["incident"]
        verb = "Declared" if declared["is_new"] else "Already open:"
        click.echo(f"{verb} {about['id']} ({about['priority']}): {harmless(about['title'])}")
        if declared["paged"]:
            click.echo(f"Paged: {', '.join(declared['paged'])}")
        click.echo(f"{api.connection.url}{about['url_path']}")
    if declared["nobody_paged"]:
        said = "sc: NOBODY PAGED. Call somebody, and give the organisation an escalation policy."
        click.echo(output.paint(said, fg="red", bold=True), err=True)
        return exits.NOBODY_PAGED
    return exits.OK


@command(example="sc ops incidents --open")
@click.option("--open", "only_open", is_flag=True, help="Only what has not ended.")
@click.option("--severity", help="Only this priority.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500))
def incidents(api: Api, as_json: bool, only_open: bool, severity: str | None, limit: int) -> None:
    """List incidents, the newest first."""
    page = api.get(BASE, limit=limit, open=str(only_open).lower(), priority=severity)
    if as_json:
        output.print_json(page)
        return
    rows = [
        [i["id"], i["priority"], i["state"], i["service"] or "", output.ago(i["declared_at"]), i["title"]]
        for i in page["items"]
    ]
    headings = ["id", "priority", "state", "service", "declared", "title"]
    output.table(headings, rows, empty="No incidents. Stay calm.", tones=(1, 2), spare=(3, 4))


@command(example='sc ops mitigate INC-3 --how="rolled back to v2"')
@ID
@click.option("--how", default="", help="What was done.")
def mitigate(api: Api, as_json: bool, id: str, how: str) -> None:
    """Users are served again; it remains to be verified."""
    tell(as_json, api.post(f"{BASE}/{segment(id)}/mitigate", {"text": how}))


@command(example='sc ops resolve INC-3 --summary="bad release rolled back"')
@ID
@click.option("--summary", default="", help="What it was, in a sentence.")
def resolve(api: Api, as_json: bool, id: str, summary: str) -> None:
    """It is over: nobody is paged any more, and the post-mortem is due."""
    tell(as_json, api.post(f"{BASE}/{segment(id)}/resolve", {"text": summary}))


def tell(as_json: bool, changed: dict[str, Any]) -> None:
    """The new state of an incident is said."""
    if as_json:
        output.print_json(changed)
    else:
        click.echo(f"{changed['id']} is {changed['state']}.")
