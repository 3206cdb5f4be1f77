"""`sc oncall`: who has the pager, now and in the coming weeks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from staycalm.cli import output
from staycalm.cli.command import command
from staycalm.client.api import Api, segment

BASE = "/api/v1/oncall"


@command(example="sc oncall --weeks 4")
@click.option("--schedule", help="Only this schedule.")
@click.option("--weeks", type=click.IntRange(1, 52), help="Show the calendar of so many weeks.")
def oncall(api: Api, as_json: bool, schedule: str | None, weeks: int | None) -> None:
    """Show who is on call now and next, or the calendar."""
    everybody: list[dict[str, Any]] = api.get(BASE)["items"]
    chosen = [now for now in everybody if schedule in (None, now["schedule"])]
    if schedule and not chosen:
        known = ", ".join(now["schedule"] for now in everybody) or "none"
        raise click.UsageError(f"There is no schedule {schedule}. Schedules: {known}.")
    if weeks is None:
        if as_json:
            output.print_json({"items": chosen})
            return
        rows = [
            [n["schedule"], n["primary"] or "NOBODY", n["secondary"] or "nobody",
             _local(n["until"], n["time_zone"]), n["next_primary"] or "NOBODY"]
            for n in chosen
        ]  # fmt: skip
        headings = ["schedule", "primary", "secondary", "until", "then"]
        output.table(
            headings, rows, empty="There are no schedules. Declare one in staycalm.yaml under schedules:."
        )
        return
    calendars = [api.get(f"{BASE}/schedules/{segment(n['schedule'])}/calendar", weeks=weeks) for n in chosen]
    if as_json:
        output.print_json({"items": calendars})
        return
    for calendar in calendars:
        click.echo(f"{calendar['schedule']} ({calendar['time_zone']})")
        rows = [
            [_local(t["starts_at"], calendar["time_zone"]), _local(t["ends_at"], calendar["time_zone"]),
             t["primary"] or "NOBODY", t["secondary"] or "nobody"]
            for t in calendar["turns"]
        ]  # fmt: skip
        output.table(["from", "to", "primary", "secondary"], rows, empty="No turns.")


def _local(stamp: str, zone: str) -> str:
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M")
