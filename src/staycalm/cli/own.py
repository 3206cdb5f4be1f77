"""`sc contact` and `sc session`: how you are reached, and where you are signed in."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.main import CONTACTS, SESSIONS, Commands
from staycalm.client.api import Api, segment
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid

BASE = "/api/v1/oncall"
KINDS = click.Choice(["email", "webhook", "ntfy"])
ID = click.argument("id")


@click.group(cls=Commands, table=CONTACTS)
def contact() -> None:
    """How you are reached: list, add, test, move, remove."""


@click.group(cls=Commands, table=SESSIONS)
def session() -> None:
    """Where you are signed in: list, end."""


@command(example="sc contact list --of=ada", name="list")
@click.option("--of", "handle", help="Whose; your own without it.")
def list_contacts(api: Api, as_json: bool, handle: str | None) -> None:
    """List contact methods in their order, and whether each works."""
    page = api.get(_methods(handle or _me(api)))
    if as_json:
        output.print_json(page)
        return
    rows = [[m["id"], m["kind"], m["address"], m["health"], _when(m["after_s"])] for m in page["items"]]
    headings = ["id", "by", "address", "state", "used"]
    output.table(headings, rows, empty="NO CONTACT METHOD: a page would not arrive.", tones=(3,), spare=(4,))


@command(example="sc contact add ntfy https://ntfy.sh/my-topic --after=2m")
@click.argument("kind", type=KINDS)
@click.argument("address")
@click.option("--after", default="0s", show_default=True, help="Delay behind the page: 2m; or failure.")
def add_contact(api: Api, as_json: bool, kind: str, address: str, after: str) -> None:
    """Be reached this way too; a test message is on its way."""
    body = {"kind": kind, "address": address, "after_s": _after_s(after)}
    added = api.post(_methods(_me(api)), body)
    sent = api.post(f"{BASE}/contact-methods/{segment(added['id'])}/test")
    if as_json:
        output.print_json({**added, "test": sent["subject"]})
    else:
        click.echo(f"Added {added['id']}. A test message is on its way to {added['address']}.")


@command(example="sc contact test 01939f…")
@ID
def test_contact(api: Api, as_json: bool, id: str) -> None:
    """Send a test message; `sc contact list` tells whether it was taken."""
    sent = api.post(f"{BASE}/contact-methods/{segment(id)}/test")
    if as_json:
        output.print_json(sent)
    else:
        click.echo("A test message is on its way.")


@command(example="sc contact move 01939f… --up")
@ID
@click.option("--up/--down", "is_up", default=True, help="Sooner or later in the order.")
def move_contact(api: Api, as_json: bool, id: str, is_up: bool) -> None:
    """Change the order of your contact methods."""
    page = api.post(f"{BASE}/contact-methods/{segment(id)}/move", places=-1 if is_up else 1)
    if as_json:
        output.print_json(page)
    else:
        click.echo("Now: " + ", ".join(f"{m['kind']} {m['address']}" for m in page["items"]))


@command(example="sc contact remove 01939f… --yes")
@ID
@click.option("--yes", is_flag=True, help="Do not ask first.")
def remove_contact(api: Api, as_json: bool, id: str, yes: bool) -> int:
    """Be reached this way no more."""
    if not yes and not click.confirm("Pages do not go there any more. Remove it?", err=True):
        click.echo("Nothing was changed.", err=True)
        return exits.REFUSED
    api.delete(f"{BASE}/contact-methods/{segment(id)}")
    if as_json:
        output.print_json({"removed": id})
    else:
        click.echo("Removed.")
    return exits.OK


@command(example="sc session list", name="list")
def list_sessions(api: Api, as_json: bool) -> None:
    """List the browsers you are signed in with."""
    page = api.get("/api/v1/sessions")
    if as_json:
        output.print_json(page)
        return
    rows = [
        [s["id"], s["address"], output.ago(s["created_at"]), output.ago(s["last_seen_at"]), s["user_agent"]]
        for s in page["items"]
    ]
    headings = ["id", "from", "signed in", "last seen", "browser"]
    output.table(headings, rows, empty="You are signed in with no browser.", spare=(2,))


@command(example="sc session end --all")
@click.argument("id", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every one of yours.")
def end_session(api: Api, as_json: bool, id: str | None, is_all: bool) -> None:
    """Sign a browser of yours out."""
    if (id is None) is not is_all:
        raise click.UsageError("Name a session of `sc session list`, or say --all.")
    api.delete("/api/v1/sessions" if id is None else f"/api/v1/sessions/{segment(id)}")
    if as_json:
        output.print_json({"ended": id or "all"})
    else:
        click.echo("Signed out there.")


def _me(api: Api) -> str:
    me: dict[str, Any] = api.get("/api/v1/whoami")
    return str(me["id"])


def _methods(handle: str) -> str:
    return f"{BASE}/people/{segment(handle)}/contact-methods"


def _when(after_s: float | None) -> str:
    return "after a failure" if after_s is None else "at once" if after_s == 0 else f"{output.span(after_s)} later"


def _after_s(text: str) -> float | None:
    if text == "failure":
        return None
    try:
        return parse_duration(text)
    except Invalid:
        raise click.UsageError(f"{text!r} is not a delay. Write it like 2m, or failure.") from None
