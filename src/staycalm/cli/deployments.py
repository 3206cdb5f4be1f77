"""`sc ops deployments`, `rollback`, `promote`, `pause`, `resume`, `abort`."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.follow import follow, sentence
from staycalm.client.api import Api, segment

BASE = "/api/v1/deployments"
NAME = click.argument("deployment", metavar="DEPLOYMENT")
WHY = click.option("--reason", default="", help="Why; it is in the record.")


@command(example="sc ops deployments --limit=10")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500))
@click.option("--service", help="Only this service.")
@click.option("--env", "environment", help="Only this environment.")
def deployments(api: Api, as_json: bool, limit: int, service: str | None, environment: str | None) -> None:
    """List deployments, the newest first."""
    page: dict[str, Any] = api.get(BASE, limit=limit, service=service, environment=environment)
    if not page["items"] and (service or environment):
        from staycalm.cli.names import must_exist

        must_exist(api, service=service, environment=environment)
    if as_json:
        output.print_json(page)
        return
    rows = [
        [d["id"], d["service"], d["environment"], d["release"], d["digest"][7:19], d["state"],
         "" if d["weight"] is None else f"{d['weight']:.0f} %", output.ago(d["requested_at"]), d["requested_by"],
         d["end_reason"] or d["held_reason"] or ""]
        for d in page["items"]
    ]  # fmt: skip
    headings = ["id", "service", "env", "release", "digest", "state", "weight", "started", "by", "note"]
    output.table(
        headings,
        rows,
        empty="No deployments. `sc ops deploy --help` shows how.",
        tones=(5,),
        spare=(8, 4, 7, 3),
        right=(6,),
    )


@command(example="sc ops rollback --deployment=abc123 --reason='checkout is slow'", codes=(exits.ROLLED_BACK,))
@click.option("--deployment", required=True, metavar="ID", help="DEP-n, or a unique prefix of digest or commit.")
@WHY
@click.option("--detach", is_flag=True, help="Do not wait until stable serves everything.")
def rollback(api: Api, as_json: bool, deployment: str, reason: str, detach: bool) -> int:
    """Send all traffic back to what served before: one rename while it is warm."""
    begun: dict[str, Any] = api.post(f"{BASE}/{segment(deployment)}/rollback", {"reason": reason})
    if detach:
        _tell(as_json, begun)
        return exits.OK
    code = follow(api, begun["id"], as_json=as_json)
    return exits.OK if code == exits.ROLLED_BACK else code


@command(example="sc ops promote DEP-7 --full")
@NAME
@WHY
@click.option("--full", is_flag=True, help="Everything at once instead of the next step.")
def promote(api: Api, as_json: bool, deployment: str, reason: str, full: bool) -> None:
    """Do not wait for the end of the step."""
    _tell(as_json, api.post(f"{BASE}/{segment(deployment)}/promote", {"reason": reason, "to_full": full}))


@command(example="sc ops pause DEP-7 --reason='waiting for the marketing mail'")
@NAME
@WHY
def pause(api: Api, as_json: bool, deployment: str, reason: str) -> None:
    """Keep the weight where it is; the comparison goes on and still rolls back by itself."""
    _tell(as_json, api.post(f"{BASE}/{segment(deployment)}/pause", {"reason": reason}))


@command(example="sc ops resume DEP-7")
@NAME
def resume(api: Api, as_json: bool, deployment: str) -> None:
    """Let a paused or held rollout go on."""
    _tell(as_json, api.post(f"{BASE}/{segment(deployment)}/resume"))


@command(example="sc ops abort DEP-7 --reason='wrong artifact'")
@NAME
@WHY
def abort(api: Api, as_json: bool, deployment: str, reason: str) -> None:
    """End a running deployment without its release; stable serves everything."""
    _tell(as_json, api.post(f"{BASE}/{segment(deployment)}/abort", {"reason": reason}))


def _tell(as_json: bool, changed: dict[str, Any]) -> None:
    if as_json:
        output.print_json(changed)
    else:
        click.echo(sentence(changed))
