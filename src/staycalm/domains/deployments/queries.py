"""Reading deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.core.pagination import Page, check_limit, cut, numbered
from staycalm.core.placement import Placement
from staycalm.domains.deployments.machine import RUNNING, WITH_TRAFFIC
from staycalm.domains.deployments.model import accumulators, deployments, history, placements, revisions
from staycalm.domains.deployments.names import read_name
from staycalm.domains.deployments.records import (
    Deployment,
    LiveRevision,
    Moment,
    PlacementState,
    Revision,
    Scene,
    unpack_config,
    unpack_endpoints,
    unpack_spec,
    unpack_split,
)
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import ReadTx

MAX_HISTORY = 7200
MAX_RUNNING = 5000
_D_COLUMNS = [column for column in deployments.c if column.name != "number"]
_R_COLUMNS = [column for column in revisions.c if column.name not in ("number", "log_tail")]
# Asked with every look at a rollout or at what serves: building a statement costs more than running it.
_DEPLOYMENT = sa.select(*_D_COLUMNS).where(deployments.c.id == sa.bindparam("which"))
_PLACE = sa.select(placements).where(placements.c.placement == sa.bindparam("which"))
_REVISIONS = (
    sa.select(*_R_COLUMNS)
    .where(revisions.c.name.in_(sa.bindparam("names", expanding=True)))
    .limit(sa.bindparam("many"))
)
_REVISIONS_OF = (
    sa.select(*_R_COLUMNS)
    .where(revisions.c.placement == sa.bindparam("which"))
    .order_by(revisions.c.number.desc())
    .limit(sa.bindparam("many"))
)
_MEANT_TO_RUN = (
    sa.select(*_R_COLUMNS, placements.c.stable_revision.label("stable"))
    .join(placements, placements.c.placement == revisions.c.placement)
    .where(revisions.c.placement == sa.bindparam("which"), revisions.c.state.in_(("ready", "serving")))
    .order_by(revisions.c.number.desc())
    .limit(10)
)


def _deployment(row: sa.Row[Any]) -> Deployment:
    values = dict(row._mapping)
    values["steps"] = tuple(Step(*step) for step in row.steps)
    values["config"] = unpack_config(row.config)
    values["waived"] = tuple(row.waived)
    values["end_actor"] = Actor(**row.end_actor) if row.end_actor else None
    return Deployment(**values)


def _place(row: sa.Row[Any]) -> PlacementState:
    values = dict(row._mapping)
    values["placement"] = Placement(values.pop("service"), values.pop("environment"))
    values["split"] = unpack_split(row.split)
    values["confirmed_split"] = unpack_split(row.confirmed_split)
    return PlacementState(**values)


def _revision(row: sa.Row[Any]) -> Revision:
    return _revision_of(dict(row._mapping))


def _revision_of(values: dict[str, Any]) -> Revision:
    values["spec"] = unpack_spec(values["spec"])
    values["endpoints"] = unpack_endpoints(values["endpoints"])
    return Revision(**values)


def find_deployment(tx: ReadTx, deployment_id: str) -> Deployment | None:
    """Return the deployment with exactly this id, or None."""
    row = tx.execute(_DEPLOYMENT, {"which": deployment_id}).first()
    return _deployment(row) if row else None


def list_running(tx: ReadTx) -> tuple[Deployment, ...]:
    """Return every deployment that is on its way, the oldest first."""
    query = sa.select(*_D_COLUMNS).where(deployments.c.state.in_(RUNNING)).order_by(deployments.c.number)
    return tuple(_deployment(row) for row in tx.rows(query.limit(MAX_RUNNING)))


def get_deployment(tx: ReadTx, name: str) -> Deployment:
    """Return the deployment that `name` means: DEP-n, or a unique prefix of digest or commit.

    When one release was deployed several times, the newest deployment is meant only if all are of one
    placement. Raises NotFound, Invalid, and Conflict naming the candidates.
    """
    kind, text = read_name(name)
    c = deployments.c
    if kind == "id":
        found = find_deployment(tx, text)
        if found is None:
            raise NotFound("no-such-deployment", f"there is no deployment {text}", next_step=_SEE)
        return found
    matches: dict[str, sa.ColumnElement[bool]] = {
        "digest": c.digest.startswith(f"sha256:{text}", autoescape=True),
        "hex": sa.or_(
            c.digest.startswith(f"sha256:{text}", autoescape=True), c.commit_sha.startswith(text, autoescape=True)
        ),
    }
    rows = tx.rows(sa.select(*_D_COLUMNS).where(matches[kind]).order_by(c.number.desc()).limit(50))
    if not rows:
        raise NotFound("no-such-deployment", f"no deployment matches {name!r}", next_step=_SEE)
    if len({(row.digest, row.service, row.environment) for row in rows}) > 1:
        names = ", ".join(f"{row.id} ({row.service}@{row.environment})" for row in rows[:5])
        raise Conflict(
            "ambiguous-deployment",
            f"{name!r} matches several deployments: {names}",
            next_step="Use the DEP-n id.",
            candidates=[row.id for row in rows[:5]],
        )
    return _deployment(rows[0])


_SEE = "See `sc ops deployments`."


def list_deployments(
    tx: ReadTx,
    *,
    limit: int,
    service: str | None = None,
    environment: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
) -> Page[Deployment]:
    """Return the newest deployments first."""
    c = deployments.c
    query = sa.select(*_D_COLUMNS).order_by(c.number.desc()).limit(check_limit(limit) + 1)
    for column, value in ((c.service, service), (c.environment, environment), (c.state, state)):
        if value is not None:
            query = query.where(column == value)
    if cursor is not None:
        query = query.where(c.number < numbered(cursor))
    rows = [_deployment(row) for row in tx.rows(query)]
    return cut(rows, limit, lambda deployment: deployment.id.removeprefix("DEP-"))


def find_place(tx: ReadTx, placement: Placement) -> PlacementState | None:
    """Return who serves in the placement; None before its first deployment was asked for."""
    row = tx.execute(_PLACE, {"which": str(placement)}).first()
    return _place(row) if row else None


def find_revisions(tx: ReadTx, names: Sequence[str | None]) -> dict[str, Revision]:
    """Return the named revisions that exist."""
    wanted = [name for name in names if name is not None]
    if not wanted:
        return {}
    rows = tx.execute(_REVISIONS, {"names": wanted, "many": len(wanted)})
    return {row.name: _revision(row) for row in rows}


def revisions_of(tx: ReadTx, d: Deployment) -> dict[str, Revision]:
    """Return the deployment's candidate, its stable, and what it goes back to, by name, as far as they exist."""
    return find_revisions(tx, [d.candidate_revision, d.stable_revision, d.return_revision])


