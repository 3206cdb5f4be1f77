"""`sc people`: who is who, who may do what until when, and letting people in and out."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.main import PEOPLE, Commands
from staycalm.client.api import Api, segment

BASE = "/api/v1/people"
HANDLE = click.argument("handle", metavar="HANDLE")
YES = click.option("--yes", is_flag=True, help="Do not ask first.")


class People(Commands):
    """Without a command it lists, as `sc people list` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wants_list = not args or (args[0].startswith("-") and args[0] not in ("-h", "--help"))
        return super().parse_args(ctx, ["list", *args] if wants_list else args)


@click.group(cls=People, table=PEOPLE)
def people() -> None:
    """People: list, show, invite, change roles, deactivate, reactivate."""


@command(example="sc people list --role=devops", name="list")
@click.option("--role", help="Only who holds this role now.")
@click.option("--all", "even_inactive", is_flag=True, help="Also who was deactivated.")
def list_people(api: Api, as_json: bool, role: str | None, even_inactive: bool) -> None:
    """List people, their roles now, and when they were here last."""
    found = api.get(BASE, even_inactive=str(even_inactive).lower())["items"]
    chosen = [each for each in found if role is None or role in each["roles"]]
    if as_json:
        output.print_json({"items": chosen})
        return
    rows = [
        [p["handle"], p["name"], _roles(p), output.ago(p["last_seen_at"]) if p["is_active"] else "deactivated",
         p["email"]]
        for p in chosen
    ]  # fmt: skip
    headings = ["handle", "name", "roles now", "last seen", "e-mail"]
    output.table(headings, rows, empty="Nobody. `sc people invite` lets somebody in.", spare=(4, 3))


@command(example="sc people show ada")
@HANDLE
def show(api: Api, as_json: bool, handle: str) -> None:
    """Show one person: roles with their end, contact methods, when they were here last."""
    person: dict[str, Any] = api.get(f"{BASE}/{segment(handle)}")
    methods = api.get(f"/api/v1/oncall/people/{segment(handle)}/contact-methods")["items"]
    if as_json:
        output.print_json({**person, "contact_methods": methods})
        return
    click.echo(f"{person['name']} ({handle}), {person['email']}, {person['time_zone']}")
    if not person["is_active"]:
        click.echo("deactivated")
    click.echo(f"last seen: {output.ago(person['last_seen_at'])}")
    rows = [[role, "for good", ""] for role in person["standing_roles"]]
    rows += [[a["role"], f"until {output.clock(a['until'])} UTC", a["cause"]] for a in person["assumed"]]
    output.table(["role", "held", "because of"], rows, empty="no roles")
    reached = [[m["kind"], m["address"], m["health"]] for m in methods]
    output.table(
        ["reached by", "address", "state"], reached, empty="NO CONTACT METHOD: cannot be paged", tones=(2,)
    )


@command(example="sc people invite eva --name='Eva Luna' --email=eva@example.org --role=developer")
@click.argument("handle")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--role", "roles", multiple=True, help="support, developer, devops or admin; again for more.")
@click.option("--zone", "time_zone", default="UTC", show_default=True, help="IANA time zone.")
def invite(
    api: Api, as_json: bool, handle: str, name: str, email: str, roles: tuple[str, ...], time_zone: str
) -> None:
    """Give somebody an account; prints the link, which works once."""
    body = {"handle": handle, "name": name, "email": email, "roles": list(roles), "time_zone": time_zone}
    _say_link(api, as_json, api.post(BASE, body))


@command(example="sc people roles ada devops admin")
@HANDLE
@click.argument("roles", nargs=-1)
@YES
def roles(api: Api, as_json: bool, handle: str, roles: tuple[str, ...], yes: bool) -> int:
    """Give the person exactly these standing roles; none takes all away."""
    person = api.get(f"{BASE}/{segment(handle)}")
    gone = sorted(set(person["standing_roles"]) - set(roles))
    if gone and not yes and not click.confirm(f"Take {', '.join(gone)} from {handle}?", err=True):
        click.echo("Nothing was changed.", err=True)
        return exits.REFUSED
    kept = {key: person[key] for key in ("name", "email", "time_zone")}
    changed = api.put(f"{BASE}/{segment(handle)}", {**kept, "roles": list(roles)})
    if as_json:
        output.print_json(changed)
    else:
        click.echo(f"{handle}: {', '.join(changed['standing_roles']) or 'no role'}")
    return exits.OK


@command(example="sc people deactivate eva --yes")
@HANDLE
@YES
def deactivate(api: Api, as_json: bool, handle: str, yes: bool) -> int:
    """Sign somebody out everywhere; their tokens and links are worthless at once."""
    if not yes and not click.confirm(f"{handle} cannot sign in or be paged any more. Deactivate?", err=True):
        click.echo("Nothing was changed.", err=True)
        return exits.REFUSED
    api.delete(f"{BASE}/{segment(handle)}")
    if as_json:
        output.print_json({"deactivated": handle})
    else:
        click.echo(f"{handle} is deactivated. What they did stays in the log.")
    return exits.OK


@command(example="sc people reactivate eva")
@HANDLE
def reactivate(api: Api, as_json: bool, handle: str) -> None:
    """Give somebody who was deactivated the account back."""
    _say_link(api, as_json, api.post(f"{BASE}/{segment(handle)}/reactivate"))


@command(example="sc people link eva")
@HANDLE
def link(api: Api, as_json: bool, handle: str) -> None:
    """Print a new link to set a password with; the older one is dead."""
    _say_link(api, as_json, api.post(f"{BASE}/{segment(handle)}/invitation"))


def _say_link(api: Api, as_json: bool, invited: dict[str, Any]) -> None:
    if as_json:
        output.print_json(invited)
    elif invited["path"] is None:
        click.echo(f"{invited['handle']} can sign in with the password they have.")
    else:
        click.echo(f"{api.connection.url}{invited['path']}")
        click.echo(f"Works once, until {output.clock(invited['expires_at'])} UTC.", err=True)


def _roles(person: dict[str, Any]) -> str:
    ends = {each["role"]: each["until"] for each in person["assumed"]}
    words = [f"{r} (until {output.clock(ends[r])[5:16]})" if r in ends else r for r in person["roles"]]
    return ", ".join(words) or "none"
