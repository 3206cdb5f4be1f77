"""`sc logs`: the last lines of what serves, or of a revision that was rolled back; --follow stays."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.errors import Trouble
from staycalm.client.api import Api, segment
from staycalm.core.text import one_line

BASE = "/api/v1/deployments"
EVERY_S = 1.0
FOLLOW_TAIL = 2000
LINE_LIMIT = 10_000
Line = dict[str, Any]


@command(example="sc logs shop --env=production --follow")
@click.argument("service")
@click.option("--env", "environment", help="Environment; not needed where the service is live in one only.")
@click.option("--revision", help="A revision's name, also a stopped one's; `sc ops deployments --json` has them.")
@click.option("--tail", default=100, show_default=True, type=click.IntRange(1, 10_000), help="How many lines.")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
def logs(
    api: Api, as_json: bool, service: str, environment: str | None, revision: str | None, tail: int, follow: bool
) -> int:
    """Print what SERVICE writes. With --json, one JSON object per line."""
    path, query = _source(api, service, environment, revision)
    if not follow:
        found = api.get(path, tail=tail, **query)
        _print(found["revision"], found["lines"], as_json)
        return exits.OK
    with suppress(KeyboardInterrupt):
        _follow(lambda: api.get(path, tail=max(tail, FOLLOW_TAIL), **query), tail, as_json)
    return exits.OK


def _follow(ask: Callable[[], dict[str, Any]], tail: int, as_json: bool) -> None:
    """Print the last `tail` lines and all that come; returns when the revision has stopped."""
    found = ask()
    name, seen = found["revision"], found["lines"]
    _print(name, seen[-tail:], as_json)
    while not found["is_kept"]:
        time.sleep(EVERY_S)
        found = ask()
        if found["revision"] != name:
            name, seen = found["revision"], []
            click.echo(f"sc: now {name}", err=True)
        fresh, is_whole = news(seen, found["lines"])
        if not is_whole:
            click.echo("sc: it writes faster than this; lines are missing here", err=True)
        _print(name, fresh, as_json)
        seen = found["lines"] or seen


def _source(api: Api, service: str, environment: str | None, revision: str | None) -> tuple[str, dict[str, str]]:
    """Return where to ask. Raises Trouble or UsageError when the environment cannot be told."""
    if revision is not None:
        return f"{BASE}/revisions/{segment(revision)}/logs", {}
    if environment is None:
        api.get(f"/api/v1/catalog/services/{segment(service)}")
        places = [live["environment"] for live in api.get(f"{BASE}/live")["items"] if live["service"] == service]
        if len(places) > 1:
            raise click.UsageError(f"{service} is live in {', '.join(places)}: choose one with --env.")
        if not places:
            raise Trouble(
                f"{service} is not live anywhere", "Name one that ran with --revision.", code=exits.NOT_FOUND
            )
        environment = places[0]
    return f"{BASE}/services/{segment(service)}/logs", {"environment": environment}


def news(seen: Sequence[Line], now: Sequence[Line]) -> tuple[list[Line], bool]:
    """Return the lines of `now` that come after those of `seen`, and whether none can be missing between."""
    if not seen:
        return list(now), True
    for start in range(len(now), 0, -1):
        overlap = min(start, len(seen))
        if now[start - 1] == seen[-1] and list(now[start - overlap : start]) == list(seen[-overlap:]):
            return list(now[start:]), True
    last = seen[-1]["at_s"]
    fresh = [line for line in now if line["at_s"] > last]
    return fresh, len(fresh) < len(now) or not now


def _print(revision: str, lines: Sequence[Line], as_json: bool) -> None:
    if as_json:
        for line in lines:
            click.echo(json.dumps({"revision": revision, **line}, ensure_ascii=False))
        return
    many = len({line["instance"] for line in lines}) > 1
    for line in lines:
        at = datetime.fromtimestamp(line["at_s"], UTC).strftime("%H:%M:%S.%f")[:-3]
        who = f" {revision}/{line['instance']}" if many else ""
        text = one_line(line["text"], LINE_LIMIT)
        click.echo(f"{output.paint(at + who, dim=True)} {output.tone(text, line['stream'])}")
