"""What is due, and the narrow read that tells whether a rollout moved. Statements are built once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from staycalm.domains.deployments.model import deployments, placements, revisions
from staycalm.domains.deployments.records import Glance
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import Utc

_GLANCE = (
    sa.select(
        placements.c.running,
        deployments.c.state,
        deployments.c.stamp,
        deployments.c.look_version,
        placements.c.generation,
        placements.c.confirmed_generation,
        deployments.c.deadline_at,
    )
    .join(deployments, deployments.c.id == placements.c.running)
    .where(placements.c.placement == sa.bindparam("which"))
)


def glance(tx: ReadTx, placement: str) -> Glance | None:
    """Return where the placement's running deployment stands; None when none runs."""
    row = tx.execute(_GLANCE, {"which": placement}).first()
    return Glance(**row._mapping) if row is not None else None


_DUE_PLACEMENTS = (
    sa.select(placements.c.placement)
    .where(placements.c.due_at.is_not(None), placements.c.due_at <= sa.bindparam("now", type_=Utc))
    .order_by(placements.c.running.is_(None), placements.c.due_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_NEXT_PLACEMENT = (
    sa.select(placements.c.due_at).where(placements.c.due_at.is_not(None)).order_by(placements.c.due_at).limit(1)
)
_DUE_REVISIONS = (
    sa.select(revisions.c.name)
    .where(revisions.c.due_at.is_not(None), revisions.c.due_at <= sa.bindparam("now", type_=Utc))
    .order_by(revisions.c.due_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_NEXT_REVISION = (
    sa.select(revisions.c.due_at).where(revisions.c.due_at.is_not(None)).order_by(revisions.c.due_at).limit(1)
)


def due_placements(tx: ReadTx, limit: int) -> list[str]:
    """Return the placements with something to do; running rollouts first."""
    return [row[0] for row in tx.execute(_DUE_PLACEMENTS, {"now": tx.now, "most": limit})]


def next_due_placement(tx: ReadTx) -> datetime | None:
    """Return when the next placement has something to do."""
    due_at: datetime | None = tx.scalar(_NEXT_PLACEMENT)
    return due_at


def due_revisions(tx: ReadTx, limit: int) -> list[str]:
    """Return the revisions that are to be stopped or removed."""
    return [row[0] for row in tx.execute(_DUE_REVISIONS, {"now": tx.now, "most": limit})]


def next_due_revision(tx: ReadTx) -> datetime | None:
    """Return when the next revision is to be stopped or removed."""
    due_at: datetime | None = tx.scalar(_NEXT_REVISION)
    return due_at
