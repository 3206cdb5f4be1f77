"""Following a rollout on the terminal: who gets the traffic, and what the comparison says."""

from __future__ import annotations

import time
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, Unreachable, segment

EVERY_S = 0.5
PATIENCE_S = 60.0
BAR = 30
Deployment = dict[str, Any]


def follow(api: Api, deployment: str, *, as_json: bool) -> int:
    """Show the deployment until it ends; returns the exit code. Ctrl-C detaches and leaves it running.

    On a terminal one area is redrawn, elsewhere a line is printed at every change. A server that is
    restarted meanwhile is waited for: the rollout goes on without us.
    """
    try:
        if output.is_terminal() and not as_json:
            from staycalm.cli.live_view import draw_until_ended

            now = draw_until_ended(lambda: look(api, deployment), EVERY_S)
        else:
            now = _print_until_ended(api, deployment, quiet=as_json)
    except KeyboardInterrupt:
        click.echo(f"Detached: {deployment} goes on by itself.", err=True)
        click.echo(f"`sc ops rollback --deployment={deployment}` ends it.", err=True)
        return exits.OK
    if as_json:
        output.print_json(now)
    return exits.OK if now["state"] == "completed" else exits.ROLLED_BACK


def look(api: Api, deployment: str) -> Deployment:
    """Return the deployment now; a server that does not answer is asked again for a minute."""
    waited_since = time.monotonic()
    while True:
        try:
            found: Deployment = api.get(f"/api/v1/deployments/{segment(deployment)}")
            return found
        except Unreachable:
            if time.monotonic() - waited_since > PATIENCE_S:
                raise
            time.sleep(EVERY_S)


def _print_until_ended(api: Api, deployment: str, *, quiet: bool) -> Deployment:
    said: tuple[Any, ...] = ()
    last = ""
    while True:
        now = look(api, deployment)
        stage = (now["state"], now["weight"], now["verdict"], now["held_reason"], now["is_paused"], now["problem"])
        line = sentence(now)
        if stage != said and line != last and not quiet:
            said, last = stage, line
            click.echo(line)
        if not now["is_running"]:
            return now
        time.sleep(EVERY_S)


def bar(weight: float | None, size: int = BAR) -> str:
    """Return the share of the candidate as a bar and in percent."""
    filled = round((weight or 0.0) / 100 * size)
    return f"{'▓' * filled}{'░' * (size - filled)} {weight or 0.0:3.0f} %"


def sentence(d: Deployment) -> str:
    """Return the rollout as one line: bar, weight, state, and why."""
    state = output.tone(d["state"].ljust(13), d["state"])
    return f"{d['id']}  {bar(d['weight'])}  {state}  {harmless(note(d))}".rstrip()


def note(d: Deployment) -> str:
    """Return why it is as it is; empty when there is nothing to say."""
    if d["is_held"]:
        return f"held: {d['held_reason']}"
    if d["is_paused"]:
        return "paused"
    if d["state"] in ("rolling-back", "rolled-back", "aborted"):
        return d["end_reason"] or d["problem"] or ""
    if d["state"] == "completed":
        return "proven" if d["is_proven"] else "first deployment" if d["is_first"] else "not proven"
    return d["problem"] or d["verdict_reason"] or ""
