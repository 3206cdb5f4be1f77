"""`sc oncall override`, `take`, `swap`: somebody stands in for somebody, after a look at what that changes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.main import Commands
from staycalm.cli.moments import read_moment
from staycalm.cli.oncall import BASE, local, schedules, zone_named
from staycalm.client.api import Api, segment
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid

TAIL = 8
SCHEDULE = click.option("--schedule", help="The schedule; needed when there are several.")
ZONE = click.option("--zone", help="Times without offset are in this IANA zone (else the schedule's).")
REASON = click.option("--reason", default="", help="Why; everybody sees it.")
YES = click.option("--yes", is_flag=True, help="Do not ask before it is done.")
DRY = click.option("--dry-run", is_flag=True, help="Only show what would change.")
override = Commands(
    {"add": f"{__name__}:add", "list": f"{__name__}:list_all", "remove": f"{__name__}:remove"},
    name="override",
    help="Somebody holds the pager for a while, whatever the rotation says.",
)


@command(example="sc oncall override add bob --from 'fri 18:00' --until 'mon 09:00' --reason=wedding")
@click.argument("person", metavar="HANDLE|me")
@click.option("--from", "since", metavar="TIME", help="When it begins (else now), such as 'mon 09:00'.")
@click.option("--until", metavar="TIME", help="When it ends.")
@click.option("--for", "duration", metavar="TIME", help="How long it lasts, such as 4h, in place of --until.")
@click.option("--role", type=click.Choice(["primary", "secondary"]), default="primary", show_default=True)
@SCHEDULE
@ZONE
@REASON
@YES
@DRY
def add(
    api: Api, as_json: bool, person: str, since: str | None, until: str | None, duration: str | None, role: str,
    schedule: str | None, zone: str | None, reason: str, yes: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Put somebody in; shows what changes and asks before it does it."""
    name, wall = _schedule(api, schedule, zone)
    now = datetime.now(UTC)
    start = read_moment(since, zone_named(wall), now) if since else None
    if (until is None) == (duration is None):
        raise click.UsageError("An override needs an end: either --until or --for, such as --for 4h.")
    end = read_moment(until, zone_named(wall), now) if until else (start or now) + _span(duration)
    body = {"person": _handle(api, person), "role": role, "ends_at": end.isoformat(), "reason": reason}
    if start is not None:
        body["starts_at"] = start.isoformat()
    path = f"{BASE}/schedules/{segment(name)}/overrides"
    return _agree(api, path, body, wall, as_json=as_json, yes=yes, dry_run=dry_run)


@command(name="list", example="sc oncall override list")
@SCHEDULE
@ZONE
def list_all(api: Api, as_json: bool, schedule: str | None, zone: str | None) -> None:
    """List the overrides that are not over."""
    found = _overrides(api, schedule)
    if as_json:
        output.print_json({"items": found})
        return
    rows = [
        [o["id"][-TAIL:], o["schedule"], o["person"], o["role"], local(o["starts_at"], zone or o["time_zone"]),
         local(o["ends_at"], zone or o["time_zone"]), o["added_by"] or "", o["reason"]]
        for o in found
    ]  # fmt: skip
    headings = ["id", "schedule", "who", "as", "from", "until", "by", "why"]
    output.table(headings, rows, empty="No overrides: the rotation counts.", spare=(6, 3, 1))


@command(example="sc oncall override remove 1c4608911")
@click.argument("id")
@SCHEDULE
@YES
def remove(api: Api, as_json: bool, id: str, schedule: str | None, yes: bool) -> int:
    """Take an override back: the rotation counts again. ID is as listed, or whole."""
    found = [each for each in _overrides(api, schedule) if len(id) >= 4 and each["id"].endswith(id.lower())]
    if len(found) != 1:
        what = f"{len(found)} overrides end" if found else "No override ends"
        raise click.UsageError(f"{what} with {id}. `sc oncall override list` shows them.")
    gone = found[0]
    until = local(gone["ends_at"], gone["time_zone"])
    said = f"{gone['person']} as {gone['role']} of {gone['schedule']} until {until}"
    if not yes and sys.stdin.isatty() and not click.confirm(f"Remove {said}?", err=True):
        return _nothing()
    api.delete(f"{BASE}/schedules/{segment(gone['schedule'])}/overrides/{segment(gone['id'])}")
    if as_json:
        output.print_json(gone)
    else:
        click.echo(f"Removed: {said}. The rotation counts.")
    return exits.OK


