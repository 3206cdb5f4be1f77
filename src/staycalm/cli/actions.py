"""`sc ops action list`, `add`, `done`, `drop`, `reopen`, `change`: what follows from incidents."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import output
from staycalm.cli.command import command
from staycalm.cli.main import ACTIONS, Commands
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, segment

BASE = "/api/v1/incidents"
ID = click.argument("id", metavar="ACT-n")
KIND = click.Choice(["preventive", "documentation"])
STATES = ["open", "overdue", "done", "dropped", "all"]


@click.group(cls=Commands, table=ACTIONS)
def action() -> None:
    """Action items of incidents: list, add, change, done, drop."""


@command(example="sc ops action list --overdue", name="list")
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True, help="Only these.")
@click.option("--overdue", is_flag=True, help="Only those whose day is over.")
@click.option("--owner", help="Only this person's.")
@click.option("--incident", metavar="INC-n", help="Only those of this incident.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
def list_actions(
    api: Api, as_json: bool, state: str, overdue: bool, owner: str | None, incident: str | None, limit: int
) -> None:
    """List action items: open ones in the order of their days, others the newest first."""
    wanted = "overdue" if overdue else state
    page = api.get(f"{BASE}/actions", state=wanted, owner=owner, incident=incident, limit=limit)
    if as_json:
        output.print_json(page)
        return
    rows = [
        [i["id"], "overdue" if i["is_overdue"] else i["state"], i["due_on"], i["owner"], i["incident"], i["what"]]
        for i in page["items"]
    ]
    headings = ["id", "state", "due", "owner", "incident", "what"]
    output.table(headings, rows, empty=f"No {'' if wanted == 'all' else wanted + ' '}action item.", tones=(1,),
                 spare=(4,))  # fmt: skip


@command(example='sc ops action add INC-3 "Give retries a budget" --owner=bob --due=2026-04-01')
@click.argument("incident", metavar="INC-n")
@click.argument("what", metavar="WHAT")
@click.option("--owner", required=True, help="Who does it: a person's handle.")
@click.option("--due", required=True, metavar="DAY", help="By the end of which day, such as 2026-04-01.")
@click.option("--kind", type=KIND, default="preventive", show_default=True)
def add(api: Api, as_json: bool, incident: str, what: str, owner: str, due: str, kind: str) -> None:
    """Add what somebody is to do because of an incident."""
    body = {"what": what, "owner": owner, "due_on": due, "kind": kind}
    _tell(as_json, api.post(f"{BASE}/{segment(incident)}/actions", body))


@command(example="sc ops action change ACT-3 --due=2026-05-01")
@ID
@click.option("--what", help="What will be different.")
@click.option("--owner", help="Who does it.")
@click.option("--due", metavar="DAY", help="By the end of which day.")
@click.option("--kind", type=KIND)
def change(
    api: Api, as_json: bool, id: str, what: str | None, owner: str | None, due: str | None, kind: str | None
) -> None:
    """Change an open action item."""
    given = {"what": what, "owner": owner, "due_on": due, "kind": kind}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise click.UsageError("Say what changes: --what, --owner, --due or --kind.")
    _tell(as_json, api.patch(f"{BASE}/actions/{segment(id)}", body))


@command(example="sc ops action done ACT-3")
@ID
def done(api: Api, as_json: bool, id: str) -> None:
    """It is done."""
    _tell(as_json, api.post(f"{BASE}/actions/{segment(id)}/done"))


@command(example='sc ops action drop ACT-3 --reason="the service is switched off"')
@ID
@click.option("--reason", required=True, help="Why it will not be done.")
def drop(api: Api, as_json: bool, id: str, reason: str) -> None:
    """It will not be done; it stays in the report with the reason."""
    _tell(as_json, api.post(f"{BASE}/actions/{segment(id)}/drop", {"reason": reason}))


@command(example="sc ops action reopen ACT-3")
@ID
def reopen(api: Api, as_json: bool, id: str) -> None:
    """It is to be done again."""
    _tell(as_json, api.post(f"{BASE}/actions/{segment(id)}/reopen"))


def _tell(as_json: bool, item: dict[str, Any]) -> None:
    if as_json:
        output.print_json(item)
        return
    state = "overdue" if item["is_overdue"] else item["state"]
    about = f"{item['owner']}, due {item['due_on']}" if item["state"] == "open" else item["reason"]
    click.echo(f"{item['id']} is {state}: {harmless(item['what'])}{f' ({harmless(about)})' if about else ''}")
