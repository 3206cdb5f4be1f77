"""`sc oncall link`: secret addresses that a calendar reads by itself."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.oncall import BASE
from staycalm.client.api import Api, segment

FEEDS = f"{BASE}/feeds"
TAIL = 8


@command(example="sc oncall link --schedule platform")
@click.option("--schedule", help="Everybody of this schedule (else your own shifts).")
@click.option("--list", "lists", is_flag=True, help="List your links; their addresses are not kept.")
@click.option("--revoke", metavar="ID", help="End this link.")
def link(api: Api, as_json: bool, schedule: str | None, lists: bool, revoke: str | None) -> int:
    """Make a calendar link: a secret address for Google, Apple, Outlook or any other calendar, told this once."""
    if lists or revoke:
        found: list[dict[str, Any]] = api.get(FEEDS)["items"]
        return _revoke(api, found, revoke, as_json) if revoke else _list(found, as_json)
    made = api.post(FEEDS, {"schedule": schedule})
    if as_json:
        output.print_json(made)
        return exits.OK
    click.echo(made["url"])
    click.echo("Paste it into your calendar as a subscription. Whoever has it can read it.", err=True)
    return exits.OK


def _list(found: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        output.print_json({"items": found})
        return exits.OK
    rows = [
        [f["id"][-TAIL:], f["schedule"] or "my shifts", output.ago(f["created_at"]), output.ago(f["last_read_at"])]
        for f in found
    ]
    output.table(["id", "holds", "made", "last read"], rows, empty="You have no calendar link.")
    return exits.OK


def _revoke(api: Api, found: list[dict[str, Any]], id: str, as_json: bool) -> int:
    meant = [each for each in found if len(id) >= 4 and each["id"].endswith(id.lower())]
    if len(meant) != 1:
        raise click.UsageError(f"You have no one link that ends with {id}. `sc oncall link --list` shows them.")
    api.delete(f"{FEEDS}/{segment(meant[0]['id'])}")
    if as_json:
        output.print_json(meant[0])
    else:
        click.echo("The link works no more.")
    return exits.OK
