"""Reading what a page about rollouts shows. Every read has a bound, however long the rollout ran."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from staycalm.core.charts.series import Graph
from staycalm.core.events import LogEntry
from staycalm.domains.deployments.machine import RUNNING
from staycalm.domains.deployments.model import deployments, placements
from staycalm.domains.deployments.picture.course import drawn_graphs, within
from staycalm.domains.deployments.picture.frozen import Frozen, find_picture, with_later
from staycalm.domains.deployments.picture.history import EVENTS, thinned_history
from staycalm.domains.deployments.queries import (
    find_place,
    get_deployment,
    get_revision,
    kept_logs,
    revisions_of,
)
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision
from staycalm.kit.database import ReadTx, log

MOST_RUNNING = 20
MOST_PLACEMENTS = 5000
Window = tuple[float, float]
"""A part of a rollout, as two epoch seconds."""


@dataclass(frozen=True, slots=True)
class Course:
    """A deployment with everything its page shows. `graphs` hold at most some 240 seconds of its history."""

    deployment: Deployment
    place: PlacementState | None
    graphs: tuple[Graph, ...]
    events: tuple[LogEntry, ...]
    revisions: dict[str, Revision]
    window: Window | None = None

    @property
    def is_live(self) -> bool:
        return self.place is not None and self.place.live == self.deployment.id

    @property
    def is_frozen(self) -> bool:
        """Return whether nothing of the picture will change any more."""
        return not self.deployment.is_running and not self.is_live


def list_running(tx: ReadTx, *, limit: int = MOST_RUNNING) -> tuple[Deployment, ...]:
    """Return the deployments that run now, the newest first."""
    # By way of the placements, which are few: sorted and cut in SQL, it walks over every deployment ever made.
    named = sa.select(placements.c.running).where(placements.c.running.is_not(None)).limit(MOST_PLACEMENTS)
    query = sa.select(deployments.c.id, deployments.c.number).where(
        deployments.c.id.in_(named), deployments.c.state.in_(sorted(RUNNING))
    )
    newest = sorted(tx.rows(query.limit(MOST_PLACEMENTS)), key=lambda row: row.number, reverse=True)[:limit]
    return tuple(get_deployment(tx, row.id) for row in newest)


def read_course(tx: ReadTx, name: str, window: Window | None = None) -> Course:
    """Return everything about the deployment that `name` means; raises NotFound, Conflict, Invalid.

    Of a finished one the stored picture is shown, which never changes. `window` asks for a part in more
    detail, as long as the seconds are kept.
    """
    d = get_deployment(tx, name)
    frozen = find_picture(tx, d.id) if not d.is_running else None
    found = tuple(log.about(tx, [d.id], limit=EVENTS))
    return Course(
        deployment=d,
        place=find_place(tx, d.placement),
        graphs=_graphs(tx, d, frozen, window),
        events=with_later(frozen.events, found) if frozen is not None else found,
        revisions=revisions_of(tx, d),
        window=window,
    )


def _graphs(tx: ReadTx, d: Deployment, frozen: Frozen | None, window: Window | None) -> tuple[Graph, ...]:
    if window is None:
        return frozen.graphs if frozen is not None else drawn_graphs(d, thinned_history(tx, d.id))
    since_s, until_s = window
    # What came before gives the first rates of the part their quarter of a minute.
    moments = thinned_history(tx, d.id, since_s=since_s - 20, until_s=until_s)
    if len(moments) > 1 or frozen is None:
        return within(drawn_graphs(d, moments), since_s, until_s)
    return within(frozen.graphs, since_s, until_s)


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
