"""`sc ops deploy`: put an artifact into an environment, and follow the rollout."""

from __future__ import annotations

from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.command import Artifact, command
from staycalm.cli.follow import follow
from staycalm.cli.shipping import find_or_ship
from staycalm.client.api import Api


@command(
    example="sc ops deploy shop ./build --env=production --hotfix --reason='checkout broken'",
    codes=(exits.ROLLED_BACK,),
)
@click.argument("service")
@click.argument("artifact", type=Artifact())
@click.option("--env", "environment", required=True, help="Environment to deploy to.")
@click.option("--strategy", help="sop, linear-30, linear-60, instant (default: what the placement declares).")
@click.option("--hotfix", is_flag=True, help="By hand to production, instead of by CI; flagged in the record.")
@click.option("--reason", default="", help="Why; asked for with --hotfix.")
@click.option("--commit", default="", help="Commit the artifact was built from.")
@click.option("--branch", default="", help="Branch it was built from.")
@click.option("--build-id", default="", help="Name of the build.")
@click.option("--tests-passed", multiple=True, metavar="NAME", help="A test suite that passed (repeatable).")
@click.option("--rollback-unsafe", is_flag=True, help="Never roll this release back by itself (schema change).")
@click.option("--detach", is_flag=True, help="Do not follow the rollout.")
def deploy(
    api: Api,
    as_json: bool,
    service: str,
    artifact: str,
    environment: str,
    strategy: str | None,
    hotfix: bool,
    reason: str,
    detach: bool,
    **record: Any,
) -> int:
    """Deploy ARTIFACT: a file or directory, a digest or unique prefix, REL-n, or REFERENCE@sha256:…"""
    if hotfix and not reason:
        raise click.UsageError("--hotfix asks for --reason.")
    release = find_or_ship(
        api,
        service,
        artifact,
        commit_sha=record["commit"],
        branch=record["branch"],
        build_id=record["build_id"],
        tests_passed=list(record["tests_passed"]),
        **({"rollback_safe": False} if record["rollback_unsafe"] else {}),
    )
    wish = {"service": service, "environment": environment, "release": release, "strategy": strategy}
    started: dict[str, Any] = api.post("/api/v1/deployments", {**wish, "hotfix": hotfix, "reason": reason})
    if detach:
        if as_json:
            output.print_json(started)
        else:
            click.echo(f"{started['id']}: {service} {release} to {environment}. Follow it: {_page(api, started)}")
        return exits.OK
    return follow(api, started["id"], as_json=as_json)


def _page(api: Api, deployment: dict[str, Any]) -> str:
    return f"{api.connection.url}/deployments/{deployment['id']}"
