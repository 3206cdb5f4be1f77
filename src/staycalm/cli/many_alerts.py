"""What `sc ops alerts --do` does: counts first, asks before harm, and tells what was left alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.busy import busy
from staycalm.cli.errors import Trouble
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, segment

BASE = "/api/v1/alerts/bulk"
POLL_S = 0.5
DONE = {"acknowledge": "acknowledged", "resolve": "resolved", "hand-back": "handed back: they fire again"}
LEFT = {
    "already": "were so already",
    "changed": "had changed meanwhile",
    "muted": "are muted and page nobody",
    "still-firing": "still fire: they resolve by themselves when their rule does",
}


@dataclass(frozen=True)
class Asked:
    """A verb for the named alerts, or for all that match the filter `wanted`."""

    verb: str
    ids: tuple[str, ...]
    wanted: dict[str, str | None]
    reason: str
    duration: str | None
    dry_run: bool
    yes: bool

    @property
    def filter(self) -> dict[str, str]:
        return {name: value for name, value in self.wanted.items() if value}

    @property
    def target(self) -> dict[str, Any]:
        """Return which alerts, as the API wants it."""
        narrowed = {name for name in self.filter if name != "state"}
        if self.ids and (narrowed or self.wanted["state"] != "open"):
            raise click.UsageError("Name alerts, or narrow them down with options: not both.")
        return {"ids": list(self.ids)} if self.ids else {"filter": self.filter}


def act(api: Api, as_json: bool, asked: Asked) -> None:
    """What was asked for is done, after a question; or only counted."""
    if asked.verb == "mute":
        _mute(api, as_json, asked)
        return
    body = {**asked.target, "action": asked.verb, "reason": asked.reason}
    counted = api.post(BASE, {**body, "dry_run": True})
    if asked.dry_run:
        _tell_count(as_json, counted)
        return
    found = counted["matching"]
    more = " This cannot be taken back." if asked.verb == "resolve" else ""
    if found and not asked.yes and not click.confirm(
        f"{_alerts(found)} {_of(asked)}.{more} {asked.verb.capitalize()} {_them(found)}?", err=True
    ):  # fmt: skip
        raise Trouble("nothing was changed", code=exits.REFUSED)
    _tell(as_json, _wait(api, api.post(BASE, {**body, "upto": counted["upto"]})))


def undo(api: Api, as_json: bool, id: str) -> None:
    """What BLK-n acknowledged fires again."""
    _tell(as_json, _wait(api, api.post(f"{BASE}/{segment(id)}/undo")))


def _mute(api: Api, as_json: bool, asked: Asked) -> None:
    if not asked.dry_run and asked.duration is None:
        raise click.UsageError("Muting needs an end: add --for, such as --for 2h.")
    if not asked.dry_run and not asked.reason.strip():
        raise click.UsageError("Muting needs a --reason: others have to know why nobody is paged.")
    path = f"{BASE}/silence"
    counted = api.post(path, {**asked.target, "dry_run": True})
    if asked.dry_run:
        _tell_kinds(as_json, counted, "would be muted")
        return
    if counted["matching"] and not asked.yes:
        _tell_kinds(False, counted, "would be muted", to_err=True)
        if not click.confirm(f"Nobody is paged for them for {asked.duration}. Mute them?", err=True):
            raise Trouble("nothing was changed", code=exits.REFUSED)
    made = api.post(path, {**asked.target, "duration": asked.duration, "reason": asked.reason})
    _tell_kinds(as_json, made, "are muted")


def _wait(api: Api, bulk: dict[str, Any]) -> dict[str, Any]:
    """Return the bulk once it is done; interrupted, it goes on at the server."""
    with busy(f"{bulk['matching']} alerts: the server does a thousand at a time"):
        while bulk["state"] == "running":
            time.sleep(POLL_S)
            bulk = api.get(f"{BASE}/{segment(bulk['id'])}")
    return bulk


def _tell_count(as_json: bool, counted: dict[str, Any]) -> None:
    if as_json:
        output.print_json(counted)
    else:
        click.echo(f"{_alerts(counted['matching'])} {'matches' if counted['matching'] == 1 else 'match'}.")


def _tell(as_json: bool, bulk: dict[str, Any]) -> None:
    if as_json:
        output.print_json(bulk)
        return
    left = "".join(f"; {many} {LEFT.get(reason, reason)}" for reason, many in bulk["skipped"].items())
    click.echo(f"{_alerts(bulk['done'])} {DONE[bulk['action']]}{left}.")
    if bulk["can_be_undone"]:
        click.echo(f"For ten minutes: sc ops alerts --undo {bulk['id']}", err=True)


def _tell_kinds(as_json: bool, found: dict[str, Any], words: str, *, to_err: bool = False) -> None:
    if as_json:
        output.print_json(found)
        return
    click.echo(f"{_alerts(found['matching'])} {words}{':' if found['kinds'] else '.'}", err=to_err)
    for kind in found["kinds"]:
        click.echo(f"  {kind['many']:>6}  {harmless(', '.join(kind['matchers']))}", err=to_err)


def _of(asked: Asked) -> str:
    said = " ".join(
        f"{name}={value}" for name, value in asked.filter.items() if (name, value) != ("state", "open")
    )
    return "named" if asked.ids else f"with {harmless(said)}" if said else "are open in all"


def _alerts(many: int) -> str:
    return f"{many} alert" if many == 1 else f"{many} alerts"


def _them(many: int) -> str:
    return "it" if many == 1 else "them"
