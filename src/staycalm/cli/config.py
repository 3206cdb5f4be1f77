"""`sc init`, `sc plan`, `sc apply`: what runs where, declared in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command, local
from staycalm.cli.errors import fail
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, ApiError, Unreachable
from staycalm.client.connection import NoServer, find_connection

DEFAULT_FILE = "staycalm.yaml"
DEFAULT_HANDLE = "ada"
# It only saves the stranger from declaring an account twice: no server, no wait.
PATIENCE_S = 10.0
FILE = click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}

TEMPLATE = """\
# What runs where, and who looks after it. `sc plan` shows what would change, `sc apply` does it.
organisation:
  name: My organisation
  escalation_policy: everybody

{people}
teams:
  platform:
    members: [{handle}]

environments:
  production: {{production: true}}

services:
  {service}:
    team: platform
    tier: 2
    placements:
      production:
        listener: {{address: 127.0.0.1, port: 8080}}
        hosts: [{service}.localhost]
        candidate_hosts: [green.{service}.localhost]
        command: [python3, -m, http.server, --bind, 127.0.0.1, "{{port}}"]
        health: {{path: /}}
        smoke_tests: [/]
        strategy: sop

schedules:
  platform:
    people: [{handle}]  # name a second person here as soon as there is one: nobody backs up one alone

escalation_policies:
  everybody:
    steps:
      - {{page: primary of platform, wait: 5m}}
      - {{page: team platform, wait: 10m}}
"""
PERSON = """\
people:
  {handle}:
    name: {handle}
    email: {handle}@example.org
    roles: [admin]
    contact_methods:
      - email: {handle}@example.org
"""
MADE_ON_THE_WEB = """\
people: {{}}  # the account of {handle} was made on the web, and is changed there
"""


@local(example="sc init --service shop && sc plan && sc apply")
@click.option("--file", type=click.Path(path_type=Path), default=DEFAULT_FILE, show_default=True)
@click.option("--service", default="shop", show_default=True, help="Name of your first service.")
@click.option("--handle", help="Your handle (else that of the first admin, or ada).")
def init(file: Path, service: str, handle: str | None) -> int:
    """Write a first staycalm.yaml to start from; never overwrites one."""
    if file.exists():
        return fail(
            f"{file} is already there; nothing was changed", "Name another with --file.", code=exits.CONFLICT
        )
    admins = _admins_of_the_web()
    whose = handle or next(iter(admins), DEFAULT_HANDLE)
    people = (MADE_ON_THE_WEB if whose in admins else PERSON).format(handle=whose)
    file.write_text(TEMPLATE.format(service=service, handle=whose, people=people), encoding="utf-8")
    click.echo(f"Wrote {file}. Edit it, then: sc plan, sc apply.")
    return exits.OK


def _admins_of_the_web() -> list[str]:
    """Return the handles of admins that a file may not declare, because the web manages them; none offline."""
    given = click.get_current_context().find_root().params
    try:
        found = find_connection(given.get("server"), given.get("token"), os.environ)
        people = Api(found, timeout_s=PATIENCE_S).get("/api/v1/people")["items"]
    except (NoServer, Unreachable, ApiError, OSError):
        return []
    return [each["handle"] for each in people if each["managed_by"] == "web" and "admin" in each["standing_roles"]]


def _read(file: Path) -> dict[str, str]:
    try:
        return {"text": file.read_text(encoding="utf-8"), "file": str(file)}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.UsageError(f"cannot read {file}: {reason}. `sc init` writes one to start from.") from None


def _draw(changes: list[dict[str, Any]]) -> None:
    for change in changes:
        sign, colour = SIGNS[change["kind"]]
        line = f"{sign} {change['what']}" + (f": {change['detail']}" if change["detail"] else "")
        click.echo(output.paint(harmless(line), fg=colour))


def _call(api: Api, path: str, file: Path) -> dict[str, Any]:
    """Return the answer; every problem of a bad file is printed with its line."""
    try:
        answer: dict[str, Any] = api.post(path, _read(file))
        return answer
    except ApiError as error:
        problems = error.problem.get("problems", [])
        for problem in problems if problems != [error.detail] else ():
            click.echo(harmless(problem), err=True)
        raise


@command(example="sc plan staycalm.yaml")
@FILE
def plan(api: Api, as_json: bool, file: Path) -> None:
    """Show what `sc apply` would change, removals included. Changes nothing."""
    answer = _call(api, "/api/v1/catalog/plan", file)
    if as_json:
        output.print_json(answer)
        return
    _draw(answer["changes"])
    click.echo(_summary(answer["changes"], "Nothing to do: the file is in force already."))


@command(example="sc apply staycalm.yaml --yes")
@FILE
@click.option("--yes", is_flag=True, help="Do not ask before something is removed.")
def apply(api: Api, as_json: bool, file: Path, yes: bool) -> int:
    """Put the file in force, in one transaction. Asks before it removes anything."""
    planned = _call(api, "/api/v1/catalog/plan", file)["changes"]
    removed = [change["what"] for change in planned if change["kind"] == "remove"]
    if not as_json:
        _draw(planned)
    if removed and not yes and not click.confirm(f"Remove {', '.join(removed)}?", err=True):
        click.echo("Nothing was changed.", err=True)
        return exits.REFUSED
    answer = _call(api, "/api/v1/catalog/apply", file)
    if as_json:
        output.print_json(answer)
        return exits.OK
    click.echo(_summary(answer["changes"], "Nothing to do: the file is in force already."))
    for invited in answer["invitations"]:
        click.echo(f"{invited['handle']} can sign in with {api.connection.url}{invited['path']}")
    return exits.OK


def _summary(changes: list[dict[str, Any]], nothing: str) -> str:
    if not changes:
        return nothing
    count = {kind: sum(change["kind"] == kind for change in changes) for kind in SIGNS}
    return f"{count['add']} added, {count['change']} changed, {count['remove']} removed"
