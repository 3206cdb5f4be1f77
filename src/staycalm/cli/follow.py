"""Following a rollout on the terminal: who gets the traffic, and what the comparison says."""

from __future__ import annotations

import time
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.client.api import Api, segment

EVERY_S = 0.5
WIDTH = 30


def follow(api: Api, deployment: str, *, as_json: bool) -> int:
    """Draw the deployment until it ends; returns the exit code. Ctrl-C detaches and leaves it running."""
    path = f"/api/v1/deployments/{segment(deployment)}"
    said = ""
    try:
        while True:
            now: dict[str, Any] = api.get(path)
            line = sentence(now)
            if not as_json and line != said:
                said = line
                click.echo(line)
            if not now["is_running"]:
                break
            time.sleep(EVERY_S)
    except KeyboardInterrupt:
        click.echo(
            f"\nDetached: {deployment} goes on. `sc ops rollback --deployment={deployment}` ends it.", err=True
        )
        return exits.OK
    if as_json:
        output.print_json(now)
    return exits.OK if now["state"] == "completed" else exits.ROLLED_BACK


def sentence(d: dict[str, Any]) -> str:
    """Return the rollout as one line: bar, weight, state, verdict."""
    weight = d["weight"] or 0.0
    filled = round(weight / 100 * WIDTH)
    bar = "▓" * filled + "░" * (WIDTH - filled)
    note = ""
    if d["is_held"]:
        note = f"held: {d['held_reason']}"
    elif d["is_paused"]:
        note = "paused"
    elif d["state"] in ("rolled-back", "aborted"):
        note = d["end_reason"] or d["problem"] or ""
    elif d["state"] == "completed":
        note = "proven" if d["is_proven"] else "first deployment" if d["is_first"] else "not proven"
    elif d["problem"]:
        note = d["problem"]
    elif d["verdict_reason"]:
        note = d["verdict_reason"]
    state = output.tone(d["state"].ljust(13), d["state"])
    return f"{d['id']}  {bar} {weight:3.0f} %  {state}  {note}".rstrip()
