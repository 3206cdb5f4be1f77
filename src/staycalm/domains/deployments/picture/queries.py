"""Reading what a page about rollouts shows. Every read has a bound, however long the rollout ran."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.deployments.machine import RUNNING
from staycalm.domains.deployments.model import deployments, history
from staycalm.domains.deployments.queries import (
    Moment,
    find_place,
    find_revisions,
    get_deployment,
    get_revision,
    kept_logs,
)
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision
from staycalm.kit.database import ReadTx, log

POINTS = 240
EVENTS = 200
MOST_RUNNING = 20


@dataclass(frozen=True, slots=True)
class Course:
    """A deployment with everything its page shows. `moments` are at most some 240 seconds of its history."""

    deployment: Deployment
    place: PlacementState | None
    moments: tuple[Moment, ...]
    events: tuple[LogEntry, ...]
    revisions: dict[str, Revision]

    @property
    def is_live(self) -> bool:
        return self.place is not None and self.place.live == self.deployment.id


def list_running(tx: ReadTx, *, limit: int = MOST_RUNNING) -> tuple[Deployment, ...]:
    """Return the deployments that run now, the newest first."""
    query = (
        sa.select(deployments.c.id)
        .where(deployments.c.state.in_(sorted(RUNNING)))
        .order_by(deployments.c.number.desc())
        .limit(limit)
    )
    return tuple(get_deployment(tx, row.id) for row in tx.rows(query))


def thinned_history(tx: ReadTx, deployment: str, *, points: int = POINTS) -> tuple[Moment, ...]:
    """Return about `points` seconds of the rollout, evenly spread, the last one included.

    Totals are cumulative, so what happened between two of them is not lost.
    """
    h = history.c
    mine = h.deployment == deployment
    span = tx.one_or_none(
        sa.select(sa.func.min(h.second).label("a"), sa.func.max(h.second).label("b")).where(mine)
    )
    if span is None or span.a is None:
        return ()
    every = max(1, ceil((span.b - span.a + 1) / points))
    query = (
        sa.select(h.second, h.weight, h.body)
        .where(mine, sa.or_(h.second % every == span.b % every, h.second == span.a))
        .order_by(h.second)
        .limit(points + 2)
    )
    return tuple(Moment(row.second, row.weight, row.body) for row in tx.rows(query))


def read_course(tx: ReadTx, name: str) -> Course:
    """Return everything about the deployment that `name` means; raises NotFound, Conflict, Invalid."""
    d = get_deployment(tx, name)
    return Course(
        deployment=d,
        place=find_place(tx, d.placement),
        moments=thinned_history(tx, d.id),
        events=tuple(log.about(tx, [d.id], limit=EVENTS)),
        revisions=find_revisions(tx, [d.candidate_revision, d.stable_revision, d.return_revision]),
    )


def look_stamp(tx: ReadTx, deployment: str) -> tuple[int, int, str] | None:
    """Return what changes whenever the page about the deployment does; None when there is no such deployment."""
    d = deployments.c
    row = tx.one_or_none(sa.select(d.stamp, d.look_version, d.state).where(d.id == deployment))
    return (row.stamp, row.look_version, row.state) if row is not None else None


__all__ = [
    "Course",
    "get_revision",
    "kept_logs",
    "list_running",
    "look_stamp",
    "read_course",
    "thinned_history",
]
