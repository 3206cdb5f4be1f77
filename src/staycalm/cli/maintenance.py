"""`sc ops maintenance`: nobody is paged for what is being worked on."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.alerts import place
from staycalm.cli.command import command
from staycalm.client.api import Api, segment

BASE = "/api/v1/alerts/maintenance"
EVERYTHING = "everything"


@command(example="sc ops maintenance shop@production --for 1h --reason='database upgrade'")
@click.argument("scope", required=False, metavar="[SERVICE][@ENVIRONMENT]|everything")
@click.option("--for", "duration", metavar="TIME", help="How long, such as 30m, 2h or 1d; a week at most.")
@click.option("--reason", default="", help="Why; everybody sees it.")
@click.option("--end", "ending", metavar="MNT-n", help="End this maintenance now.")
def maintenance(
    api: Api, as_json: bool, scope: str | None, duration: str | None, reason: str, ending: str | None
) -> int:
    """Mute everything of a placement, a service (shop), an environment (@staging) or all, for a while.

    Without a scope, list what is in force. Alerts stay visible, and deployments are judged and rolled back
    all the same.
    """
    if ending is not None:
        return _tell(as_json, api.delete(f"{BASE}/{segment(ending)}"), "has ended")
    if scope is None:
        return _list(api, as_json)
    if duration is None:
        raise click.UsageError("A maintenance needs an end: add --for, such as --for 1h.")
    if not reason:
        raise click.UsageError("A maintenance needs a --reason: others have to know why nobody is paged.")
    service, _, environment = ("", "", "") if scope == EVERYTHING else scope.partition("@")
    body: dict[str, Any] = {"duration": duration, "reason": reason}
    body |= {name: value for name, value in (("service", service), ("environment", environment)) if value}
    return _tell(as_json, api.post(BASE, body), f"is in force for {duration}")


def _list(api: Api, as_json: bool) -> int:
    found: dict[str, Any] = api.get(BASE)
    if as_json:
        output.print_json(found)
        return exits.OK
    rows = [[m["id"], place(m), output.clock(m["until"]), m["owner"], m["reason"]] for m in found["items"]]
    headings = ["id", "where", "until (UTC)", "by", "reason"]
    output.table(headings, rows, empty="No maintenance is in force.", spare=(3,))
    return exits.OK


def _tell(as_json: bool, made: dict[str, Any], words: str) -> int:
    if as_json:
        output.print_json(made)
    else:
        until = output.clock(made["until"])
        click.echo(f"Maintenance {made['id']} ({place(made)}) {words}; until {until} UTC")
    return exits.OK