def get_revision(tx: ReadTx, name: str) -> Revision:
    """Return the revision; raises NotFound."""
    found = find_revisions(tx, [name]).get(name)
    if found is None:
        raise NotFound("no-such-revision", f"there is no revision {name!r}", next_step=_SEE)
    return found


def list_revisions(tx: ReadTx, placement: Placement, *, limit: int = 50) -> tuple[Revision, ...]:
    """Return the placement's revisions, the newest first."""
    rows = tx.execute(_REVISIONS_OF, {"which": str(placement), "many": check_limit(limit)})
    return tuple(_revision(row) for row in rows)


def list_meant_to_run(tx: ReadTx, placement: Placement) -> tuple[tuple[Revision, bool], ...]:
    """Return stable and a candidate that is ready, each with whether it is stable, the newest first."""
    found = []
    for row in tx.execute(_MEANT_TO_RUN, {"which": str(placement)}):
        values = dict(row._mapping)
        is_stable = values.pop("stable") == row.name
        found.append((_revision_of(values), is_stable))
    return tuple(found)


def kept_logs(tx: ReadTx, revision: str) -> list[dict[str, Any]]:
    """Return the last lines that were saved when the revision was stopped."""
    return list(tx.scalar(sa.select(revisions.c.log_tail).where(revisions.c.name == revision)) or [])


