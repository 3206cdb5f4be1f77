"""`sc ops note`, `role`, `priority`, `reopen`, `close`: an incident is steered from the terminal."""

from __future__ import annotations

import click

from staycalm.cli import output
from staycalm.cli.command import command
from staycalm.cli.incidents import BASE, ID, tell
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, segment

ROLES = ("commander", "technical-lead", "communications-lead", "scribe")
NOBODY = "nobody"


@command(example='sc ops note INC-3 "the cache was full"')
@ID
@click.argument("text")
def note(api: Api, as_json: bool, id: str, text: str) -> None:
    """Write a line into the incident's timeline."""
    written = api.post(f"{BASE}/{segment(id)}/notes", {"text": text})
    if as_json:
        output.print_json(written)
    else:
        click.echo(f"{id}: noted.")


@command(example="sc ops role INC-3 commander bob")
@ID
@click.argument("role", type=click.Choice(ROLES))
@click.argument("person", metavar="PERSON|nobody")
def role(api: Api, as_json: bool, id: str, role: str, person: str) -> None:
    """Hand a role of the incident to somebody; `nobody` takes it away."""
    holder = None if person == NOBODY else person
    changed = api.post(f"{BASE}/{segment(id)}/roles", {"role": role, "person": holder})
    if as_json:
        output.print_json(changed)
    else:
        click.echo(f"{id}: {harmless(person)} is {role}.")


@command(example='sc ops priority INC-3 P1 --reason="only the search is slow"')
@ID
@click.argument("severity")
@click.option("--reason", default="", help="Why, for the timeline.")
def priority(api: Api, as_json: bool, id: str, severity: str, reason: str) -> None:
    """Change the incident's priority; one that rises pages."""
    changed = api.post(f"{BASE}/{segment(id)}/priority", {"priority": severity, "reason": reason})
    if as_json:
        output.print_json(changed)
    else:
        click.echo(f"{id} is {changed['incident']['priority']}.{_paged(changed['paged'])}")


@command(example='sc ops reopen INC-3 --reason="errors are back"')
@ID
@click.option("--reason", default="", help="What is wrong again.")
def reopen(api: Api, as_json: bool, id: str, reason: str) -> None:
    """The incident goes on: P0 and P1 page as anew."""
    changed = api.post(f"{BASE}/{segment(id)}/reopen", {"text": reason})
    if as_json:
        output.print_json(changed)
    else:
        click.echo(f"{id} is {changed['incident']['state']}.{_paged(changed['paged'])}")


def _paged(people: list[str]) -> str:
    return f" Paged: {', '.join(people)}." if people else ""


@command(example="sc ops close INC-3")
@ID
def close(api: Api, as_json: bool, id: str) -> None:
    """A resolved incident is done with."""
    tell(as_json, api.post(f"{BASE}/{segment(id)}/close"))
