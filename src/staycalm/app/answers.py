"""What an upper domain answers when a lower one asks."""

from __future__ import annotations

from staycalm.core.placement import Placement
from staycalm.domains.deployments import public as deployments
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.kit.database import ReadTx


def deployed(tx: ReadTx, placement: Placement, /) -> tuple[RunningRevision, ...]:
    """Return the revisions that are meant to run in the placement: stable, and a candidate that is ready."""
    serving = deployments.live(tx, placement)
    return tuple(
        RunningRevision(revision.spec, revision.slot, revision.name == (serving and serving.revision))
        for revision in deployments.list_revisions(tx, placement, limit=10)
        if revision.state in ("ready", "serving")
    )