def set_the_scene(tx: ReadTx, deployment: Deployment, place: PlacementState) -> Scene:
    """Return the deployment with everything a step of its rollout needs."""
    d, found = deployment, revisions_of(tx, deployment)
    return Scene(
        deployment=d,
        place=place,
        candidate=found.get(d.candidate_revision or ""),
        stable=found.get(d.stable_revision or ""),
        returning=found.get(d.return_revision or ""),
    )


def live(tx: ReadTx, placement: Placement) -> LiveRevision | None:
    """Return what serves the placement now, or None."""
    place = find_place(tx, placement)
    return _live(tx, place) if place is not None else None


def list_live(tx: ReadTx, *, environment: str | None = None, limit: int = 500) -> tuple[LiveRevision, ...]:
    """Return what serves in every placement (of the environment), by name."""
    query = sa.select(placements).order_by(placements.c.placement).limit(check_limit(limit))
    if environment is not None:
        query = query.where(placements.c.environment == environment)
    found = (_live(tx, _place(row)) for row in tx.rows(query))
    return tuple(each for each in found if each is not None)


def _live(tx: ReadTx, place: PlacementState) -> LiveRevision | None:
    if place.live is None or place.stable_slot is None or place.stable_revision is None:
        return None
    deployment = find_deployment(tx, place.live)
    assert deployment is not None
    return LiveRevision(
        placement=place.placement,
        release=deployment.release,
        digest=deployment.digest,
        commit_sha=deployment.commit_sha,
        deployment=deployment.id,
        since=place.live_since,
        by=deployment.requested_by,
        slot=place.stable_slot,
        revision=place.stable_revision,
        running=place.running,
    )


def find_return(tx: ReadTx, deployment: str) -> Revision | None:
    """Return what serves again once the deployment is rolled back now; None where there is nothing to roll back.

    While traffic is shifted that is stable; of what is live, the revision before, whether or not it still runs.
    """
    d = find_deployment(tx, deployment)
    if d is None or d.stable_revision is None or d.state not in (*WITH_TRAFFIC, "completed"):
        return None
    if d.state == "completed":
        place = find_place(tx, d.placement)
        if place is None or place.live != d.id or place.running is not None:
            return None
    return find_revisions(tx, [d.stable_revision]).get(d.stable_revision)


def accumulated(tx: ReadTx, deployment: str) -> dict[str, Any]:
    """Return the stored evidence by metric."""
    query = sa.select(accumulators.c.metric, accumulators.c.body).where(accumulators.c.deployment == deployment)
    return {row.metric: row.body for row in tx.rows(query.limit(100))}


def list_history(tx: ReadTx, deployment: str, *, after: int = 0, limit: int = 3600) -> tuple[Moment, ...]:
    """Return the rollout second by second, oldest first, past the epoch second `after`."""
    if not 1 <= limit <= MAX_HISTORY:
        raise Invalid("bad-limit", f"limit {limit} is out of range", next_step=f"Use 1 to {MAX_HISTORY}.")
    h = history.c
    query = (
        sa.select(h.second, h.weight, h.body)
        .where(h.deployment == deployment, h.second > after)
        .order_by(h.second)
        .limit(limit)
    )
    return tuple(Moment(row.second, row.weight, row.body) for row in tx.rows(query))


def running_revisions(tx: ReadTx) -> tuple[Revision, ...]:
    """Return every revision that should have processes, for adoption after a restart of ours."""
    alive = ("created", "starting", "ready", "serving", "warm", "kept")
    query = sa.select(*_R_COLUMNS).where(revisions.c.state.in_(alive)).order_by(revisions.c.created_at).limit(5000)
    return tuple(_revision(row) for row in tx.rows(query))
