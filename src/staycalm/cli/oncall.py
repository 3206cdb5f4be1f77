"""`sc oncall`: who has the pager, now and in the coming weeks; standing in for somebody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from staycalm.cli import output
from staycalm.cli.command import Command, command
from staycalm.cli.main import ONCALL, Commands
from staycalm.client.api import Api, segment

BASE = "/api/v1/oncall"
NO_SCHEDULE = "There are no schedules. Declare one in staycalm.yaml under schedules:."


@command(name="oncall", example="sc oncall --weeks 4")
@click.option("--schedule", help="Only this schedule.")
@click.option("--weeks", type=click.IntRange(1, 52), help="Draw the calendar of so many weeks, from this Monday.")
@click.option("--zone", help="Times in this IANA zone (else that of each schedule).")
@click.option("--mine", is_flag=True, help="Your own shifts of the coming three months.")
def show(api: Api, as_json: bool, schedule: str | None, weeks: int | None, zone: str | None, mine: bool) -> None:
    """Show who is on call now and next, the calendar, or your own shifts."""
    if mine:
        _mine(api, as_json, schedule, zone)
        return
    chosen = schedules(api, schedule)
    if weeks is not None:
        _calendars(api, as_json, chosen, weeks, zone)
        return
    if as_json:
        output.print_json({"items": chosen})
        return
    rows = [
        [n["schedule"], n["primary"] or "NOBODY", n["secondary"] or "nobody",
         local(n["until"], zone or n["time_zone"]), n["next_primary"] or "NOBODY"]
        for n in chosen
    ]  # fmt: skip
    headings = ["schedule", "primary", "secondary", "until", "then"]
    output.table(headings, rows, empty=NO_SCHEDULE, tones=(1,), spare=(4, 2))


def schedules(api: Api, name: str | None) -> list[dict[str, Any]]:
    """Return who is on call now, of every schedule or of the one named."""
    everybody: list[dict[str, Any]] = api.get(BASE)["items"]
    chosen = [now for now in everybody if name in (None, now["schedule"])]
    if name and not chosen:
        known = ", ".join(now["schedule"] for now in everybody) or "none"
        raise click.UsageError(f"There is no schedule {name}. Schedules: {known}.")
    return chosen


def zone_named(name: str) -> ZoneInfo:
    """Return the zone; refuses a name that is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError, RecursionError):
        raise click.UsageError(f"'{name}' is not a time zone. Use an IANA name such as Europe/Berlin.") from None


def local(stamp: str, zone: str) -> str:
    """Return an ISO 8601 time on the zone's wall clock."""
    return datetime.fromisoformat(stamp).astimezone(zone_named(zone)).strftime("%a %d %b %H:%M")


def _calendars(api: Api, as_json: bool, chosen: list[dict[str, Any]], weeks: int, zone: str | None) -> None:
    from staycalm.cli.oncall_calendar import draw, monday, read

    now = datetime.now(UTC)
    found = []
    for each in chosen:
        shown = zone_named(zone or each["time_zone"])
        path = f"{BASE}/schedules/{segment(each['schedule'])}/calendar"
        # One week more, so that a zone far from the schedule's has its last day whole.
        weeks_asked = min(52, weeks + 1)
        calendar = api.get(path, weeks=weeks_asked if not as_json else weeks, start=monday(now, shown).isoformat())
        found.append((calendar, shown))
    if as_json:
        output.print_json({"items": [calendar for calendar, _ in found]})
        return
    room = output.size()[0]
    for calendar, shown in found:
        lines = draw(
            calendar["schedule"], read(calendar), shown, weeks=weeks, now=now, room=room, paint=output.paint
        )
        click.echo("\n".join(lines).rstrip("\n") + "\n")
    if not found:
        click.echo(NO_SCHEDULE)


def _mine(api: Api, as_json: bool, schedule: str | None, zone: str | None) -> None:
    me = api.get("/api/v1/whoami")["id"]
    found = api.get(f"{BASE}/shifts", person=me, schedule=schedule)
    if as_json:
        output.print_json(found)
        return
    zones = {now["schedule"]: now["time_zone"] for now in api.get(BASE)["items"]}
    rows = [
        [local(s["starts_at"], zone or zones[s["schedule"]]), local(s["ends_at"], zone or zones[s["schedule"]]),
         s["schedule"], s["role"], "override" if s["is_override"] else ""]
        for s in found["items"]
    ]  # fmt: skip
    empty = f"{me} has no shift in the coming three months."
    output.table(["from", "to", "schedule", "as", "why"], rows, empty=empty, spare=(4,))


def _alone(**given: Any) -> Any:
    """Show who is on call, unless a command follows; what was said about the server counts for that too."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        assert show.callback is not None
        return show.callback(**given)
    said = {name: given[name] for name in ("server", "token") if given.get(name)}
    context.find_root().params.update(said)
    return None


assert isinstance(show, Command)
oncall = Commands(
    ONCALL, name="oncall", params=show.params, callback=_alone, invoke_without_command=True,
    help=f"{show.help}\n\n\b\nExample:\n  {show.example}\n  sc oncall override add bob --for 4h --reason=dentist",
)  # fmt: skip
