"""`sc token create`, `list`, `revoke`: what scripts and machines prove themselves with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from staycalm.cli import output
from staycalm.cli.command import command
from staycalm.cli.main import TOKENS, Commands
from staycalm.client.api import Api, segment
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid

BASE = "/api/v1/tokens"
DAY_S = 86400.0
YEAR_D = 365
USUAL_DAYS = 30.0
LOCAL = "local"


@click.group(cls=Commands, table=TOKENS)
def token() -> None:
    """API tokens: create, list, revoke."""


@command(example="sc token create --read-only --name prometheus --expires 1y")
@click.option("--name", required=True, help="What uses it, such as prometheus.")
@click.option("--read-only", is_flag=True, help="It may look and never change anything.")
@click.option("--expires", help="How long it is valid: 12h, 30d, 1y; else 30d, or as long as your own token.")
@click.option("--role", "roles", multiple=True, help="Only these of your roles; again for more.")
@click.option("--machine", is_flag=True, help="Belongs to no person, with the role ci; asks for people:write.")
def create(
    api: Api, as_json: bool, name: str, read_only: bool, expires: str | None, roles: tuple[str, ...], machine: bool
) -> None:
    """Make a token, shown this once, with at most your own rights."""
    if machine and roles:
        raise click.UsageError("--machine has the role ci; leave --role out.")
    me = api.get("/api/v1/whoami")
    days = _days(expires) if expires else _usual_days(me["expires_at"])
    body: dict[str, Any] = {"name": name, "valid_days": days, "read_only": read_only}
    # The token in the data directory is no person, so what it makes is a machine's.
    is_machine = machine or me["id"] == LOCAL
    made = api.post(f"{BASE}/service" if is_machine else BASE, body if is_machine else {**body, **_chosen(roles)})
    if as_json:
        output.print_json(made)
        return
    click.echo(made["token"])
    kind = "may only read" if read_only else "may do what the role ci may" if is_machine else "acts as you"
    click.echo(f"It {kind} until {output.clock(made['expires_at'])} UTC and is not shown again.", err=True)


@command(example="sc token list", name="list")
@click.option("--all", "of_everybody", is_flag=True, help="Everybody's; asks for people:write.")
def list_tokens(api: Api, as_json: bool, of_everybody: bool) -> None:
    """List the tokens that still hold, and when each was used last."""
    page = api.get(BASE, of_everybody=str(of_everybody).lower())
    if as_json:
        output.print_json(page)
        return
    rows = [
        [t["id"], t["name"], t["owner"], "read only" if t["is_read_only"] else ", ".join(t["roles"]),
         output.ago(t["last_used_at"]), output.clock(t["expires_at"])[:10] or "never"]
        for t in page["items"]
    ]  # fmt: skip
    headings = ["id", "name", "of", "may", "last used", "until"]
    output.table(headings, rows, empty="No tokens. `sc token create --name NAME` makes one.", spare=(2, 5))


@command(example="sc token revoke prometheus")
@click.argument("which", metavar="ID|NAME")
def revoke(api: Api, as_json: bool, which: str) -> None:
    """Make a token worthless at once, by its id or its name."""
    held = api.get(BASE, of_everybody="true")["items"]
    named = [each["id"] for each in held if each["name"] == which]
    if len(named) > 1:
        raise click.UsageError(f"{len(named)} tokens are called {which}. Name the id: {', '.join(named)}.")
    chosen = named[0] if named else which
    api.delete(f"{BASE}/{segment(chosen)}")
    if as_json:
        output.print_json({"revoked": chosen})
    else:
        click.echo(f"Revoked {which}: it answers 401 from now on.")


def _chosen(roles: tuple[str, ...]) -> dict[str, Any]:
    return {"roles": list(roles)} if roles else {}


def _usual_days(mine_until: str | None) -> float:
    """Return thirty days, or a minute less than the token it is made with: none may outlive that one."""
    if mine_until is None:
        return USUAL_DAYS
    left = datetime.fromisoformat(mine_until) - datetime.now(UTC) - timedelta(minutes=1)
    return max(0.0, min(USUAL_DAYS, left / timedelta(days=1)))


def _days(text: str) -> float:
    """Return the days of `12h`, `30d`, `2w` or `1y`."""
    raw = text.strip().lower()
    try:
        if raw.endswith("y"):
            return float(raw[:-1]) * YEAR_D
        return parse_duration(raw) / DAY_S
    except (Invalid, ValueError):
        raise click.UsageError(f"{text!r} is not a duration. Write it like 12h, 30d or 1y.") from None
