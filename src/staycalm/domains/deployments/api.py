"""REST routes of deployments."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from staycalm.core.actor import Actor
from staycalm.core.errors import NotFound
from staycalm.core.placement import Placement
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.edge import DeploymentsEdge, Edge
from staycalm.domains.deployments.records import Moment, Revision
from staycalm.domains.deployments.schemas import (
    CheckOut,
    DeploymentDetail,
    DeploymentOut,
    DeploymentPage,
    HistoryOut,
    LiveList,
    LogLineOut,
    LogsOut,
    MomentOut,
    NewDeployment,
    Promotion,
    Reason,
    VerificationOut,
    deployment_detail,
    deployment_out,
    live_out,
)
from staycalm.domains.deployments.verification import verify
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow
from staycalm.kit.wire import shown

router = Router(prefix="/api/v1/deployments", tags=["deployments"])
Reader = Annotated[Actor, allow("metrics", "read")]
Deployer = Annotated[Actor, allow("deploy", "write")]


@router.get("")
async def list_deployments(
    db: Db,
    who: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    service: str | None = None,
    environment: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
) -> DeploymentPage:
    """Return the newest deployments first."""
    page = await db.read(
        queries.list_deployments,
        limit=limit,
        service=service,
        environment=environment,
        state=state,
        cursor=cursor,
    )
    return DeploymentPage(items=[deployment_out(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201)
async def create_deployment(db: Db, who: Deployer, edge: Edge, body: NewDeployment) -> DeploymentOut:
    """The release is on its way into the placement. It goes on by itself; follow it by its id."""
    created = await db.write(
        service.deploy,
        who,
        service=body.service,
        environment=body.environment,
        release=body.release,
        settings=edge.settings,
        strategy=body.strategy,
        steps=tuple(step.value() for step in body.steps),
        is_hotfix=body.hotfix,
        reason=body.reason,
    )
    return deployment_out(created)


@router.get("/live")
async def list_live(db: Db, who: Reader, environment: str | None = None) -> LiveList:
    """Return what serves in every placement (of the environment)."""
    found = await db.read(queries.list_live, environment=environment)
    return LiveList(items=[live_out(each) for each in found])


@router.post("/verify")
async def verify_live(
    db: Db, who: Reader, edge: Edge, environment: str, service: str | None = None
) -> VerificationOut:
    """Run the smoke tests against what is live in the environment now; nothing is changed."""
    found = await verify(db, edge.smoke, environment=environment, service=service)
    checks = [
        shown(
            CheckOut,
            result,
            service=each.live.placement.service,
            environment=environment,
            deployment=each.live.deployment,
        )
        for each in found
        for result in each.results
    ]
    without = [str(each.live.placement) for each in found if not each.results]
    return VerificationOut(
        ok=bool(checks) and all(each.ok for each in checks), checks=checks, without_checks=without
    )


@router.get("/{name}")
async def get_deployment(db: Db, who: Reader, name: str) -> DeploymentDetail:
    """Return a deployment by DEP-n, or a unique prefix of digest or commit, with its evidence."""
    return await db.read(_detail, name)


def _detail(tx: ReadTx, name: str) -> DeploymentDetail:
    d = queries.get_deployment(tx, name)
    return deployment_detail(d, list(queries.revisions_of(tx, d).values()))


@router.get("/{name}/history")
async def get_history(
    db: Db,
    who: Reader,
    name: str,
    after: Annotated[int, Query(description="Epoch second.", ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=7200)] = 3600,
) -> HistoryOut:
    """Return the rollout second by second, oldest first."""
    found = await db.read(_history, name, after, limit)
    return HistoryOut(items=[shown(MomentOut, each) for each in found])


def _history(tx: ReadTx, name: str, after: int, limit: int) -> tuple[Moment, ...]:
    return queries.list_history(tx, queries.get_deployment(tx, name).id, after=after, limit=limit)


@router.post("/{name}/rollback")
async def roll_back(db: Db, who: Deployer, edge: Edge, name: str, body: Reason) -> DeploymentOut:
    """Stable serves everything again: by one rename while the deployment runs or the old one is warm."""
    return deployment_out(await db.write(service.roll_back, who, name, reason=body.reason, settings=edge.settings))


@router.post("/{name}/abort")
async def abort(db: Db, who: Deployer, edge: Edge, name: str, body: Reason) -> DeploymentOut:
    """The deployment ends without its release; stable serves everything. Final."""
    return deployment_out(await db.write(service.abort, who, name, reason=body.reason, settings=edge.settings))


@router.post("/{name}/pause")
async def pause(db: Db, who: Deployer, edge: Edge, name: str, body: Reason) -> DeploymentOut:
    """The rollout's clock stands still; it is watched on, and still rolls back by itself."""
    return deployment_out(await db.write(service.pause, who, name, reason=body.reason, settings=edge.settings))


@router.post("/{name}/resume")
async def resume(db: Db, who: Deployer, edge: Edge, name: str) -> DeploymentOut:
    """A paused or held rollout goes on; the finding it was held for is waived."""
    return deployment_out(await db.write(service.resume, who, name, settings=edge.settings))


@router.post("/{name}/promote")
async def promote(db: Db, who: Deployer, edge: Edge, name: str, body: Promotion) -> DeploymentOut:
    """The rollout does not wait for the end of its step; `to_full` skips all that are left."""
    promoted = await db.write(
        service.promote, who, name, reason=body.reason, settings=edge.settings, to_full=body.to_full
    )
    return deployment_out(promoted)


@router.get("/revisions/{revision}/logs")
async def get_logs(
    db: Db,
    who: Annotated[Actor, allow("logs", "read")],
    edge: Edge,
    revision: str,
    tail: Annotated[int, Query(ge=1, le=10_000)] = 200,
) -> LogsOut:
    """Return the last lines of a revision: live ones, or those saved when it was stopped."""
    return await _logs(db, edge, await db.read(queries.get_revision, revision), tail)


@router.get("/services/{service}/logs")
async def get_service_logs(
    db: Db,
    who: Annotated[Actor, allow("logs", "read")],
    edge: Edge,
    service: str,
    environment: str,
    tail: Annotated[int, Query(ge=1, le=10_000)] = 200,
) -> LogsOut:
    """Return the last lines of what serves the placement now."""
    return await _logs(db, edge, await db.read(_serving, Placement(service, environment)), tail)


def _serving(tx: ReadTx, placement: Placement) -> Revision:
    found = queries.live(tx, placement)
    if found is None:
        raise NotFound("nothing-live", f"nothing is live in {placement}", next_step="Name a revision.")
    return queries.get_revision(tx, found.revision)


async def _logs(db: Database, edge: DeploymentsEdge, revision: Revision, tail: int) -> LogsOut:
    if revision.state in ("stopped", "removed"):
        saved = await db.read(queries.kept_logs, revision.name)
        lines = [LogLineOut(**line) for line in saved[-tail:]]
        return LogsOut(revision=revision.name, is_kept=True, lines=lines)
    target = edge.targets[revision.target]
    found = await target.logs(revision.name, tail=tail)
    return LogsOut(revision=revision.name, is_kept=False, lines=[shown(LogLineOut, line) for line in found])