@command(example="sc oncall take --at 'sat 12:00'")
@click.option("--at", metavar="TIME", help="The shift that runs then (else now).")
@SCHEDULE
@ZONE
@REASON
@YES
@DRY
def take(
    api: Api, as_json: bool, at: str | None, schedule: str | None, zone: str | None, reason: str, yes: bool,
    dry_run: bool,
) -> int:  # fmt: skip
    """Take a shift: you are primary until it ends."""
    name, wall = _schedule(api, schedule, zone)
    now = datetime.now(UTC)
    instant = read_moment(at, zone_named(wall), now) if at else now
    shift = _shift(api, name, instant)
    body: dict[str, Any] = {"person": _handle(api, "me"), "ends_at": shift["ends_at"], "reason": reason}
    if datetime.fromisoformat(shift["starts_at"]) > now:
        body["starts_at"] = shift["starts_at"]
    path = f"{BASE}/schedules/{segment(name)}/overrides"
    return _agree(api, path, body, wall, as_json=as_json, yes=yes, dry_run=dry_run)


@command(example="sc oncall swap 'sat 12:00' '2026-03-14 12:00'")
@click.argument("first", metavar="TIME")
@click.argument("second", metavar="TIME")
@SCHEDULE
@ZONE
@REASON
@YES
@DRY
def swap(
    api: Api, as_json: bool, first: str, second: str, schedule: str | None, zone: str | None, reason: str,
    yes: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Swap the two shifts that run at these times: their primaries take each other's."""
    name, wall = _schedule(api, schedule, zone)
    one, other = (read_moment(text, zone_named(wall), datetime.now(UTC)).isoformat() for text in (first, second))
    body = {"first": one, "second": other, "reason": reason}
    return _agree(
        api, f"{BASE}/schedules/{segment(name)}/swaps", body, wall, as_json=as_json, yes=yes, dry_run=dry_run
    )


def _agree(
    api: Api, path: str, body: dict[str, Any], zone: str, *, as_json: bool, yes: bool, dry_run: bool
) -> int:
    """What changes is shown, a person is asked, and it is done. A script is not asked."""
    found = api.post(f"{path}/preview", body)
    if dry_run and as_json:
        output.print_json(found)
        return exits.OK
    if not as_json:
        _show(found, zone)
    if dry_run:
        return exits.OK
    if not yes and not as_json and sys.stdin.isatty() and not click.confirm("Do it?", err=True):
        return _nothing()
    made = api.post(path, body)
    if as_json:
        output.print_json(made)
        return exits.OK
    for each in made.get("items", [made]):
        until = local(each["ends_at"], zone)
        undo = f"sc oncall override remove {each['id'][-TAIL:]}"
        click.echo(f"{each['person']} is {each['role']} until {until}. Undo: {undo}")
    return exits.OK


def _show(found: dict[str, Any], zone: str) -> None:
    rows = [
        [local(c["starts_at"], zone), local(c["ends_at"], zone), c["role"], c["before"] or "nobody",
         c["after"] or "NOBODY"]
        for c in found["changes"]
    ]  # fmt: skip
    output.table(["from", "to", "role", "was to be", "will be"], rows, empty="Nothing changes.", tones=(4,))
    for warning in found["warnings"]:
        click.echo(output.paint(f"Mind: {warning}.", fg="yellow"), err=True)


def _nothing() -> int:
    click.echo("Nothing was changed.", err=True)
    return exits.REFUSED


def _schedule(api: Api, name: str | None, zone: str | None) -> tuple[str, str]:
    """Return the schedule meant and the zone of its times."""
    known = schedules(api, name)
    if len(known) != 1:
        names = ", ".join(each["schedule"] for each in known) or "none"
        raise click.UsageError(f"Which schedule? Add --schedule. Schedules: {names}.")
    return known[0]["schedule"], zone or known[0]["time_zone"]


def _overrides(api: Api, schedule: str | None) -> list[dict[str, Any]]:
    return [
        {**each, "schedule": now["schedule"], "time_zone": now["time_zone"]}
        for now in schedules(api, schedule)
        for each in api.get(f"{BASE}/schedules/{segment(now['schedule'])}/overrides")["items"]
    ]


def _shift(api: Api, schedule: str, instant: datetime) -> dict[str, Any]:
    for shift in api.get(f"{BASE}/shifts", schedule=schedule)["items"]:
        start, end = (datetime.fromisoformat(shift[name]) for name in ("starts_at", "ends_at"))
        if shift["role"] == "primary" and start <= instant < end:
            return dict(shift)
    raise click.UsageError("No shift runs then. For a gap, use `sc oncall override add me`.")


def _handle(api: Api, person: str) -> str:
    return str(api.get("/api/v1/whoami")["id"]) if person == "me" else person


def _span(text: str | None) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text or ""))
    except Invalid as error:
        raise click.UsageError(f"{error.message}. {error.next_step}") from None
