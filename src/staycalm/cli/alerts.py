"""`sc ops alerts`, `acknowledge`, `silence`."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli import many_alerts as many
from staycalm.cli.command import command
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, segment

BASE = "/api/v1/alerts"
VERBS = ["acknowledge", "resolve", "mute"]
STATES = ["open", "firing", "acknowledged", "suppressed", "resolved"]


@command(example="sc ops alerts --service=shop --severity=P3 --do resolve --reason='the disk is replaced'")
@click.argument("ids", nargs=-1, metavar="[ALG-n|ALERT]...")
@click.option("--severity", help="P0-P3, SEV1-SEV4, critical (P0), high, medium, low; several with commas.")
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@click.option("--service", help="Only this service.")
@click.option("--env", "environment", help="Only this environment.")
@click.option("--team", help="Only services of this team.")
@click.option("--source", help="Only from this source, such as api or alertmanager.")
@click.option("--rule", help="Only of this rule.")
@click.option("--label", metavar="NAME=VALUE", help="Only with this label.")
@click.option("--search", "q", metavar="WORDS", help="Only with these words in summary, rule or service.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="Rows to list.")
@click.option("--do", "verb", type=click.Choice(VERBS), help="Do this to all that match, or to those named.")
@click.option("--reason", default="", help="Why, for --do; muting needs one.")
@click.option("--for", "duration", metavar="TIME", help="How long to mute, such as 30m, 2h or 1d.")
@click.option("--dry-run", is_flag=True, help="Only count what --do is about.")
@click.option("--undo", metavar="BLK-n", help="Take an acknowledgement of many back, for ten minutes.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def alerts(
    api: Api, as_json: bool, ids: tuple[str, ...], limit: int, verb: str | None, undo: str | None, reason: str,
    duration: str | None, dry_run: bool, yes: bool, **wanted: str | None,
) -> None:  # fmt: skip
    """List open alerts, the most urgent first; with --do, act on all that match.

    What is raised after the count was shown is left alone. Resolving cannot be taken back.
    """
    if undo is not None:
        many.undo(api, as_json, undo)
    elif verb is not None:
        given = many.Asked(verb, ids, wanted, reason, duration, dry_run, yes)
        many.act(api, as_json, given)
    elif ids or reason or duration or dry_run or yes:
        raise click.UsageError(f"Names, --reason, --for, --dry-run and --yes go with --do {' or '.join(VERBS)}.")
    else:
        _list_alerts(api, as_json, limit, wanted)


def _list_alerts(api: Api, as_json: bool, limit: int, wanted: dict[str, str | None]) -> None:
    page: dict[str, Any] = api.get(BASE, limit=limit, **wanted)
    if not page["items"] and (wanted["service"] or wanted["environment"]):
        from staycalm.cli.names import must_exist

        must_exist(api, service=wanted["service"], environment=wanted["environment"])
    if as_json:
        output.print_json(page)
        return
    rows = [
        [a["group"], a["priority"], a["state"], place(a), output.ago(a["opened_at"]), a["acknowledged_by"] or "",
         a["summary"]]
        for a in page["items"]
    ]  # fmt: skip
    headings = ["group", "priority", "state", "where", "since", "taken by", "what"]
    words = "No open alerts. Stay calm." if wanted["state"] == "open" else f"No {wanted['state']} alerts."
    output.table(headings, rows, empty=words, tones=(1, 2), spare=(5, 4))
    if page["next_cursor"]:
        click.echo(f"There are more than {limit}: use --limit, or narrow it down.", err=True)


def place(thing: dict[str, Any]) -> str:
    """Return service@environment of something, as much of it as is known."""
    found = "@".join(each for each in (thing["service"], thing["environment"]) if each)
    return found or "everywhere"


@command(example="sc ops acknowledge ALG-3")
@click.argument("id", metavar="ALG-n|INC-n|ALERT")
def acknowledge(api: Api, as_json: bool, id: str) -> None:
    """Say that you have it: nobody else is paged for the alert group, the incident or the alert."""
    if id.upper().startswith("INC-"):
        taken = [api.post(f"/api/v1/incidents/{segment(id)}/acknowledge")]
    else:
        taken = api.post(f"{BASE}/{segment(id)}/acknowledge", {})
    if as_json:
        output.print_json({"items": taken})
        return
    for each in taken:
        about = harmless(each.get("summary") or each.get("title") or "")
        click.echo(f"You have {each.get('group') or each['id']}: {about}")
    if not taken:
        click.echo("Nothing was firing there; nobody is paged for it.")


@command(example="sc ops silence service=shop rule=disk* --for 2h --reason='moving the disks'")
@click.argument("matchers", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--for", "duration", metavar="TIME", help="How long, such as 30m, 2h or 1d.")
@click.option("--reason", default="", help="Why; everybody sees it.")
@click.option("--end", "ending", metavar="ID", help="End this silence now.")
def silence(
    api: Api, as_json: bool, matchers: tuple[str, ...], duration: str | None, reason: str, ending: str | None
) -> int:
    """Mute alerts that match every LABEL=VALUE; without any, list the silences in force.

    Labels are service, environment, rule, priority and those of the alert. != excludes; a * at the end
    stands for anything.
    """
    if ending is not None:
        return _tell(as_json, api.delete(f"{BASE}/silences/{segment(ending)}"), "ended")
    if not matchers:
        return _list(api, as_json)
    if duration is None:
        raise click.UsageError("A silence needs an end: add --for, such as --for 2h.")
    if not reason:
        raise click.UsageError("A silence needs a --reason: others have to know why nobody is paged.")
    made = api.post(f"{BASE}/silences", {"matchers": list(matchers), "duration": duration, "reason": reason})
    return _tell(as_json, made, "in force")


def _list(api: Api, as_json: bool) -> int:
    found: dict[str, Any] = api.get(f"{BASE}/silences")
    if as_json:
        output.print_json(found)
        return exits.OK
    rows = [
        [s["id"], " ".join(s["matchers"]), output.clock(s["until"]), s["owner"], s["reason"]]
        for s in found["items"]
    ]
    headings = ["id", "matches", "until (UTC)", "by", "reason"]
    output.table(headings, rows, empty="No silences are in force.", spare=(3,))
    return exits.OK


def _tell(as_json: bool, silence: dict[str, Any], words: str) -> int:
    if as_json:
        output.print_json(silence)
    else:
        click.echo(
            f"Silence {silence['id']} ({harmless(' '.join(silence['matchers']))}) is {words}; "
            f"until {output.clock(silence['until'])} UTC"
        )
    return exits.OK
